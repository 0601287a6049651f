// The payments being worked on: a fixed table with a free list, so that a payment's actor comes and
// goes without growing anything.

import type { Actor } from 'xstate'
import type { paymentMachine } from '../payment/payment.machine.ts'
import type { PaymentRecord } from '../payment/context.ts'

export type PaymentActor = Actor<typeof paymentMachine>

export interface Slot {
  readonly index: number
  /** Counts tenants: an answer that names an earlier one is for a payment that has left. */
  generation: number
  record: PaymentRecord | null
  actor: PaymentActor | null
}

export interface SlotTable {
  readonly used: number
  readonly capacity: number
  /** A free slot, now taken; undefined when all are. */
  take(record: PaymentRecord): Slot | undefined
  release(slot: Slot): void
  at(index: number): Slot | undefined
  forEachUsed(visit: (slot: Slot) => void): void
}

export function createSlotTable(capacity: number): SlotTable {
  const slots = Array.from({ length: capacity }, (_, index): Slot => {
    return { index, generation: 0, record: null, actor: null }
  })
  const free = slots.map((slot) => slot.index).reverse()
  return {
    capacity,
    get used() {
      return capacity - free.length
    },
    take(record) {
      const slot = slots[free.pop() ?? -1]
      if (slot !== undefined) slot.record = record
      return slot
    },
    release(slot) {
      slot.generation += 1
      slot.record = null
      slot.actor = null
      free.push(slot.index)
    },
    at: (index) => slots[index],
    forEachUsed(visit) {
      if (free.length === capacity) return
      for (const slot of slots) if (slot.record !== null) visit(slot)
    },
  }
}
