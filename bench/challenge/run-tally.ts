// What a run counts: its payments, and every request up to its score.

import type { Answer } from '../load/connection.ts'
import { AnswerTally } from '../load/tally.ts'

export class RunTally {
  /** Every request of the run, the checks' and the switches' too, as k6 counts them. */
  readonly requests = new AnswerTally()
  /** The users' payments alone. */
  readonly payments = new AnswerTally()
  accepted = 0
  #isClosed = false

  get requested(): number {
    return this.payments.succeeded + this.payments.failed
  }

  countPayment(answer: Answer): void {
    this.requests.record(answer)
    this.payments.record(answer)
    if (answer.kind === 'answered' && ACCEPTED_STATUSES.has(answer.status)) this.accepted += 1
  }

  countOther(answer: Answer): void {
    if (!this.#isClosed) this.requests.record(answer)
  }

  /** The score is made: what is asked from now on is no part of the challenge. */
  close(): void {
    this.#isClosed = true
  }
}

/** What the load script takes for an accepted payment. */
const ACCEPTED_STATUSES: ReadonlySet<number> = new Set([200, 201, 202, 204])
