// A payment in memory as a reader is told of it: with what it waits for, and until when.

import { storyOf, type PaymentContext, type PaymentRecord } from '../payment/context.ts'
import type { Workshop } from '../payment/effects.ts'
import type { Doubt, PaymentState, PaymentStory, WaitReason } from '../model/payment.ts'
import type { Slot } from './slots.ts'
import type { Clock } from '../model/ports.ts'

/** One that is being worked on; undefined when its slot is free. */
export function storyOfSlot(shop: Workshop, slot: Slot): PaymentStory | undefined {
  const { record, actor } = slot
  if (record === null || actor === null) return undefined
  const { value, context } = actor.getSnapshot()
  return {
    ...storyOf(context, value, acceptedWall(shop.clock, record)),
    ...waitOf(shop, value, context),
    ...doubtsOf(shop.clock, context),
  }
}

/** One that waits for a slot, in the state in which it will begin. */
export function storyOfWaiting(
  clock: Clock,
  record: PaymentRecord,
  state: PaymentState,
): PaymentStory {
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
  shop: Workshop,
  state: PaymentState,
  { slot }: PaymentContext,
): Pick<PaymentStory, 'waitsFor' | 'dueInMs'> {
  const waitsFor = WAIT_REASON[state]
  if (waitsFor === undefined) return {}
  const generation = shop.generationOf(slot)
  const dueAt = shop.due.dueAtOf((step) => step.slot === slot && step.generation === generation)
  if (dueAt === undefined) return { waitsFor }
  return { waitsFor, dueInMs: wholeMs(dueAt - shop.clock.now()) }
}

function doubtsOf(
  clock: Clock,
  { doubts }: Pick<PaymentRecord, 'doubts'>,
): Pick<PaymentStory, 'doubts'> {
  if (doubts.length === 0) return {}
  const now = clock.now()
  const told = doubts.map(({ processor, requestedAt, endsAt }): Doubt => {
    return { processor, requestedAt, remainingMs: wholeMs(endsAt - now) }
  })
  return { doubts: told }
}

/** Epoch ms. */
function acceptedWall(clock: Clock, record: PaymentRecord): number {
  return Math.round(clock.wallNow() - (clock.now() - record.acceptedAt))
}

/** Rounded up, so that what is told to be over is over. */
function wholeMs(ms: number): number {
  return Math.ceil(ms)
}
