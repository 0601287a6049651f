// Many seeds, spread over threads, with progress and a summary; or one seed, told in full.

import { Worker } from 'node:worker_threads'
import { RULES } from './rules.ts'
import { runSeed, type SeedResult } from './run.ts'

export interface SeedsRequest {
  readonly from: number
  readonly seeds: number
  readonly jobs: number
  readonly failuresMax: number
}

/** How a seed is run again by itself. */
export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed} --trace`
}

/** Prints the history of one seed; whether every promise held. */
export async function traceSeed(seed: number, print: 'steps' | 'end'): Promise<boolean> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  const result = await runSeed({ seed, ...(print === 'steps' ? { print: write } : {}) })
  write(describeResult(result))
  return result.violations.length === 0
}

/** Runs seeds `from` to `from + seeds - 1`; whether every promise held in each. */
export async function runSeeds(request: SeedsRequest): Promise<boolean> {
  const tally = new Tally(request)
  const jobs = Array.from({ length: request.jobs }, (_, job) => runJob({ ...request, job }, tally))
  await Promise.all(jobs)
  tally.finish()
  return tally.failures === 0
}

/** What a thread is told: its share of the seeds. */
export interface JobRequest extends SeedsRequest {
  readonly job: number
}

function runJob(request: JobRequest, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./seeds-job.js', import.meta.url), { workerData: request })
    worker.on('message', (result: SeedResult) => {
      tally.take(result)
      if (tally.failures >= request.failuresMax) void worker.terminate()
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}

/** Between two lines of progress, ms. */
const PROGRESS_MS = 2000

class Tally {
  failures = 0
  #runs = 0
  #payments = 0
  #faults = 0
  #steps = 0
  #longestMs = 0
  readonly #wanted: number
  readonly #startedAt = performance.now()
  #shownAt = performance.now()

  constructor({ seeds }: SeedsRequest) {
    this.#wanted = seeds
  }

  take(result: SeedResult): void {
    this.#runs += 1
    this.#payments += result.payments
    this.#faults += result.faults
    this.#steps += result.steps
    this.#longestMs = Math.max(this.#longestMs, result.emptiedAfterMs)
    if (result.violations.length > 0) {
      this.failures += 1
      process.stdout.write(`${describeResult(result)}\n  ${replayCommand(result.seed)}\n`)
    }
    if (performance.now() - this.#shownAt < PROGRESS_MS) return
    this.#shownAt = performance.now()
    process.stderr.write(`${this.#runs}/${this.#wanted} seeds, ${this.failures} failing\n`)
  }

  finish(): void {
    const minutes = (performance.now() - this.#startedAt) / 60_000
    const perMinute = Math.round(this.#runs / minutes)
    process.stdout.write(
      `${this.#runs} seeds, ${this.#payments} payments, ${this.#faults} faults, ` +
        `${this.#steps} steps; ${this.failures} failing; longest backlog ` +
        `${(this.#longestMs / 1000).toFixed(1)} s after the last fault (virtual); ` +
        `${perMinute} seeds a minute\n`,
    )
  }
}

function describeResult({ seed, violations, digest, payments, faults, steps }: SeedResult): string {
  const what = `${payments} payments, ${faults} faults, ${steps} steps, history ${digest}`
  const [violation] = violations
  if (violation === undefined) return `seed ${seed}: every rule held; ${what}`
  const { rule, detail, at } = violation
  return `seed ${seed}: BROKEN ${rule} (${RULES[rule]}) at ${at.toFixed(3)} ms: ${detail}; ${what}`
}
