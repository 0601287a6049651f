// A thread that plays every n-th run of a study and reports each.

import { parentPort, workerData } from 'node:worker_threads'
import { LOAD_SECONDS, play } from './play.ts'
import { listTasks, type JobRequest, type Played } from './study.ts'

const request = workerData as JobRequest
const tasks = listTasks(request)
for (let index = request.job; index < tasks.length; index += request.jobs) {
  const task = tasks[index]
  if (task === undefined) break
  const environment = request.variants[task.variant]?.environment ?? {}
  const stages = request.schedules[task.schedule]?.stages ?? []
  const { users } = request
  const game = { stages, environment, seed: task.seed, users, seconds: LOAD_SECONDS }
  const played: Played = { ...task, earnings: await play(game) }
  parentPort?.postMessage(played, [])
  // Lets failures that nobody caught come up with the run that made them.
  await new Promise((resolve) => setImmediate(resolve))
}
