// What is told when a payment leaves its actor: outcomes to persistence, facts to the journal.

import { tell, type Directory } from '../addresses.ts'
import type { PaymentContext, PaymentRecord } from '../payment/context.ts'
import type { Workshop } from '../payment/effects.ts'
import { deferredRecord, parkedOutcome, parkingDelayMs } from './records.ts'
import type { ClaimSource } from '../model/facts.ts'
import type { ClaimedPayment, Outcome } from '../model/payment.ts'
import { outlasting } from '../model/settings.ts'

/** A shop together with the system that its reports go to. */
export interface Desk {
  readonly shop: Workshop
  readonly system: Directory
  /** Purges counted so far: what is in memory was accepted or claimed under that many. */
  readonly purges: () => number
}

/**
 * Each payment passes here, so no object begins with a spread: on Node 20 one that does and is given
 * a further property gets a hidden class of its own, which is old from its birth.
 */
export function reportSettled(desk: Desk, context: PaymentContext): void {
  const { settlement, record, attempts } = context
  if (settlement === null) return
  const { correlationId, amountCents, claim } = record
  const { processor, requestedAt } = settlement
  const paid = { correlationId, amountCents, processor, requestedAt }
  report(desk, { kind: 'settled', ...paid, claim, purges: desk.purges(), attempts })
  const tookMs = desk.shop.clock.now() - record.acceptedAt
  const last = attempts.at(-1)
  const byAttempt = last?.outcome === 'settled' ? { attemptTookMs: last.tookMs } : {}
  const fact = { correlationId, amountCents, processor, tookMs, ...byAttempt }
  desk.shop.journal.note({ type: 'payment.settled', ...fact })
}

export function reportRejected(desk: Desk, { record, attempts }: PaymentContext): void {
  const { correlationId, claim } = record
  report(desk, { kind: 'rejected', correlationId, claim, purges: desk.purges(), attempts })
  const last = attempts.at(-1)
  const by = last === undefined ? {} : { processor: last.processor }
  const detail = last?.detail ?? ''
  desk.shop.journal.note({ type: 'payment.rejected', correlationId, ...by, detail })
}

/** Parks a payment that left its actor refused or in doubt; at once due when the instance drains. */
export function reportUnsettled(desk: Desk, context: PaymentContext, isDraining: boolean): void {
  const { settings, random } = desk.shop
  const record = deferredRecord(context)
  const wasRefused = !context.deferred && record.doubts.length === 0
  const delayMs = isDraining ? 0 : parkingDelayMs(context, settings, random)
  reportParked(desk, record, { delayMs, rounds: record.rounds + (wasRefused ? 1 : 0) })
}

export function reportParked(
  desk: Desk,
  record: PaymentRecord,
  park: { delayMs: number; rounds: number },
): void {
  const { delayMs, rounds } = park
  const now = desk.shop.clock.now()
  report(desk, parkedOutcome(record, { now, delayMs, rounds, purges: desk.purges() }))
  const { correlationId } = record
  const doubts = record.doubts.length
  desk.shop.journal.note({ type: 'payment.parked', correlationId, delayMs, doubts })
}

/** Hands payments back that waited in memory; they are due at once. */
export function reportAllParked(desk: Desk, records: readonly PaymentRecord[]): void {
  for (const record of records) reportParked(desk, record, { delayMs: 0, rounds: record.rounds })
}

export function reportClaimed(
  desk: Desk,
  { batch, from }: { batch: readonly ClaimedPayment[]; from: ClaimSource },
): void {
  desk.shop.journal.note({ type: 'payments.claimed', payments: batch.length, from })
}

/** A payment whose actor failed: what was sent is unknown, so it is in doubt at both processors. */
export function reportBroken(desk: Desk, record: PaymentRecord, error: unknown): void {
  const { clock, settings, journal } = desk.shop
  const doubt = { requestedAt: null, endsAt: clock.now() + outlasting(settings.horizonMs) }
  const doubts = [
    { processor: 'default' as const, ...doubt },
    { processor: 'fallback' as const, ...doubt },
  ]
  const { correlationId, rounds } = record
  reportParked(desk, { ...record, doubts }, { delayMs: settings.retryDelayMs, rounds })
  const cause = error instanceof Error ? error.message : String(error)
  journal.note({ type: 'payment.broken', correlationId, cause })
}

function report(desk: Desk, outcome: Outcome): void {
  tell(desk.system, 'persistence', { type: 'outcome.reached', outcome })
}
