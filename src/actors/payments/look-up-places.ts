// Look-up places: how many payments in doubt are asked for at one time. Those in doubt at one
// processor, at the other and at both have places of their own, so that payments whose outcome
// cannot be found out take none from those whose can.

import assert from 'node:assert'
import type { ProcessorName } from '../model/payment.ts'

/** A place is for payments in doubt at one processor, or at both. */
export type PlaceKind = ProcessorName | 'both'

export const PLACE_KINDS: readonly PlaceKind[] = ['default', 'fallback', 'both']

/** The processors at which a payment is in doubt. */
type InDoubtAt = readonly { readonly processor: ProcessorName }[]

export function placeKindOf(unknownOutcomes: InDoubtAt): PlaceKind {
  const [first] = unknownOutcomes
  assert(first !== undefined, 'a payment in doubt has an unknown outcome')
  return unknownOutcomes.length > 1 ? 'both' : first.processor
}

export interface LookUpPlaces {
  isFree(kind: PlaceKind): boolean
  /**
   * A place for the payment in this slot, instead of the one that it has: in doubt at both and found
   * missing at one, it waits for the other one only. False, and it has none, when all are taken.
   */
  take(slot: number, unknownOutcomes: InDoubtAt): boolean
  /** Gives the place of the payment in this slot back, if it has one. */
  leave(slot: number): void
}

/** `max` places of each kind. */
export function createLookUpPlaces({ slots, max }: { slots: number; max: number }): LookUpPlaces {
  const taken: Record<PlaceKind, number> = { default: 0, fallback: 0, both: 0 }
  const kindAt = Array.from<PlaceKind | null>({ length: slots }).fill(null)
  const isFree = (kind: PlaceKind): boolean => taken[kind] < max
  const leave = (slot: number): void => {
    const kind = kindAt[slot]
    assert(kind !== undefined, 'each slot has an entry')
    if (kind === null) return
    taken[kind] -= 1
    kindAt[slot] = null
  }
  return {
    isFree,
    take(slot, unknownOutcomes) {
      leave(slot)
      const kind = placeKindOf(unknownOutcomes)
      if (!isFree(kind)) return false
      taken[kind] += 1
      kindAt[slot] = kind
      return true
    },
    leave,
  }
}
