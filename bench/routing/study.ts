// Every variant against every schedule, spread over threads.

import { Worker } from 'node:worker_threads'
import type { Earnings } from './play.ts'
import type { Schedule } from './schedules.ts'
import type { Variant } from './variants.ts'

export interface StudyRequest {
  readonly variants: readonly Variant[]
  readonly schedules: readonly Schedule[]
  /** Worlds in which each schedule is played; they differ in clocks, travel times and jitter. */
  readonly seeds: number
  readonly users: number
  /** How much later than the processors Pit reads its books in each check, ms. */
  readonly pitLaterMs: number
  /** Threads. */
  readonly jobs: number
}

/** One run: indices into the request. */
export interface Task {
  readonly variant: number
  readonly schedule: number
  readonly seed: number
}

export interface Played extends Task {
  readonly earnings: Earnings
}

/** The task of a thread. */
export interface JobRequest extends StudyRequest {
  readonly job: number
}

export function listTasks({ variants, schedules, seeds }: StudyRequest): readonly Task[] {
  return variants.flatMap((_, variant) =>
    schedules.flatMap((_, schedule) =>
      Array.from({ length: seeds }, (_, seed) => ({ variant, schedule, seed: seed + 1 })),
    ),
  )
}

/** Plays all of it; `onPlayed` is called after each run. Rejects when a run broke a promise. */
export async function runStudy(
  request: StudyRequest,
  onPlayed: (played: Played) => void,
): Promise<void> {
  const jobs = Array.from({ length: request.jobs }, (_, job) =>
    runJob({ ...request, job }, onPlayed),
  )
  await Promise.all(jobs)
}

function runJob(request: JobRequest, onPlayed: (played: Played) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./study-job.js', import.meta.url), { workerData: request })
    worker.on('message', onPlayed)
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}
