// LOSE_ACCEPTED_PAYMENTS_ON_CRASH: the 202 before the commit. A payment is answered when it is
// taken into memory and is then committed and charged like every other one. What the accept batcher
// refuses is offered to it again from here, as a client does after a 503.

import { WRITE_PAUSE_MS } from './accept-batcher.ts'
import type { SharedPorts } from '../model/ports.ts'
import type { AcceptAnswer, PaymentReceived } from '../messages.ts'

/** When a client is answered: only `committed` keeps the promise that a 2xx means committed. */
export type AnswersWhen = 'committed' | 'taken'

export interface EarlyAnswersParts extends Pick<SharedPorts, 'clock' | 'telemetry'> {
  /** Payments answered and not yet committed; beyond it they are refused. */
  readonly heldMax: number
  /** Hands a payment to the accept batcher. */
  readonly commit: (payment: PaymentReceived) => void
}

/** Until the batcher is offered again what it refused, ms: longer than its own pause. */
export const OFFER_PAUSE_MS = 2 * WRITE_PAUSE_MS

export class EarlyAnswers {
  readonly #parts: EarlyAnswersParts
  /** Answered and not yet committed, whether in the batcher or waiting here. */
  #held = 0
  /** Refused by the batcher, oldest first. */
  #waiting: PaymentReceived[] = []
  #whenEmpty: (() => void) | undefined
  #hasEnded = false

  constructor(parts: EarlyAnswersParts) {
    this.#parts = parts
  }

  take(payment: PaymentReceived): void {
    if (this.#held >= this.#parts.heldMax) {
      payment.replyTo('unavailable')
      return
    }
    this.#held += 1
    payment.replyTo('accepted')
    // It goes behind those that wait: the first of two amounts for one id counts.
    if (this.#waiting.length > 0) this.#waiting.push(payment)
    else this.#offer(payment)
  }

  /** Calls back once nothing is held, and after the other actors have the events of its commit. */
  whenEmpty(callback: () => void): void {
    if (this.#held === 0) callback()
    else this.#whenEmpty = callback
  }

  /** This process commits nothing more of what is held, unless its commit is under way. */
  end(): void {
    this.#hasEnded = true
    if (this.#held > 0) this.#parts.telemetry.emit({ type: 'payments.lost', payments: this.#held })
  }

  #offer(payment: PaymentReceived): void {
    this.#parts.commit({ ...payment, replyTo: (answer) => this.#judge(payment, answer) })
  }

  // The client of a conflict has its answer already; the fact about the batch counts it.
  #judge(payment: PaymentReceived, answer: AcceptAnswer): void {
    if (answer === 'unavailable') {
      if (this.#waiting.length === 0) this.#startPause()
      this.#waiting.push(payment)
      return
    }
    this.#held -= 1
    if (this.#held > 0 || this.#whenEmpty === undefined) return
    this.#parts.clock.setTimeout(this.#whenEmpty, 0)
    this.#whenEmpty = undefined
  }

  #startPause(): void {
    // A timer of an instance that has stopped would keep its process alive.
    if (this.#hasEnded) return
    this.#parts.clock.setTimeout(() => {
      const refused = this.#waiting
      this.#waiting = []
      if (!this.#hasEnded) for (const payment of refused) this.#offer(payment)
    }, OFFER_PAUSE_MS)
  }
}
