// Preloaded into a Pit that is to be profiled: the first SIGUSR2 starts the CPU profile, the second
// writes it to the file that PIT_PROFILE names.

import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'

const file = process.env['PIT_PROFILE']
const session = new Session()
let isRunning = false

process.on('SIGUSR2', () => {
  if (isRunning) {
    session.post('Profiler.stop', (failure, result) => {
      if (failure === null && file !== undefined) {
        writeFileSync(file, JSON.stringify(result.profile))
      }
      session.disconnect()
    })
    return
  }
  isRunning = true
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
  session.post('Profiler.start')
})

const SAMPLE_EVERY_US = 250
