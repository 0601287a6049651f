// Counts answers: latencies of the successful ones, the others by what they were.

import type { Answer } from './connection.ts'
import { LatencyHistogram } from './histogram.ts'

/** An answer without its body, all that a tally needs. */
export type Outcome =
  Omit<Extract<Answer, { kind: 'answered' }>, 'body'> | Extract<Answer, { kind: 'failed' }>

export class AnswerTally {
  readonly latency = new LatencyHistogram()
  /** Answers with a status from 200 to 399, what k6 calls an expected response. */
  succeeded = 0
  failed = 0
  /** By status (`503`) or cause (`timeout`). */
  readonly #failures = new Map<string, number>()

  record(outcome: Outcome): void {
    const tookMs = latencyOf(outcome)
    if (tookMs !== undefined) {
      this.succeeded += 1
      this.latency.record(tookMs)
      return
    }
    this.failed += 1
    const key = outcome.kind === 'answered' ? String(outcome.status) : outcome.cause
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1)
  }

  get failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#failures)
  }
}

/** One second of a load; without latencies when nothing was answered well. */
export interface SecondReport {
  /** Counted from 0: the second in which the requests were sent. */
  readonly second: number
  readonly answers: number
  /** Absent where it is not known. */
  readonly failed?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly maxMs?: number
}

/** The same second by second: each latency is kept, so that a second's percentiles are exact. */
export class SecondsTally {
  readonly #tookMs: number[][] = []
  readonly #failed: number[] = []

  /** @param sentAtMs since the start of the load. */
  record(outcome: Outcome, sentAtMs: number): void {
    const second = Math.floor(sentAtMs / 1000)
    while (this.#tookMs.length <= second) {
      this.#tookMs.push([])
      this.#failed.push(0)
    }
    const tookMs = latencyOf(outcome)
    if (tookMs !== undefined) this.#tookMs[second]?.push(tookMs)
    else this.#failed[second] = (this.#failed[second] ?? 0) + 1
  }

  /** Every second from the first on, in order. */
  report(): readonly SecondReport[] {
    return this.#tookMs.map((unsorted, second) => {
      const tookMs = unsorted.toSorted((one, other) => one - other)
      const answers = tookMs.length
      const at = (share: number): number => tookMs[Math.max(0, Math.ceil(answers * share) - 1)] ?? 0
      const counts = { second, answers, failed: this.#failed[second] ?? 0 }
      return answers === 0 ? counts : { ...counts, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
    })
  }
}

/** ms; undefined unless it succeeded. */
function latencyOf(outcome: Outcome): number | undefined {
  const isSuccess = outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 400
  return isSuccess ? outcome.tookMs : undefined
}
