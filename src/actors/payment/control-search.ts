// Asks the ledger for a payment that controls may ask for, while memory knows none: one question at a
// time, at a bounded pace.

import type { Clock, KnownControl } from '../model/ports.ts'

/** What the ledger said, or that it could not say anything. */
export type ControlAnswer = KnownControl | { readonly kind: 'unavailable' }

/** Shortest time between two questions, ms: all look-ups of that time share one. */
export const SEARCH_PAUSE_MS = 250

export interface ControlSearchInput {
  readonly clock: Clock
  /** Asks the ledger; the reply comes once, within the ledger's bound, and not at once. */
  readonly askLedger: (reply: (answer: ControlAnswer) => void) => void
  readonly onFound: (correlationId: string) => void
}

/** One that waits for what the ledger knows, since this monotonic instant, ms. */
interface Waiting {
  readonly since: number
  readonly reply: (answer: ControlAnswer) => void
}

export class ControlSearch {
  readonly #input: ControlSearchInput
  /** Whether the ledger is asked, or will be when the last question is long enough ago. */
  #isRequested = false
  /** When the ledger was asked last, monotonic ms. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** Whether it has answered; what it knew then may be out of date. */
  #hasAnswered = false
  /** Counts purges: what was asked before one is not answered. */
  #generation = 0
  #waiting: Waiting[] = []

  constructor(input: ControlSearchInput) {
    this.#input = input
  }

  /** Asks ahead of need, so that what is found has grown old by then; once it is answered no more. */
  prepare(): void {
    if (!this.#hasAnswered && !this.#isRequested && this.#pauseMs() <= 0) this.#ask()
  }

  /** Replies once: what was found, or an answer of the ledger to a question asked after this call. */
  request(reply: (answer: ControlAnswer) => void): void {
    this.#waiting.push({ since: this.#input.clock.now(), reply })
    this.#request()
  }

  /** Nobody who waits is to rely on what the ledger will say. */
  giveUp(): void {
    this.#reply(this.#waiting, UNAVAILABLE)
  }

  /** A purge has deleted what the ledger may have said, or is about to say; who waits is given up. */
  forget(): void {
    this.#generation += 1
    this.#hasAnswered = false
  }

  #pauseMs(): number {
    return this.#askedAt + SEARCH_PAUSE_MS - this.#input.clock.now()
  }

  /** Asks now, or when the last question is long enough ago and has its answer. */
  #request(): void {
    if (this.#isRequested) return
    const pauseMs = this.#pauseMs()
    if (pauseMs <= 0) return this.#ask()
    this.#isRequested = true
    this.#input.clock.setTimeout(() => {
      this.#isRequested = false
      if (this.#waiting.length > 0) this.#ask()
    }, pauseMs)
  }

  #ask(): void {
    const askedAt = this.#input.clock.now()
    const generation = this.#generation
    this.#askedAt = askedAt
    this.#isRequested = true
    this.#input.askLedger((answer) => {
      this.#isRequested = false
      if (generation === this.#generation) this.#take(answer, askedAt)
      if (this.#waiting.length > 0) this.#request()
    })
  }

  #take(answer: ControlAnswer, askedAt: number): void {
    this.#hasAnswered ||= answer.kind !== 'unavailable'
    if (answer.kind === 'found') this.#input.onFound(answer.correlationId)
    const isLate = ({ since }: Waiting): boolean => since > askedAt && answer.kind !== 'found'
    this.#reply(
      this.#waiting.filter((each) => !isLate(each)),
      answer,
    )
  }

  #reply(these: readonly Waiting[], answer: ControlAnswer): void {
    this.#waiting = this.#waiting.filter((each) => !these.includes(each))
    for (const { reply } of these) reply(answer)
  }
}

const UNAVAILABLE: ControlAnswer = { kind: 'unavailable' }
