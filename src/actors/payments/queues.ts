// Payments in memory that wait for their turn: the ready ones for a route, the doubtful ones for
// look-ups.

import type { PaymentRecord } from '../payment/context.ts'
import { createRing, type Ring } from './ring.ts'

export interface Waiting {
  readonly ready: Ring<PaymentRecord>
  /** Claimed in doubt: they need look-ups, not a route. */
  readonly doubtful: Ring<PaymentRecord>
  readonly size: number
  /** False, and nothing taken, when there is no room. */
  push(record: PaymentRecord): boolean
  /** Takes all out, oldest first. */
  takeAll(): readonly PaymentRecord[]
}

/** Bounded rings for both kinds. */
export function createWaiting(bounds: { readyMax: number; doubtfulMax: number }): Waiting {
  const ready = createRing<PaymentRecord>(bounds.readyMax)
  const doubtful = createRing<PaymentRecord>(bounds.doubtfulMax)
  const push = (record: PaymentRecord): boolean =>
    (record.unknownOutcomes.length > 0 ? doubtful : ready).push(record)
  const takeAll = (): readonly PaymentRecord[] => [...emptied(ready), ...emptied(doubtful)]
  return {
    ready,
    doubtful,
    get size() {
      return ready.size + doubtful.size
    },
    push,
    takeAll,
  }
}

function emptied(ring: Ring<PaymentRecord>): readonly PaymentRecord[] {
  const records: PaymentRecord[] = []
  for (let record = ring.shift(); record !== undefined; record = ring.shift()) records.push(record)
  return records
}
