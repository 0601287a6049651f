// The payments in work: a fixed table of slots with a free list, so that a payment's actor comes
// and goes without growing anything; and what is done to many of them at once.

import assert from 'node:assert'
import type { Actor, AnyActorRef } from 'xstate'
import type { PaymentRecord } from '../payment/context.ts'
import { routeNow, type DueStep, type PaymentDependencies } from '../payment/effects.ts'
import { mayResendNow } from '../payment/look-ups.ts'
import type { paymentMachine } from '../payment/payment.machine.ts'
import { createLookUpPlaces, type LookUpPlaces } from './look-up-places.ts'

type PaymentActor = Actor<typeof paymentMachine>

export interface Slot {
  readonly index: number
  /** Counts the payments that had this slot: an answer that names an earlier one comes too late. */
  generation: number
  record: PaymentRecord | null
  actor: PaymentActor | null
}

/** A slot that a payment has. */
export interface UsedSlot extends Slot {
  record: PaymentRecord
  actor: PaymentActor
}

export interface SlotTable {
  readonly used: number
  /** A payment that leaves its slot leaves its place for look-ups, too. */
  readonly lookUpPlaces: LookUpPlaces
  /** A free slot, now taken; undefined when all are. */
  take(record: PaymentRecord): Slot | undefined
  release(slot: Slot): void
  at(index: number): Slot
  /** The one that this payment has; undefined: it is not in work. */
  find(correlationId: string): UsedSlot | undefined
  /** `take` may release the slot that it is given. */
  forEachUsed(take: (slot: UsedSlot) => void): void
}

/** `placesMax`: look-up places of each kind. */
export function createSlotTable(bounds: { slotsMax: number; placesMax: number }): SlotTable {
  const { slotsMax: capacity, placesMax: max } = bounds
  const lookUpPlaces = createLookUpPlaces({ slots: capacity, max })
  const slots = Array.from({ length: capacity }, (_, index): Slot => {
    return { index, generation: 0, record: null, actor: null }
  })
  const free = slots.map((slot) => slot.index).reverse()
  const at = (index: number): Slot => {
    const slot = slots[index]
    assert(slot !== undefined, 'a payment in work names a slot of the table')
    return slot
  }
  return {
    get used() {
      return capacity - free.length
    },
    lookUpPlaces,
    take(record) {
      const index = free.pop()
      if (index === undefined) return undefined
      const slot = at(index)
      slot.record = record
      return slot
    },
    release(slot) {
      lookUpPlaces.leave(slot.index)
      slot.generation += 1
      slot.record = null
      slot.actor = null
      free.push(slot.index)
    },
    at,
    find(correlationId) {
      const slot = slots.find(({ record }) => record?.correlationId === correlationId)
      return slot !== undefined && isUsed(slot) ? slot : undefined
    },
    forEachUsed(take) {
      if (free.length === capacity) return
      for (const slot of slots) if (isUsed(slot)) take(slot)
    },
  }
}

function isUsed(slot: Slot): slot is UsedSlot {
  if (slot.record === null) return false
  assert(slot.actor !== null, 'a payment that has a slot has an actor')
  return true
}

/**
 * Asks payments to leave; each leaves parked, in doubt until `endsAt` (monotonic ms) where a
 * request is under way.
 */
export function recallSlots(
  slots: SlotTable,
  recall: { endsAt: number; matches: (slot: UsedSlot) => boolean },
): void {
  slots.forEachUsed((slot) => {
    if (!recall.matches(slot)) return
    slot.actor.send({ type: 'payment.recalled', endsAt: recall.endsAt })
  })
}

/** Tells a payment in work what it waited for, unless another one has its slot by now. */
export function tellDue(dependencies: PaymentDependencies, slots: SlotTable, step: DueStep): void {
  const slot = slots.at(step.slot)
  if (slot.actor === null || slot.generation !== step.generation) return
  const { context } = slot.actor.getSnapshot()
  slot.actor.send(
    step.kind === 'backoff'
      ? { type: 'backoff.elapsed', next: routeNow(dependencies, context) }
      : { type: 'lookup.due', resend: mayResendNow(dependencies, context) },
  )
}

/** Whether a payment in work waits for something else than the answer to a charge. */
export function isIdle({ actor }: UsedSlot): boolean {
  return !actor.getSnapshot().hasTag('trying')
}

/** Stops and forgets all of them. */
export function dropSlots(slots: SlotTable, stopChild: (child: AnyActorRef) => void): void {
  slots.forEachUsed((slot) => {
    stopChild(slot.actor)
    slots.release(slot)
  })
}

/** Frees the slots whose actors have failed, and returns the records of their payments. */
export function clearBroken(slots: SlotTable): readonly PaymentRecord[] {
  const records: PaymentRecord[] = []
  slots.forEachUsed((slot) => {
    const { record, actor } = slot
    if (actor.getSnapshot().status !== 'error') return
    slots.release(slot)
    records.push(record)
  })
  return records
}
