// Counts answers: latencies of the successful ones, the others by what they were.

import type { Answer } from './connection.ts'
import { LatencyHistogram } from './histogram.ts'

export class AnswerTally {
  readonly latency = new LatencyHistogram()
  /** Answers with a status from 200 to 399, what k6 calls an expected response. */
  succeeded = 0
  failed = 0
  /** By status (`503`) or cause (`timeout`). */
  readonly #failures = new Map<string, number>()

  record(answer: Answer): void {
    if (answer.kind === 'answered' && answer.status >= 200 && answer.status < 400) {
      this.succeeded += 1
      this.latency.record(answer.tookMs)
      return
    }
    this.failed += 1
    const key = answer.kind === 'answered' ? String(answer.status) : answer.cause
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1)
  }

  get failures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#failures)
  }
}
