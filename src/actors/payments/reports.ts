// What is told when a payment leaves its actor: outcomes to persistence, facts to the telemetry.

import { tell, type Directory } from '../messages.ts'
import type { PaymentContext, PaymentRecord } from '../payment/context.ts'
import type { PaymentDependencies } from '../payment/effects.ts'
import { deferredRecord, parkedOutcome, parkingDelayMs } from './records.ts'
import type { ClaimSource } from '../model/facts.ts'
import type { ClaimedPayment, Outcome } from '../model/payment.ts'
import { outlasting } from '../model/settings.ts'

/** A dependencies together with the system that its reports go to. */
export interface Desk {
  readonly dependencies: PaymentDependencies
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
  const { correlationId, amountCents, fencingToken } = record
  const { processor, requestedAt } = settlement
  const paid = { correlationId, amountCents, processor, requestedAt }
  report(desk, { kind: 'settled', ...paid, fencingToken, purges: desk.purges(), attempts })
  const tookMs = desk.dependencies.clock.now() - record.acceptedAt
  const last = attempts.at(-1)
  const byAttempt = last?.outcome === 'settled' ? { attemptTookMs: last.tookMs } : {}
  const fact = { correlationId, amountCents, processor, tookMs, ...byAttempt }
  desk.dependencies.telemetry.emit({ type: 'payment.settled', ...fact })
}

export function reportRejected(desk: Desk, { record, attempts }: PaymentContext): void {
  const { correlationId, fencingToken } = record
  report(desk, { kind: 'rejected', correlationId, fencingToken, purges: desk.purges(), attempts })
  const last = attempts.at(-1)
  const by = last === undefined ? {} : { processor: last.processor }
  const detail = last?.detail ?? ''
  desk.dependencies.telemetry.emit({ type: 'payment.rejected', correlationId, ...by, detail })
}

/** Parks a payment that left its actor refused or in doubt; at once due when the instance drains. */
export function reportUnsettled(desk: Desk, context: PaymentContext, isDraining: boolean): void {
  const { settings, random } = desk.dependencies
  const record = deferredRecord(context)
  const wasRefused = !context.deferred && record.unknownOutcomes.length === 0
  const delayMs = isDraining ? 0 : parkingDelayMs(context, settings, random)
  reportParked(desk, record, { delayMs, rounds: record.rounds + (wasRefused ? 1 : 0) })
}

export function reportParked(
  desk: Desk,
  record: PaymentRecord,
  park: { delayMs: number; rounds: number },
): void {
  const { delayMs, rounds } = park
  const now = desk.dependencies.clock.now()
  report(desk, parkedOutcome(record, { now, delayMs, rounds, purges: desk.purges() }))
  const { correlationId } = record
  const doubts = record.unknownOutcomes.length
  desk.dependencies.telemetry.emit({ type: 'payment.parked', correlationId, delayMs, doubts })
}

/** Hands payments back that waited in memory; they are due at once. */
export function reportAllParked(desk: Desk, records: readonly PaymentRecord[]): void {
  for (const record of records) reportParked(desk, record, { delayMs: 0, rounds: record.rounds })
}

export function reportClaimed(
  desk: Desk,
  { batch, from }: { batch: readonly ClaimedPayment[]; from: ClaimSource },
): void {
  desk.dependencies.telemetry.emit({ type: 'payments.claimed', payments: batch.length, from })
}

/** A payment whose actor failed: what was sent is unknown, so it is in doubt at both processors. */
export function reportBroken(desk: Desk, record: PaymentRecord, error: unknown): void {
  const { clock, settings, telemetry } = desk.dependencies
  const doubt = { requestedAt: null, endsAt: clock.now() + outlasting(settings.settleByMs) }
  const unknownOutcomes = [
    { processor: 'default' as const, ...doubt },
    { processor: 'fallback' as const, ...doubt },
  ]
  const { correlationId, rounds } = record
  reportParked(desk, { ...record, unknownOutcomes }, { delayMs: settings.retryDelayMs, rounds })
  const cause = error instanceof Error ? error.message : String(error)
  telemetry.emit({ type: 'payment.broken', correlationId, cause })
}

function report(desk: Desk, outcome: Outcome): void {
  tell(desk.system, 'outcomeBatcher', { type: 'outcome.reached', outcome })
}
