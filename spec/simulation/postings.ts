// What clients posted and what they were told: the side of the books that Pit has to answer for.

import type { AcceptAnswer } from '../../src/actors/messages.ts'

export interface Posting {
  readonly correlationId: string
  /** Every amount that was sent with this id, cents. */
  readonly amounts: Set<number>
  /** The amount that was answered 202; null until one was. */
  acceptedCents: number | null
  /** Whether it was posted before everything was forgotten. */
  isForgotten: boolean
  /** When the ledger lost it last, virtual ms; null: it never did. */
  lostAt: number | null
}

interface Answered {
  readonly amountCents: number
  readonly answer: AcceptAnswer
  /** Virtual, ms. */
  readonly postedAt: number
  readonly now: number
  /** Whether the ledger has this payment, with this amount. */
  readonly isInLedger: boolean
  readonly caughtUpAt: number
}

/** Answers travel no longer than this, virtual ms. */
const UNDERWAY_MS = 5

export class Postings {
  readonly byId = new Map<string, Posting>()

  /** The posting of that id, with this amount among its amounts. */
  post(correlationId: string, amountCents: number): Posting {
    const posting = this.byId.get(correlationId) ?? {
      correlationId,
      amounts: new Set<number>(),
      acceptedCents: null,
      isForgotten: false,
      lostAt: null,
    }
    posting.amounts.add(amountCents)
    this.byId.set(correlationId, posting)
    return posting
  }

  /**
   * Notes an answer of an instance that has caught up with what came while it was last stopped at
   * `caughtUpAt`, virtual ms; returns what is wrong with it, or null.
   */
  answered(posting: Posting, answered: Answered): string | null {
    const { amountCents, answer, now, caughtUpAt } = answered
    const { acceptedCents, isForgotten, lostAt } = posting
    if (isForgotten || answer === 'unavailable') return null
    // It may be of what was committed before, and is lost.
    if (lostAt !== null && answered.postedAt <= lostAt && !answered.isInLedger) return null
    // It left its instance before, or what it goes by lay there while that was stopped.
    const goneAt = lostAt === null ? null : Math.max(lostAt, caughtUpAt)
    if (goneAt !== null && now - goneAt < UNDERWAY_MS) return null
    if (answer === 'conflicting') {
      return acceptedCents === amountCents ? 'refused as conflicting after its 202' : null
    }
    if (acceptedCents !== null && acceptedCents !== amountCents) return 'a 202 for two amounts'
    posting.acceptedCents = amountCents
    return null
  }

  /** Was in the ledger, and is not any more: it is new to Pit when it is posted again. */
  lose(correlationId: string, now: number): void {
    const posting = this.byId.get(correlationId)
    if (posting === undefined) return
    posting.acceptedCents = null
    posting.lostAt = now
  }

  /** Exempts everything so far from the books. */
  forget(): void {
    for (const posting of this.byId.values()) posting.isForgotten = true
  }
}

export function correlationIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}
