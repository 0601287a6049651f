// What follows when a payment leaves its actor: an outcome for the outcome batcher, and facts.

import assert from 'node:assert'
import { tell, type Directory } from '../messages.ts'
import { roundedMs, withAttempt } from '../payment/history.ts'
import type { PaymentContext, PaymentRecord } from '../payment/context.ts'
import type { LateSettlement, PaymentDependencies } from '../payment/effects.ts'
import { deferredRecord, parkedOutcome, parkingDelayMs } from './records.ts'
import type { ClaimSource } from '../model/facts.ts'
import type { Attempt, ClaimedPayment, Outcome } from '../model/payment.ts'
import { outlasting } from '../model/settings.ts'

/** What reports are made of and where they go. */
export interface ReportParts {
  readonly dependencies: PaymentDependencies
  readonly system: Directory
  /** The highest purge count so far: all in memory was accepted or claimed at that count. */
  readonly purges: () => number
}

/**
 * Each payment passes here, so no object begins with a spread: on Node 20 one that does and is
 * given a further property gets a hidden class of its own, in old space.
 */
export function reportSettled(parts: ReportParts, context: PaymentContext): void {
  const { settlement, record, attempts } = context
  assert(settlement !== null, 'a payment that leaves as settled has its settlement')
  const { correlationId, amountCents, fencingToken } = record
  const { processor, requestedAt } = settlement
  const paid = { correlationId, amountCents, processor, requestedAt }
  report(parts, { kind: 'settled', ...paid, fencingToken, purges: parts.purges(), attempts })
  const tookMs = parts.dependencies.clock.now() - record.acceptedAt
  const last = attempts.at(-1)
  const byAttempt = last?.outcome === 'settled' ? { attemptTookMs: last.tookMs } : {}
  const fact = { correlationId, amountCents, processor, tookMs, ...byAttempt }
  parts.dependencies.telemetry.emit({ type: 'payment.settled', ...fact })
}

/**
 * Writes the settlement of a payment that was handed back, dropped or broken while its charge or its
 * look-up was under way. Its owner by now tells of it. False: a purge has deleted the payment.
 */
export function reportLateSettlement(parts: ReportParts, settlement: LateSettlement): boolean {
  const { context, processor, requestedAt, charge, purges } = settlement
  // Published for the summaries, it would be counted for a payment that was posted anew.
  if (purges < parts.purges()) return false
  const { correlationId, amountCents, fencingToken } = context.record
  report(parts, {
    kind: 'settled',
    correlationId,
    amountCents,
    processor,
    requestedAt,
    fencingToken,
    purges,
    attempts: charge === undefined ? context.attempts : withSettled(context, settlement, charge),
  })
  return true
}

function withSettled(
  { attempts }: PaymentContext,
  { processor, requestedAt }: LateSettlement,
  { reason, tookMs, detail }: NonNullable<LateSettlement['charge']>,
): readonly Attempt[] {
  const at = { processor, requestedAt, reason, outcome: 'settled' as const }
  return withAttempt(attempts, { ...at, tookMs: roundedMs(tookMs), detail })
}

/** Tells of a late settlement whose payment this instance has again by now. */
export function tellLateSettlement(
  { dependencies }: ReportParts,
  { context, processor, charge }: LateSettlement,
): void {
  const { correlationId, amountCents, acceptedAt } = context.record
  const tookMs = dependencies.clock.now() - acceptedAt
  const byAttempt = charge === undefined ? {} : { attemptTookMs: charge.tookMs }
  const fact = { correlationId, amountCents, processor, tookMs, ...byAttempt }
  dependencies.telemetry.emit({ type: 'payment.settled', ...fact })
}

export function reportRejected(parts: ReportParts, { record, attempts }: PaymentContext): void {
  const { correlationId, fencingToken } = record
  report(parts, { kind: 'rejected', correlationId, fencingToken, purges: parts.purges(), attempts })
  const last = attempts.at(-1)
  assert(last?.detail !== undefined, 'a payment is rejected by the answer to an attempt')
  const { processor, detail } = last
  parts.dependencies.telemetry.emit({ type: 'payment.rejected', correlationId, processor, detail })
}

/** Parks a payment that left its actor refused or in doubt; it is due at once in a drain. */
export function reportUnsettled(parts: ReportParts, context: PaymentContext): void {
  const { dependencies } = parts
  const record = deferredRecord(context)
  const wasRefused = !context.deferred && record.unknownOutcomes.length === 0
  const delayMs = dependencies.isDraining() ? 0 : parkingDelayMs(context, dependencies)
  reportParked(parts, record, { delayMs, rounds: record.rounds + (wasRefused ? 1 : 0) })
}

export function reportParked(
  parts: ReportParts,
  record: PaymentRecord,
  park: { delayMs: number; rounds: number },
): void {
  const { delayMs, rounds } = park
  const now = parts.dependencies.clock.now()
  report(parts, parkedOutcome(record, { now, delayMs, rounds, purges: parts.purges() }))
  const { correlationId } = record
  const doubts = record.unknownOutcomes.length
  parts.dependencies.telemetry.emit({ type: 'payment.parked', correlationId, delayMs, doubts })
}

/** Hands payments back that waited in memory; they are due at once. */
export function reportAllParked(parts: ReportParts, records: readonly PaymentRecord[]): void {
  for (const record of records) reportParked(parts, record, { delayMs: 0, rounds: record.rounds })
}

export function reportClaimed(
  parts: ReportParts,
  { batch, from }: { batch: readonly ClaimedPayment[]; from: ClaimSource },
): void {
  parts.dependencies.telemetry.emit({ type: 'payments.claimed', payments: batch.length, from })
}

/** A payment whose actor failed: what was sent is unknown, so it is in doubt at both processors. */
export function reportBroken(parts: ReportParts, record: PaymentRecord, error: unknown): void {
  const { clock, settings, telemetry } = parts.dependencies
  const settleBy = clock.now() + outlasting(settings.settleByMs)
  const unknown = { requestedAt: null, endsAt: settleBy, settleBy }
  const unknownOutcomes = [
    { processor: 'default' as const, ...unknown },
    { processor: 'fallback' as const, ...unknown },
  ]
  const { correlationId, rounds } = record
  reportParked(parts, { ...record, unknownOutcomes }, { delayMs: settings.retryDelayMs, rounds })
  const cause = error instanceof Error ? error.message : String(error)
  telemetry.emit({ type: 'payment.broken', correlationId, cause, error })
}

function report(parts: ReportParts, outcome: Outcome): void {
  tell(parts.system, 'outcomeBatcher', { type: 'outcome.reached', outcome })
}
