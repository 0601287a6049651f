// What one payment's actor knows, which events it takes, and the pure steps that change it.

import assert from 'node:assert'
import type {
  Attempt,
  AttemptOutcome,
  Contradiction,
  PaymentStatus,
  ProcessorName,
  RouteReason,
} from '../model/payment.ts'
import { otherThan } from '../model/route.ts'
import type { AbsenceProof } from './controls.ts'
import { deniedBy, roundedMs, withAttempt } from './history.ts'

/** A payment as it waits in memory for its turn; also the input of its actor. */
export interface PaymentRecord {
  readonly correlationId: string
  readonly amountCents: number
  /** Fencing token under which this instance owns the payment; part of each write. */
  readonly fencingToken: number
  /** Monotonic instant of acceptance, ms; negative when older than this process. */
  readonly acceptedAt: number
  /** Rounds in earlier actors of this payment: series of tries that ended parked. */
  readonly rounds: number
  /** One per processor that may have the payment. */
  readonly unknownOutcomes: readonly TrackedUnknownOutcome[]
  /** Oldest first, at most `ATTEMPTS_KEPT_MAX`. */
  readonly attempts: readonly Attempt[]
}

/** An unknown outcome with its ends on this process's monotonic clock. */
export interface TrackedUnknownOutcome {
  readonly processor: ProcessorName
  /** Epoch ms; null when a dead instance sent the request. */
  readonly requestedAt: number | null
  /**
   * Monotonic instant, ms, from which a look-up backed by controls ends it: the settle-by deadline,
   * or after a 500 the end of the look-ups' lag.
   */
  readonly endsAt: number
  /** Monotonic instant of the settle-by deadline, ms: from then on the form alone ends it. */
  readonly settleBy: number
  /** What its processor said that cannot be true; told once, then asked for at a slower pace. */
  readonly contradiction?: Contradiction
}

export interface PaymentContext {
  /** The payment as it was when its actor was created. */
  readonly record: PaymentRecord
  /** Index of the payment's slot; names the payment towards its parent. */
  readonly slot: number
  /** The attempt that comes next, is under way or has just ended; null when there is none. */
  readonly attempt: CurrentAttempt | null
  /** Those that have ended, oldest first, also of earlier actors; at most `ATTEMPTS_KEPT_MAX`. */
  readonly attempts: readonly Attempt[]
  /** One per processor that may have the payment; while there is one, no other is tried. */
  readonly unknownOutcomes: readonly TrackedUnknownOutcome[]
  /** Processors that refused in this try; emptied when another try begins. */
  readonly refusedBy: readonly ProcessorName[]
  /** Tries in this actor so far, that is passes over the processors, that ended refused. */
  readonly tries: number
  /** Look-ups made since the payment is in doubt. */
  readonly lookUps: number
  /** Tries in a round, after which a refused payment is parked. */
  readonly triesMax: number
  /** Whether it left because no processor could be charged, without an attempt. */
  readonly deferred: boolean
  /** Whether both processors have denied it. */
  readonly rejected: boolean
  /** What it was settled by; null until then. `requestedAt` in epoch ms. */
  readonly settlement: { readonly processor: ProcessorName; readonly requestedAt: number } | null
}

export interface CurrentAttempt {
  readonly processor: ProcessorName
  /** Instant that the request carries, epoch ms. */
  readonly requestedAt: number
  readonly reason: RouteReason
}

/** What a payment's actor is created with. */
export interface PaymentInput {
  readonly record: PaymentRecord
  readonly slot: number
  /** Tries in a round, after which a refused payment is parked. */
  readonly triesMax: number
  /** Where it is tried first; null for a payment in doubt, which is looked up instead. */
  readonly next: NextRoute | null
}

export function initialContext(input: PaymentInput): PaymentContext {
  return {
    record: input.record,
    slot: input.slot,
    triesMax: input.triesMax,
    rejected: false,
    attempt: input.next === null ? null : attemptOn(input.next),
    attempts: input.record.attempts,
    unknownOutcomes: input.record.unknownOutcomes,
    refusedBy: NOBODY,
    tries: 0,
    lookUps: 0,
    deferred: false,
    settlement: null,
  }
}

const NOBODY: readonly ProcessorName[] = []

/** What an action or a guard sees: what is known and what has just happened. */
export interface PaymentStep {
  readonly context: PaymentContext
  readonly event: PaymentEvent
}

type Change = Partial<PaymentContext>

/** The attempt that the event's `next` asks for. */
export function takenRoute({ event }: PaymentStep): Change {
  assert('next' in event, 'a route is taken from an event that brings one')
  return { attempt: attemptOn(event.next) }
}

function attemptOn({ to, reason, requestedAt }: NextRoute): CurrentAttempt | null {
  return to === null ? null : { processor: to, requestedAt, reason }
}

/** The attempt that repeats the request in doubt: same id, same `requestedAt`. */
export function pinnedAttempt({ context }: PaymentStep): Change {
  const [unknown] = context.unknownOutcomes
  const { processor, requestedAt = null } = unknown ?? {}
  assert(processor !== undefined && requestedAt !== null, 'what is sent again was sent from here')
  return {
    attempt: { processor, requestedAt, reason: 'resend' },
    lookUps: context.lookUps + 1,
  }
}

/** Moves the current attempt into the history, bounded. */
export function endedAttempt({ context, event }: PaymentStep): Change {
  const { attempt, attempts } = context
  const outcome = OUTCOME_OF[event.type]
  assert(
    attempt !== null && outcome !== undefined,
    'an attempt ends once, by an answer or a recall',
  )
  const { tookMs, detail } = 'tookMs' in event ? event : RECALLED
  const { processor, requestedAt, reason } = attempt
  const rounded = roundedMs(tookMs)
  const ended = { processor, requestedAt, reason, outcome, tookMs: rounded, detail }
  return { attempts: withAttempt(attempts, ended) }
}

/** Whether the other processor has denied the payment too, and it is old enough to be rejected. */
export function isDeniedForGood({ context, event }: PaymentStep): boolean {
  const { attempt, attempts } = context
  assert(attempt !== null && event.type === 'charge.denied', 'a denial is the answer to an attempt')
  return event.mayReject && deniedBy(attempts) === otherThan(attempt.processor)
}

const RECALLED = { tookMs: 0, detail: 'recalled' }

const OUTCOME_OF: Partial<Record<PaymentEvent['type'], AttemptOutcome>> = {
  'charge.settled': 'settled',
  'charge.known': 'known',
  'charge.failed': 'failed',
  'charge.doubted': 'inDoubt',
  'charge.refused': 'refused',
  'charge.denied': 'denied',
  'payment.recalled': 'inDoubt',
}

/** Counts the current attempt's processor as one that refused in this try. */
export function refusedByCurrent({ context }: PaymentStep): Change {
  const { attempt, refusedBy } = context
  assert(attempt !== null, 'a refusal is the answer to an attempt')
  return { refusedBy: withProcessor(refusedBy, attempt.processor) }
}

/**
 * Notes that the outcome of the current attempt is unknown until the event's `endsAt`, or later if
 * an earlier request to that processor can land later. After a 422 nobody knows which request
 * landed, so none is sent again.
 */
export function withUnknownOutcome({ context, event }: PaymentStep): Change {
  const { attempt, unknownOutcomes } = context
  assert(attempt !== null && 'endsAt' in event, 'only what was sent can have an unknown outcome')
  const { processor } = attempt
  const requestedAt = event.type === 'charge.known' ? null : attempt.requestedAt
  const earlier = unknownOutcomes.find((each) => each.processor === processor)
  const endsAt = Math.max(event.endsAt, earlier?.endsAt ?? event.endsAt)
  const sentBy = 'settleBy' in event ? event.settleBy : event.endsAt
  const settleBy = Math.max(sentBy, earlier?.settleBy ?? sentBy)
  const others = unknownOutcomes.filter((each) => each !== earlier)
  const lookUps = earlier === undefined ? 0 : context.lookUps
  return { unknownOutcomes: [...others, { processor, requestedAt, endsAt, settleBy }], lookUps }
}

/**
 * Forgets the unknown outcome at the processor that is now proved not to have the payment. If that
 * one has answered 422, it counts as one that refused.
 */
export function withoutUnknownOutcome({ context, event }: PaymentStep): Change {
  assert(event.type === 'lookup.missing', 'only a look-up proves that a payment is missing')
  const { processor } = event
  const unknownOutcomes = context.unknownOutcomes.filter((each) => each.processor !== processor)
  if (!contradictsKnown(context, event)) return { unknownOutcomes }
  return {
    unknownOutcomes,
    refusedBy: withProcessor(context.refusedBy, processor),
    attempts: withContradiction(context.attempts, processor, ABSENCE),
  }
}

export const ABSENCE: Contradiction = { kind: 'absence' }

function withProcessor(
  processors: readonly ProcessorName[],
  processor: ProcessorName,
): readonly ProcessorName[] {
  return processors.includes(processor) ? processors : [...processors, processor]
}

/** A look-up that found nothing: who was asked, when (monotonic ms), and what backs the answer. */
interface Missing {
  readonly processor: ProcessorName
  readonly askedAt: number
  readonly proof: AbsenceProof
}

/** Whether a look-up found nothing, and was asked when the old request could no longer land. */
export function provesMissing({ context, event }: PaymentStep): boolean {
  assert(event.type === 'lookup.missing', 'only a look-up proves that a payment is missing')
  return isProvedMissing(context, event)
}

function isProvedMissing(
  { unknownOutcomes }: PaymentContext,
  { processor, askedAt, proof }: Missing,
): boolean {
  const unknown = unknownOutcomes.find((each) => each.processor === processor)
  if (unknown === undefined || proof === 'none') return false
  return askedAt >= (proof === 'control' ? unknown.endsAt : unknown.settleBy)
}

/**
 * Whether a look-up proves a payment missing whose last charge its processor answered with 422.
 * One of the two answers is wrong.
 */
export function contradictsKnown(context: PaymentContext, missing: Missing): boolean {
  const last = context.attempts.at(-1)
  const isKnown = last?.outcome === 'known' && last.processor === missing.processor
  return isKnown && isProvedMissing(context, missing)
}

/** The attempts, the newest one at that processor with what contradicts it, if one is kept. */
function withContradiction(
  attempts: readonly Attempt[],
  processor: ProcessorName,
  contradiction: Contradiction,
): readonly Attempt[] {
  const index = attempts.findLastIndex((each) => each.processor === processor)
  const attempt = attempts[index]
  return attempt === undefined ? attempts : attempts.with(index, { ...attempt, contradiction })
}

/** Notes what the processor said that cannot be true, at its doubt and at its last attempt. */
export function contradicted({ context, event }: PaymentStep): Change {
  assert(event.type === 'lookup.contradicted', 'a look-up contradicts what is known')
  const { processor, contradiction } = event
  return {
    unknownOutcomes: context.unknownOutcomes.map((each) =>
      each.processor === processor ? { ...each, contradiction } : each,
    ),
    attempts: withContradiction(context.attempts, processor, contradiction),
  }
}

/** Whether the request in doubt may be repeated at this processor: same id, same `requestedAt`. */
export function mayResend({ context, event }: PaymentStep, processor: ProcessorName): boolean {
  assert(event.type === 'lookup.due', 'a request is sent again in place of a look-up')
  const unknown = context.unknownOutcomes[0]
  return (
    event.resend &&
    context.unknownOutcomes.length === 1 &&
    unknown?.processor === processor &&
    unknown.requestedAt !== null
  )
}

/** The settlement as the look-up found it. */
export function foundBy({ event }: PaymentStep): Change {
  assert(event.type === 'lookup.found', 'a look-up settles a payment by finding it')
  return { settlement: { processor: event.processor, requestedAt: event.requestedAt } }
}

/** The payment as a reader sees it while its actor lives. */
export function statusOf(
  context: PaymentContext,
  state: PaymentStatus['state'],
  acceptedAtWall: number,
): PaymentStatus {
  const { record, attempt, attempts, settlement } = context
  const isTrying = state === 'tryingDefault' || state === 'tryingFallback'
  const running: readonly Attempt[] =
    isTrying && attempt !== null ? [{ ...attempt, outcome: 'inFlight', tookMs: 0 }] : []
  return {
    correlationId: record.correlationId,
    amountCents: record.amountCents,
    state,
    acceptedAt: acceptedAtWall,
    ...(settlement === null
      ? {}
      : { processor: settlement.processor, requestedAt: settlement.requestedAt }),
    attempts: [...attempts, ...running],
  }
}

/** Where a payment may go next, worked out by its parent at that moment; `to: null` means wait. */
export interface NextRoute {
  readonly to: ProcessorName | null
  readonly reason: RouteReason
  /** Stamp for the attempt if one is made now, epoch ms. */
  readonly requestedAt: number
}

/** How a charge ended; `tookMs` from the sending to the answer. */
interface ChargeEnd {
  readonly tookMs: number
  readonly detail: string
}

export type PaymentEvent =
  | ({ readonly type: 'charge.settled' } & ChargeEnd)
  /** 400: this processor denies it; final once the other one has as well, and with `mayReject`. */
  | ({
      readonly type: 'charge.denied'
      /** Whether the payment is old enough to be rejected. */
      readonly mayReject: boolean
      readonly next: NextRoute
    } & ChargeEnd)
  | ({ readonly type: 'charge.refused'; readonly next: NextRoute } & ChargeEnd)
  /**
   * 500: refused only if a look-up does not find it, at `endsAt` with controls, at `settleBy` without
   * (monotonic ms).
   */
  | ({
      readonly type: 'charge.failed'
      readonly endsAt: number
      readonly settleBy: number
    } & ChargeEnd)
  /** 422: the processor has it from an earlier request; the look-up tells which. */
  | ({ readonly type: 'charge.known'; readonly endsAt: number } & ChargeEnd)
  /** May have been processed, or still may be until `endsAt` (monotonic ms). */
  | ({ readonly type: 'charge.doubted'; readonly endsAt: number } & ChargeEnd)
  | {
      readonly type: 'lookup.found'
      readonly processor: ProcessorName
      readonly requestedAt: number
    }
  | {
      readonly type: 'lookup.missing'
      readonly processor: ProcessorName
      /** Monotonic instant at which the look-up was sent, ms. */
      readonly askedAt: number
      /** What backs it beside its own form. */
      readonly proof: AbsenceProof
      readonly next: NextRoute
    }
  /** Found, and not as it can be: it stays in doubt. */
  | {
      readonly type: 'lookup.contradicted'
      readonly processor: ProcessorName
      readonly contradiction: Contradiction
    }
  | { readonly type: 'lookup.failed'; readonly processor: ProcessorName }
  /** The next look-up is due; with `resend` the request may be sent again in its place. */
  | { readonly type: 'lookup.due'; readonly resend: boolean }
  | { readonly type: 'backoff.elapsed'; readonly next: NextRoute }
  /** It is parked as it is: the instance drains or holds too many payments in doubt. */
  | { readonly type: 'payment.recalled'; readonly endsAt: number }
