// A thread that plays every n-th run of a study and reports each.

import { parentPort, workerData } from 'node:worker_threads'
import { composeEnvironment } from '../layout/pit.ts'
import { LOAD_SECONDS, play } from './play.ts'
import { listTasks, type JobRequest, type Played } from './study.ts'

const request = workerData as JobRequest
const tasks = listTasks(request)
for (let index = request.job; index < tasks.length; index += request.jobs) {
  const task = tasks[index]
  if (task === undefined) break
  const { users, pitLaterMs, schedules, variants } = request
  const schedule = schedules[task.schedule]
  if (schedule === undefined) break
  const { stages, fees, lagMs } = schedule
  const environment = {
    ...composeEnvironment(),
    PROCESSOR_DEFAULT_FEE: String(fees.default),
    PROCESSOR_FALLBACK_FEE: String(fees.fallback),
    ...variants[task.variant]?.environment,
  }
  const load = { users, seconds: LOAD_SECONDS, seed: task.seed }
  const game = { stages, lagMs, pitLaterMs, environment, ...load }
  const played: Played = { ...task, earnings: await play(game) }
  parentPort?.postMessage(played, [])
  // Lets failures that nobody caught come up with the run that made them.
  await new Promise((resolve) => setImmediate(resolve))
}
