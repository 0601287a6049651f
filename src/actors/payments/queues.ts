// Payments in memory that wait to be started, and the ring that they wait in.

import type { PaymentRecord } from '../payment/context.ts'
import { PLACE_KINDS, type PlaceKind, placeKindOf } from './look-up-places.ts'

export interface Waiting {
  readonly ready: Ring<PaymentRecord>
  /** Claimed in doubt: they need look-ups, not a route. None waits behind another kind. */
  readonly inDoubt: Readonly<Record<PlaceKind, Ring<PaymentRecord>>>
  readonly size: number
  /** False, and nothing taken, when the ring is full. */
  push(record: PaymentRecord): boolean
  /** Takes all out, each kind oldest first. */
  takeAll(): readonly PaymentRecord[]
  /** Takes one out that is in doubt; undefined: it does not wait here. */
  takeInDoubt(correlationId: string): PaymentRecord | undefined
  /** Takes one out, in doubt or not. */
  take(correlationId: string): PaymentRecord | undefined
}

/** Bounded rings; `inDoubtMax` for each kind of look-up place. */
export function createWaiting(bounds: { readyMax: number; inDoubtMax: number }): Waiting {
  const ready = createRing<PaymentRecord>(bounds.readyMax)
  const doubtRing = (): Ring<PaymentRecord> => createRing<PaymentRecord>(bounds.inDoubtMax)
  const inDoubt = { default: doubtRing(), fallback: doubtRing(), both: doubtRing() }
  const doubtRings = PLACE_KINDS.map((kind) => inDoubt[kind])
  const rings = [ready, ...doubtRings]
  const push = (record: PaymentRecord): boolean => {
    const { unknownOutcomes } = record
    if (unknownOutcomes.length === 0) return ready.push(record)
    return inDoubt[placeKindOf(unknownOutcomes)].push(record)
  }
  const takeAll = (): readonly PaymentRecord[] => rings.flatMap(emptied)
  const takeFrom = (
    among: readonly Ring<PaymentRecord>[],
    correlationId: string,
  ): PaymentRecord | undefined => {
    for (const ring of among) {
      const found = ring.find((record) => record.correlationId === correlationId)
      if (found === undefined) continue
      for (const record of emptied(ring)) if (record !== found) ring.push(record)
      return found
    }
    return undefined
  }
  return {
    ready,
    inDoubt,
    get size() {
      return ready.size + inDoubt.default.size + inDoubt.fallback.size + inDoubt.both.size
    },
    push,
    takeAll,
    takeInDoubt: (correlationId) => takeFrom(doubtRings, correlationId),
    take: (correlationId) => takeFrom(rings, correlationId),
  }
}

function emptied(ring: Ring<PaymentRecord>): readonly PaymentRecord[] {
  const records: PaymentRecord[] = []
  for (let record = ring.shift(); record !== undefined; record = ring.shift()) records.push(record)
  return records
}

/**
 * First in, first out, in a fixed array. Constant insert and delete in a Map or a growing array
 * keeps young garbage alive on Node 20: old space fills and is marked every few seconds.
 */
export interface Ring<Item> {
  readonly size: number
  /** False, and nothing taken, when full. */
  push(item: Item): boolean
  peek(): Item | undefined
  shift(): Item | undefined
  /** Oldest first; must not be changed meanwhile. */
  find(matches: (item: Item) => boolean): Item | undefined
}

export function createRing<Item>(capacity: number): Ring<Item> {
  const items = Array.from<Item | undefined>({ length: capacity }).fill(undefined)
  let head = 0
  let size = 0
  return {
    get size() {
      return size
    },
    push(item) {
      if (size === capacity) return false
      items[(head + size) % capacity] = item
      size += 1
      return true
    },
    peek: () => items[head],
    shift() {
      const item = items[head]
      if (size === 0) return undefined
      items[head] = undefined
      head = (head + 1) % capacity
      size -= 1
      return item
    },
    find(matches) {
      for (let offset = 0; offset < size; offset += 1) {
        const item = items[(head + offset) % capacity]
        if (item !== undefined && matches(item)) return item
      }
      return undefined
    },
  }
}
