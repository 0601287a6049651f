// Places for look-ups: how many payments in doubt are asked for at one time. Each kind of doubt has
// places of its own, so that doubts that cannot end take none from those that can.

import assert from 'node:assert'
import type { ProcessorName } from '../model/payment.ts'

/** Where a payment is in doubt: at one processor, or at both. */
export type DoubtKind = ProcessorName | 'both'

export const DOUBT_KINDS: readonly DoubtKind[] = ['default', 'fallback', 'both']

interface Doubt {
  readonly processor: ProcessorName
}

export function doubtKindOf(unknownOutcomes: readonly Doubt[]): DoubtKind {
  const [first] = unknownOutcomes
  assert(first !== undefined, 'a payment in doubt has an unknown outcome')
  return unknownOutcomes.length > 1 ? 'both' : first.processor
}

export interface Places {
  isFree(kind: DoubtKind): boolean
  /**
   * A place for the payment in this slot, instead of the one that it has: in doubt at both and found
   * missing at one, it waits for the other one only. False, and it has none, when all are taken.
   */
  take(slot: number, unknownOutcomes: readonly Doubt[]): boolean
  /** Gives the place of the payment in this slot back, if it has one. */
  leave(slot: number): void
}

/** `max` places of each kind. */
export function createPlaces({ slots, max }: { slots: number; max: number }): Places {
  const taken: Record<DoubtKind, number> = { default: 0, fallback: 0, both: 0 }
  const kindAt = Array.from<DoubtKind | null>({ length: slots }).fill(null)
  const isFree = (kind: DoubtKind): boolean => taken[kind] < max
  const leave = (slot: number): void => {
    const kind = kindAt[slot] ?? null
    if (kind === null) return
    taken[kind] -= 1
    kindAt[slot] = null
  }
  return {
    isFree,
    take(slot, unknownOutcomes) {
      leave(slot)
      const kind = doubtKindOf(unknownOutcomes)
      if (!isFree(kind)) return false
      taken[kind] += 1
      kindAt[slot] = kind
      return true
    },
    leave,
  }
}
