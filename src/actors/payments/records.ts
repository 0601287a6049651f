// A payment as the ledger has it turned into the record that waits in memory, and back.

import type { PaymentContext, PaymentRecord } from '../payment/context.ts'
import type { ClaimedPayment, Outcome, ProcessorName } from '../model/payment.ts'
import type { AcceptRequest } from '../model/ports.ts'
import type { Clock } from '../model/ports.ts'
import {
  backoff,
  jittered,
  LOOK_UP_PAUSE_MAX_MS,
  outlasting,
  type WorkSettings,
} from '../model/settings.ts'

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
    // Negative: the ledger's clock was set back.
    acceptedAt: now - Math.max(0, payment.ageMs),
    unknownOutcomes: payment.unknownOutcomes.map(({ processor, requestedAt, remainingMs }) => {
      const endsAt = now + remainingMs
      return { processor, requestedAt, endsAt, settleBy: endsAt }
    }),
  }
}

/**
 * The same payment in doubt at both processors until that monotonic instant, ms, at least: a history
 * that the ledger has forgotten may have sent it anywhere.
 */
export function inDoubtUntil(record: PaymentRecord, until: number | undefined): PaymentRecord {
  if (until === undefined) return record
  const unknownOutcomes = BOTH.map((processor) => {
    const known = record.unknownOutcomes.find((each) => each.processor === processor)
    if (known === undefined) return { processor, requestedAt: null, endsAt: until, settleBy: until }
    const { endsAt, settleBy } = known
    return { ...known, endsAt: Math.max(endsAt, until), settleBy: Math.max(settleBy, until) }
  })
  return { ...record, unknownOutcomes }
}

const BOTH: readonly ProcessorName[] = ['default', 'fallback']

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
    // The settle-by deadline holds here: whoever claims it may know no payment for a control.
    unknownOutcomes: record.unknownOutcomes.map(({ processor, requestedAt, settleBy }) => {
      return { processor, requestedAt, remainingMs: Math.ceil(settleBy - park.now) }
    }),
    attempts: record.attempts,
  }
}

/** What delays in the retry queue depend on beside the payment. */
interface DelayParts {
  readonly settings: WorkSettings
  readonly clock: Pick<Clock, 'now'>
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

/** How long a payment that left its actor stays in the retry queue, ms. */
export function parkingDelayMs(context: PaymentContext, parts: DelayParts): number {
  if (context.unknownOutcomes.length > 0) return doubtDelayMs(context.unknownOutcomes, parts)
  if (context.deferred) return 0
  const { retryDelayMs: firstMs, retryDelayMaxMs: maxMs } = parts.settings
  return backoff({ firstMs, step: context.record.rounds, maxMs }, parts.random)
}

/** Share of the age of a doubt for which a payment without a place for look-ups is parked. */
const PARKED_SHARE = 0.25

/**
 * How long a payment in doubt stays in the retry queue, ms: the longer the older its doubt is. What
 * nobody can settle is claimed more and more seldom, and leaves the claims to what somebody can.
 */
export function doubtDelayMs(
  unknownOutcomes: PaymentRecord['unknownOutcomes'],
  { settings, clock, random }: DelayParts,
): number {
  const settleBy = Math.max(...unknownOutcomes.map((each) => each.settleBy))
  const ageMs = clock.now() - settleBy + outlasting(settings.settleByMs)
  const maxMs = Math.max(LOOK_UP_PAUSE_MAX_MS, settings.retryDelayMaxMs)
  const delayMs = Math.max(LOOK_UP_PAUSE_MAX_MS, Math.min(maxMs, ageMs * PARKED_SHARE))
  return jittered({ delayMs, maxMs }, random)
}

/** How long answers may be late, ms: far longer than any call to the ledger is waited for. */
export const LATE_MAX_MS = 60_000

/** A stray that was claimed lately. */
interface Stray {
  readonly fencingToken: number
  /** Monotonic, ms. */
  readonly claimedAt: number
}

/**
 * Strays that were claimed lately: an answer of the ledger that names one of them under an earlier
 * fencing token comes too late, and its payment must not be in memory twice.
 */
export class LateAnswers {
  /** By id, oldest first. */
  readonly #strays = new Map<string, Stray>()

  /** Strays that were claimed by this monotonic instant, ms. */
  note(batch: readonly ClaimedPayment[], now: number): void {
    for (const [id, { claimedAt }] of this.#strays) {
      if (now - claimedAt < LATE_MAX_MS) break
      this.#strays.delete(id)
    }
    for (const { correlationId, fencingToken } of batch) {
      this.#strays.delete(correlationId)
      this.#strays.set(correlationId, { fencingToken, claimedAt: now })
    }
  }

  /** After a purge an id may be posted again, as another payment. */
  forget(): void {
    this.#strays.clear()
  }

  /** Whether it was claimed as a stray since the ledger handed it out under this token. */
  isOutdated({ correlationId, fencingToken }: PaymentRecord): boolean {
    if (this.#strays.size === 0) return false
    const stray = this.#strays.get(correlationId)
    return stray !== undefined && fencingToken < stray.fencingToken
  }
}
