// What inspection adds to the actors' own work, rounds with and without a viewer in turn in one
// process: whatever else the machine does touches both alike.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { containerNodeFlags } from '../layout/project.ts'
import { watchStream, type ViewerPlan } from '../load/viewer.ts'
import { median } from '../measure/figures.ts'
import type { Measured } from '../measure/report.ts'
import type { ActorReport, ActorTask, Round } from './actor-job.ts'

export interface ActorCase extends ActorTask {
  readonly reads?: ViewerPlan['reads']
  /** The messages of a round must fit into a viewer’s buffer, since nothing waits for it. */
  readonly livesPerRound: number
  /** Each with and without a viewer; small differences take many to be seen. */
  readonly rounds: number
}

const WARM_UP_LIVES = 20_000
/** Some 12 KiB each, for a buffer of 4 MiB and about as much in each of the kernel's two. */
const LIVES_TO_FILL = 1200
const ROUND_WITHIN_MS = 300_000

export async function measureActors(each: ActorCase): Promise<Measured> {
  const file = fileURLToPath(new URL('./actor-job.js', import.meta.url))
  const job = fork(file, [], { execArgv: [...containerNodeFlags()] })
  try {
    const opened = await ask(job, { oneIn: each.oneIn })
    const port = opened.type === 'opened' ? opened.port : 0
    await unwatched(job, WARM_UP_LIVES)
    const bare: number[] = []
    const added: number[] = []
    for (let round = 0; round < each.rounds; round += 1) {
      const alone = await unwatched(job, each.livesPerRound)
      bare.push(alone)
      if (each.reads !== undefined) added.push((await watched(job, each, port)) - alone)
    }
    // The code that viewers need is compiled in the first half.
    const addedUs = added.slice(each.rounds / 2)
    return {
      figures: {
        cpuUsPerLife: median(bare.slice(each.rounds / 2)),
        ...(addedUs.length === 0 ? {} : spreadOf(addedUs)),
      },
    }
  } finally {
    job.kill('SIGKILL')
  }
}

function spreadOf(addedUs: readonly number[]): Measured['figures'] {
  const sorted = addedUs.toSorted((one, other) => one - other)
  const at = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? Number.NaN
  return { addedUs: median(addedUs), addedLowUs: at(0.25), addedHighUs: at(0.75) }
}

async function unwatched(job: ChildProcess, lives: number): Promise<number> {
  const report = await ask(job, { lives })
  return report.type === 'lived' ? report.cpuUsPerLife : Number.NaN
}

async function watched(
  job: ChildProcess,
  { reads = 'everything', livesPerRound }: ActorCase,
  port: number,
): Promise<number> {
  const viewer = await watchStream({ port, path: '/inspect/ws', reads })
  try {
    // Until its buffer is full, a viewer that reads nothing costs as much as any other.
    if (reads === 'nothing') await unwatched(job, LIVES_TO_FILL)
    return await unwatched(job, livesPerRound)
  } finally {
    viewer.leave()
  }
}

async function ask(job: ChildProcess, question: ActorTask | Round): Promise<ActorReport> {
  const signal = AbortSignal.timeout(ROUND_WITHIN_MS)
  const answer = once(job, 'message', { signal })
  job.send(question)
  const [report] = await answer
  return report as ActorReport
}
