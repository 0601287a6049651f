// Reads of the payments in memory. They are rare, so they search the slots; an index would cost
// every payment.

import type { Gauges } from '../model/facts.ts'
import type { PaymentState, PaymentStatus, UnknownOutcome, WaitReason } from '../model/payment.ts'
import type { Clock } from '../model/ports.ts'
import { statusOf, type PaymentContext, type PaymentRecord } from '../payment/context.ts'
import type { PaymentDependencies } from '../payment/effects.ts'
import { PLACE_KINDS } from './look-up-places.ts'
import type { Ring, Waiting } from './queues.ts'
import type { SlotTable, UsedSlot } from './slots.ts'
import type { TransitionCounts } from '../payment/transition-counts.ts'

/** What readers see of the payments in memory; they change nothing. */
export interface PaymentsInMemory {
  readonly dependencies: PaymentDependencies
  readonly slots: SlotTable
  readonly waiting: Waiting
  readonly transitions: TransitionCounts
}

/** What is known of a payment in memory; undefined when it is not there. */
export function findPaymentStatus(
  { dependencies, slots, waiting }: PaymentsInMemory,
  correlationId: string,
): PaymentStatus | undefined {
  const slot = slots.find(correlationId)
  if (slot !== undefined) return statusOfSlot(dependencies, slot)
  for (const [state, ring] of ringsOf(waiting)) {
    const record = ring.find((each) => each.correlationId === correlationId)
    if (record !== undefined) return statusOfWaiting(dependencies.clock, record, state)
  }
  return undefined
}

/** All that are worked on here or wait for a slot. */
export function idsInMemory({ slots, waiting }: PaymentsInMemory): ReadonlySet<string> {
  const ids = new Set<string>()
  slots.forEachUsed(({ record }) => ids.add(record.correlationId))
  for (const [, ring] of ringsOf(waiting)) {
    ring.find(({ correlationId }) => {
      ids.add(correlationId)
      return false
    })
  }
  return ids
}

/** How many payments are in memory at this moment, and where. */
export function gaugesOf({ dependencies, waiting, slots }: PaymentsInMemory): Gauges {
  return {
    ready: waiting.size,
    inFlight: { ...dependencies.inFlight },
    byState: countStates(slots),
  }
}

export function noteGauges(inMemory: PaymentsInMemory): void {
  const { telemetry } = inMemory.dependencies
  telemetry.emit({ type: 'payments.measured', gauges: gaugesOf(inMemory) })
}

/** The status of up to `limit` payments in this state, in work here or waiting for a slot. */
export function listPaymentStatuses(
  { dependencies, slots, waiting }: PaymentsInMemory,
  { state, limit }: { state: PaymentState; limit: number },
): readonly PaymentStatus[] {
  const statuses: PaymentStatus[] = []
  slots.forEachUsed((slot) => {
    if (statuses.length >= limit || slot.actor.getSnapshot().value !== state) return
    statuses.push(statusOfSlot(dependencies, slot))
  })
  for (const [begins, ring] of ringsOf(waiting)) {
    if (begins !== state || statuses.length >= limit) continue
    ring.find((record) => {
      statuses.push(statusOfWaiting(dependencies.clock, record, begins))
      return statuses.length >= limit
    })
  }
  return statuses
}

/** The rings in which payments wait, each with the state in which they will begin. */
function ringsOf({
  ready,
  inDoubt,
}: Waiting): readonly (readonly [FirstState, Ring<PaymentRecord>])[] {
  const inDoubtOf = PLACE_KINDS.map((kind) => ['confirming', inDoubt[kind]] as const)
  return [['pending', ready], ...inDoubtOf]
}

function countStates(slots: SlotTable): Partial<Record<PaymentState, number>> {
  const byState: Partial<Record<PaymentState, number>> = {}
  slots.forEachUsed(({ actor }) => {
    const state = actor.getSnapshot().value
    byState[state] = (byState[state] ?? 0) + 1
  })
  return byState
}

/** One that is being worked on. */
function statusOfSlot(
  dependencies: PaymentDependencies,
  { record, actor }: UsedSlot,
): PaymentStatus {
  const { value, context } = actor.getSnapshot()
  return {
    ...statusOf(context, value, acceptedWall(dependencies.clock, record)),
    ...waitOf(dependencies, value, context),
    ...unknownOutcomesOf(dependencies.clock, context),
  }
}

/** One that waits for a slot, in the state in which it will begin. */
function statusOfWaiting(clock: Clock, record: PaymentRecord, state: FirstState): PaymentStatus {
  const { correlationId, amountCents, attempts } = record
  const acceptedAt = acceptedWall(clock, record)
  const waitsFor = WAIT_REASON[state]
  const known = { correlationId, amountCents, state, acceptedAt, attempts, waitsFor }
  return { ...known, ...unknownOutcomesOf(clock, record) }
}

/** The states in which payments begin. */
type FirstState = 'pending' | 'confirming'

const WAIT_REASON: Partial<Record<PaymentState, WaitReason>> & Record<FirstState, WaitReason> = {
  pending: 'route',
  confirming: 'lookUp',
  retry: 'backoff',
}

/** Nothing is due while a look-up is under way. */
function waitOf(
  dependencies: PaymentDependencies,
  state: PaymentState,
  { slot }: PaymentContext,
): Pick<PaymentStatus, 'waitsFor' | 'dueInMs'> {
  const waitsFor = WAIT_REASON[state]
  if (waitsFor === undefined) return {}
  const generation = dependencies.generationOf(slot)
  const dueAt = dependencies.due.dueAtOf(
    (step) => step.slot === slot && step.generation === generation,
  )
  if (dueAt === undefined) return { waitsFor }
  return { waitsFor, dueInMs: Math.ceil(dueAt - dependencies.clock.now()) }
}

function unknownOutcomesOf(
  clock: Clock,
  { unknownOutcomes }: Pick<PaymentRecord, 'unknownOutcomes'>,
): Pick<PaymentStatus, 'unknownOutcomes'> {
  if (unknownOutcomes.length === 0) return {}
  const now = clock.now()
  // Rounded up, so that what a reader sees as over is over.
  const remaining = unknownOutcomes.map((each): UnknownOutcome => {
    const { processor, requestedAt, endsAt, contradiction } = each
    const known = { processor, requestedAt, remainingMs: Math.ceil(endsAt - now) }
    return contradiction === undefined ? known : { ...known, contradiction }
  })
  return { unknownOutcomes: remaining }
}

/** Epoch ms. */
function acceptedWall(clock: Clock, record: PaymentRecord): number {
  return Math.round(clock.wallNow() - (clock.now() - record.acceptedAt))
}
