// The floor: a server that reads a payment and answers 202, and does nothing else. What the harness
// measures here is the harness and the machine.
//
//   node build/bench/measure/floor-server.js SOCKET

import { loadWebServer } from '../../src/server/load-server.ts'

const [socketPath = ''] = process.argv.slice(2)

const app = (await loadWebServer('auto')).createApp()
app.post('/payments', (response) => {
  response.onAborted(() => undefined)
  response.onData((_, isLast) => {
    if (!isLast) return
    response.cork(() => {
      response.writeStatus('202 Accepted')
      response.end()
    })
  })
})
await app.listen({ socket: socketPath })
