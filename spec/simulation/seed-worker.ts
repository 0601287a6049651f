// A thread that runs every n-th seed and reports each result.

import { parentPort, workerData } from 'node:worker_threads'
import { type JobRequest, runSeed } from './seeds.ts'

const { from, seeds, jobs, job } = workerData as JobRequest
for (let index = job; index < seeds; index += jobs) {
  parentPort?.postMessage(await runSeed({ seed: from + index }), [])
  // Lets failures that nobody caught come up with the seed that made them.
  await new Promise((resolve) => setImmediate(resolve))
}
