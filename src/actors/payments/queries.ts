// Looks at the payments in work for readers. Reads rarely come, so they search the slots; an index
// would cost every payment.

import type { Gauges } from '../model/facts.ts'
import type { TransitionCounts } from './transition-counts.ts'
import type { PaymentDependencies } from '../payment/effects.ts'
import type { PaymentState, PaymentStatus } from '../model/payment.ts'
import type { SlotTable } from './slots.ts'
import { statusOfSlot, statusOfWaiting } from './payment-status.ts'
import type { Waiting } from './queues.ts'

/** What the floor shows to readers. */
export interface FloorView {
  readonly dependencies: PaymentDependencies
  readonly slots: SlotTable
  readonly waiting: Waiting
  readonly flows: TransitionCounts
}

/** What is known of a payment in memory; undefined when it is not there. */
export function findPaymentStatus(
  { dependencies, slots, waiting }: FloorView,
  correlationId: string,
): PaymentStatus | undefined {
  let paymentStatus: PaymentStatus | undefined
  slots.forEachUsed((slot) => {
    if (slot.record?.correlationId === correlationId)
      paymentStatus = statusOfSlot(dependencies, slot)
  })
  if (paymentStatus !== undefined) return paymentStatus
  for (const [state, ring] of RINGS) {
    const record = waiting[ring].find((each) => each.correlationId === correlationId)
    if (record !== undefined) return statusOfWaiting(dependencies.clock, record, state)
  }
  return undefined
}

/** How many payments are in memory at this moment, and where. */
export function gaugesOf({ dependencies, waiting, slots }: FloorView): Gauges {
  return {
    ready: waiting.size,
    inFlight: { ...dependencies.inFlight },
    byState: countStates(slots),
  }
}

export function noteGauges(view: FloorView): void {
  view.dependencies.telemetry.emit({ type: 'payments.measured', gauges: gaugesOf(view) })
}

/** Stories of up to `limit` payments that are here in this state, in work or waiting for a slot. */
export function listPaymentStatuses(
  { dependencies, slots, waiting }: FloorView,
  { state, limit }: { state: PaymentState; limit: number },
): readonly PaymentStatus[] {
  const paymentStatuses: PaymentStatus[] = []
  slots.forEachUsed((slot) => {
    if (paymentStatuses.length >= limit || slot.actor?.getSnapshot().value !== state) return
    const paymentStatus = statusOfSlot(dependencies, slot)
    if (paymentStatus !== undefined) paymentStatuses.push(paymentStatus)
  })
  const ring = RINGS.find(([begins]) => begins === state)?.[1]
  if (ring === undefined || paymentStatuses.length >= limit) return paymentStatuses
  waiting[ring].find((record) => {
    paymentStatuses.push(statusOfWaiting(dependencies.clock, record, state))
    return paymentStatuses.length >= limit
  })
  return paymentStatuses
}

/** Where those wait that will begin in this state. */
const RINGS: readonly (readonly [PaymentState, 'ready' | 'doubtful'])[] = [
  ['pending', 'ready'],
  ['confirming', 'doubtful'],
]

function countStates(slots: SlotTable): Partial<Record<PaymentState, number>> {
  const byState: Partial<Record<PaymentState, number>> = {}
  slots.forEachUsed(({ actor }) => {
    const state = actor?.getSnapshot().value
    if (state !== undefined) byState[state] = (byState[state] ?? 0) + 1
  })
  return byState
}
