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
}

export class Postings {
  readonly byId = new Map<string, Posting>()

  /** The posting of that id, with this amount among its amounts. */
  post(correlationId: string, amountCents: number): Posting {
    const posting = this.byId.get(correlationId) ?? {
      correlationId,
      amounts: new Set<number>(),
      acceptedCents: null,
      isForgotten: false,
    }
    posting.amounts.add(amountCents)
    this.byId.set(correlationId, posting)
    return posting
  }

  /** Notes an answer; returns what is wrong with it, or null. */
  answered(posting: Posting, amountCents: number, answer: AcceptAnswer): string | null {
    const { acceptedCents, isForgotten } = posting
    if (isForgotten || answer === 'unavailable') return null
    if (answer === 'conflicting') {
      return acceptedCents === amountCents ? 'refused as conflicting after its 202' : null
    }
    if (acceptedCents !== null && acceptedCents !== amountCents) return 'a 202 for two amounts'
    posting.acceptedCents = amountCents
    return null
  }

  /** Exempts everything so far from the books. */
  forget(): void {
    for (const posting of this.byId.values()) posting.isForgotten = true
  }
}

export function correlationIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}
