// A payment as the ledger has it turned into the record that waits in memory, and back.

import type { PaymentContext, PaymentRecord } from '../payment/context.ts'
import type { ClaimedPayment, Outcome } from '../model/payment.ts'
import type { AcceptRequest } from '../model/ports.ts'
import { backoff, LOOK_UP_PAUSE_MAX_MS, type WorkSettings } from '../model/settings.ts'

/** Shared: most payments have no unknown outcome and no second attempt. */
const NOTHING: readonly never[] = Object.freeze([])

/** A payment that has just been committed; fencing token 0: never claimed. */
export function acceptedRecord(request: AcceptRequest, now: number): PaymentRecord {
  const { correlationId, amountCents } = request
  return {
    correlationId,
    amountCents,
    fencingToken: 0,
    acceptedAt: now,
    rounds: 0,
    unknownOutcomes: NOTHING,
    attempts: NOTHING,
  }
}

/** A payment claimed from the ledger, with its ages turned into instants of this clock. */
export function claimedRecord(payment: ClaimedPayment, now: number): PaymentRecord {
  const { correlationId, amountCents, fencingToken, rounds, attempts } = payment
  return {
    correlationId,
    amountCents,
    fencingToken,
    rounds,
    attempts,
    acceptedAt: now - payment.ageMs,
    unknownOutcomes: payment.unknownOutcomes.map(({ processor, requestedAt, remainingMs }) => {
      return { processor, requestedAt, endsAt: now + remainingMs }
    }),
  }
}

/** The record of a payment that has left its actor, with what happened to it there. */
export function deferredRecord(context: PaymentContext): PaymentRecord {
  return { ...context.record, attempts: context.attempts, unknownOutcomes: context.unknownOutcomes }
}

/** What the ledger is to keep of a payment that is handed back; due after `delayMs`. */
export function parkedOutcome(
  record: PaymentRecord,
  park: { now: number; delayMs: number; rounds: number; purges: number },
): Outcome {
  return {
    kind: 'parked',
    correlationId: record.correlationId,
    fencingToken: record.fencingToken,
    purges: park.purges,
    delayMs: Math.round(park.delayMs),
    rounds: park.rounds,
    unknownOutcomes: record.unknownOutcomes.map(({ processor, requestedAt, endsAt }) => {
      return { processor, requestedAt, remainingMs: Math.ceil(endsAt - park.now) }
    }),
    attempts: record.attempts,
  }
}

/** How long a payment that left its actor stays in the retry queue, ms. */
export function parkingDelayMs(
  context: PaymentContext,
  settings: WorkSettings,
  random: () => number,
): number {
  if (context.unknownOutcomes.length > 0) return LOOK_UP_PAUSE_MAX_MS
  if (context.deferred) return 0
  const { retryDelayMs: firstMs, retryDelayMaxMs: maxMs } = settings
  return backoff({ firstMs, step: context.record.rounds, maxMs }, random)
}
