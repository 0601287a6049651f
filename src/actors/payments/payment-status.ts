// A payment in memory as a reader is told of it: with what it waits for, and until when.

import { statusOf, type PaymentContext, type PaymentRecord } from '../payment/context.ts'
import type { PaymentDependencies } from '../payment/effects.ts'
import type { UnknownOutcome, PaymentState, PaymentStatus, WaitReason } from '../model/payment.ts'
import type { Slot } from './slots.ts'
import type { Clock } from '../model/ports.ts'

/** One that is being worked on; undefined when its slot is free. */
export function statusOfSlot(
  dependencies: PaymentDependencies,
  slot: Slot,
): PaymentStatus | undefined {
  const { record, actor } = slot
  if (record === null || actor === null) return undefined
  const { value, context } = actor.getSnapshot()
  return {
    ...statusOf(context, value, acceptedWall(dependencies.clock, record)),
    ...waitOf(dependencies, value, context),
    ...doubtsOf(dependencies.clock, context),
  }
}

/** One that waits for a slot, in the state in which it will begin. */
export function statusOfWaiting(
  clock: Clock,
  record: PaymentRecord,
  state: PaymentState,
): PaymentStatus {
  const { correlationId, amountCents, attempts } = record
  const acceptedAt = acceptedWall(clock, record)
  const waitsFor = WAIT_REASON[state] ?? 'route'
  const known = { correlationId, amountCents, state, acceptedAt, attempts, waitsFor }
  return { ...known, ...doubtsOf(clock, record) }
}

const WAIT_REASON: Partial<Record<PaymentState, WaitReason>> = {
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
  return { waitsFor, dueInMs: wholeMs(dueAt - dependencies.clock.now()) }
}

function doubtsOf(
  clock: Clock,
  { unknownOutcomes }: Pick<PaymentRecord, 'unknownOutcomes'>,
): Pick<PaymentStatus, 'unknownOutcomes'> {
  if (unknownOutcomes.length === 0) return {}
  const now = clock.now()
  const told = unknownOutcomes.map(({ processor, requestedAt, endsAt }): UnknownOutcome => {
    return { processor, requestedAt, remainingMs: wholeMs(endsAt - now) }
  })
  return { unknownOutcomes: told }
}

/** Epoch ms. */
function acceptedWall(clock: Clock, record: PaymentRecord): number {
  return Math.round(clock.wallNow() - (clock.now() - record.acceptedAt))
}

/** Rounded up, so that what is told to be over is over. */
function wholeMs(ms: number): number {
  return Math.ceil(ms)
}
