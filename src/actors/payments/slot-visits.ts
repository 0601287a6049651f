// What is done to many payments in work at once: recalling, dropping, clearing away broken ones.

import type { AnyActorRef } from 'xstate'
import {
  mayResendNow,
  routeNow,
  type DueStep,
  type PaymentDependencies,
} from '../payment/effects.ts'
import type { PaymentRecord } from '../payment/context.ts'
import type { Slot, SlotTable } from './slots.ts'

/**
 * Asks payments to leave; each leaves parked, in doubt until `endsAt` (monotonic ms) where a
 * request is under way.
 */
export function recallSlots(
  slots: SlotTable,
  recall: { endsAt: number; matches: (slot: Slot) => boolean },
): void {
  slots.forEachUsed((slot) => {
    if (!recall.matches(slot)) return
    slot.actor?.send({ type: 'payment.recalled', endsAt: recall.endsAt })
  })
}

/** Tells a payment in work what it waited for, unless another one has its slot by now. */
export function tellDue(dependencies: PaymentDependencies, slots: SlotTable, step: DueStep): void {
  const slot = slots.at(step.slot)
  if (slot === undefined || slot.actor === null || slot.generation !== step.generation) return
  const { context } = slot.actor.getSnapshot()
  slot.actor.send(
    step.kind === 'backoff'
      ? { type: 'backoff.elapsed', next: routeNow(dependencies, context) }
      : { type: 'lookup.due', resend: mayResendNow(dependencies, context) },
  )
}

/** Whether a payment in work waits for something else than the answer to a charge. */
export function isIdle(slot: Slot): boolean {
  return slot.actor?.getSnapshot().hasTag('trying') !== true
}

/** Stops and forgets all of them. */
export function dropSlots(slots: SlotTable, stopChild: (child: AnyActorRef) => void): void {
  slots.forEachUsed((slot) => {
    if (slot.actor !== null) stopChild(slot.actor)
    slots.release(slot)
  })
}

/** Frees the slots whose actors have failed; their records. */
export function clearBroken(slots: SlotTable): readonly PaymentRecord[] {
  const records: PaymentRecord[] = []
  slots.forEachUsed((slot) => {
    const { record, actor } = slot
    if (record === null || actor?.getSnapshot().status !== 'error') return
    slots.release(slot)
    records.push(record)
  })
  return records
}
