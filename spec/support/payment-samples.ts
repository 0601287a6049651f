// Payments in every condition and the events they can receive, for specs of the payment chart.

import { initialTransition, transition, type SnapshotFrom } from 'xstate'
import { paymentMachine } from '../../src/actors/payment/payment.machine.ts'
import {
  initialContext,
  type NextRoute,
  type PaymentContext,
  type PaymentEvent,
  type PaymentInput,
  type PaymentRecord,
  type TrackedUnknownOutcome,
} from '../../src/actors/payment/context.ts'
import type { Attempt, ClaimedPayment, ProcessorName } from '../../src/actors/model/payment.ts'

export type PaymentSnapshot = SnapshotFrom<typeof paymentMachine>
export type PaymentValue = PaymentSnapshot['value']

/** Monotonic end of the unknown outcomes that `EVENTS` bring, ms. */
export const ENDS_AT = 500

/** `requestedAt` of the attempts that `EVENTS` start, epoch ms. */
export const STAMP = 1_700_000_000_000

/** One charge at `default` whose outcome is unknown. */
export const ATTEMPT: Attempt = {
  processor: 'default',
  requestedAt: STAMP,
  reason: 'cheaper',
  outcome: 'inDoubt',
  tookMs: 1,
}

export function sampleRecord(changes: Partial<PaymentRecord> = {}): PaymentRecord {
  return {
    correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
    amountCents: 1990,
    fencingToken: 0,
    acceptedAt: 0,
    rounds: 0,
    unknownOutcomes: [],
    attempts: [],
    ...changes,
  }
}

/** A payment as the ledger hands it out, new and not in doubt. */
export function claimedPayment(
  correlationId: string,
  changes: Partial<ClaimedPayment> = {},
): ClaimedPayment {
  const unseen = { purges: 0, rounds: 0, ageMs: 0, claimedAt: 0, parkedAt: null }
  const nothing = { ...unseen, unknownOutcomes: [], attempts: [] }
  return { correlationId, amountCents: 1990, fencingToken: 1, ...nothing, ...changes }
}

export function sampleDoubt(
  processor: ProcessorName,
  changes: Partial<TrackedUnknownOutcome> = {},
): TrackedUnknownOutcome {
  const endsAt = changes.endsAt ?? ENDS_AT
  return { processor, requestedAt: STAMP, endsAt, settleBy: endsAt, ...changes }
}

export function sampleInput(changes: Partial<PaymentInput> = {}): PaymentInput {
  return { record: sampleRecord(), slot: 0, triesMax: 2, next: null, ...changes }
}

export function sampleContext(changes: Partial<PaymentContext> = {}): PaymentContext {
  return { ...initialContext(sampleInput()), ...changes }
}

/** The attempt of a payment that is being tried there. */
export function trying(processor: ProcessorName): Pick<PaymentContext, 'attempt'> {
  return { attempt: { processor, requestedAt: STAMP, reason: 'cheaper' } }
}

export function next(to: ProcessorName | null): NextRoute {
  return { to, reason: to === null ? 'noneAvailable' : 'cheaper', requestedAt: STAMP + 1 }
}

/** What a step did: the state it led to and, after a space each, the effects that it asked for. */
export interface Taken {
  readonly told: string
  readonly snapshot: PaymentSnapshot
  readonly context: PaymentContext
}

/** One event to a payment in that state. */
export function take(
  value: PaymentValue,
  changes: Partial<PaymentContext>,
  event: PaymentEvent,
): Taken {
  const before = paymentMachine.resolveState({ value, context: sampleContext(changes) })
  const [snapshot, actions] = transition(paymentMachine, before, event)
  if (snapshot !== before || actions.length > 0) return taken(snapshot, actions)
  return { told: 'ignored', snapshot, context: snapshot.context }
}

/** A payment's start. */
export function begin(input: Partial<PaymentInput>): Taken {
  const [snapshot, actions] = initialTransition(paymentMachine, sampleInput(input))
  return taken(snapshot, actions)
}

function taken(snapshot: PaymentSnapshot, actions: readonly { readonly type: string }[]): Taken {
  const told = [snapshot.value, ...actions.map(({ type }) => type)].join(' ')
  return { told, snapshot, context: snapshot.context }
}

const AMOUNT = { kind: 'amount', amountCents: 1000, requestedAt: STAMP } as const

const END = { tookMs: 12.3456, detail: 'http 500' }
const OLD = { mayReject: true }

/** Each kind of event, by a name for tables; enough of them to take every transition. */
export const EVENTS = {
  settled: { type: 'charge.settled', ...END },
  deniedNextDefault: { type: 'charge.denied', next: next('default'), ...OLD, ...END },
  deniedNextFallback: { type: 'charge.denied', next: next('fallback'), ...OLD, ...END },
  deniedNextNone: { type: 'charge.denied', next: next(null), ...OLD, ...END },
  deniedYoung: { type: 'charge.denied', next: next(null), mayReject: false, ...END },
  refusedNextDefault: { type: 'charge.refused', next: next('default'), ...END },
  refusedNextFallback: { type: 'charge.refused', next: next('fallback'), ...END },
  refusedNextNone: { type: 'charge.refused', next: next(null), ...END },
  failed: { type: 'charge.failed', endsAt: ENDS_AT, settleBy: ENDS_AT, ...END },
  known: { type: 'charge.known', endsAt: ENDS_AT, ...END },
  doubted: { type: 'charge.doubted', endsAt: ENDS_AT, ...END },
  found: { type: 'lookup.found', processor: 'default', requestedAt: STAMP - 1 },
  foundFallback: { type: 'lookup.found', processor: 'fallback', requestedAt: STAMP - 1 },
  missingEarly: missing('default', null, ENDS_AT - 1),
  missingNextDefault: missing('default', 'default'),
  missingNextFallback: missing('default', 'fallback'),
  missingNextNone: missing('default', null),
  missingAtFallback: missing('fallback', null),
  missingAtFallbackNextDefault: missing('fallback', 'default'),
  missingAtFallbackNextFallback: missing('fallback', 'fallback'),
  contradicted: { type: 'lookup.contradicted', processor: 'default', contradiction: AMOUNT },
  lookUpFailed: { type: 'lookup.failed', processor: 'default' },
  dueResend: { type: 'lookup.due', resend: true },
  dueLookUp: { type: 'lookup.due', resend: false },
  backoffNextDefault: { type: 'backoff.elapsed', next: next('default') },
  backoffNextFallback: { type: 'backoff.elapsed', next: next('fallback') },
  backoffNextNone: { type: 'backoff.elapsed', next: next(null) },
  recalled: { type: 'payment.recalled', endsAt: ENDS_AT },
} as const satisfies Readonly<Record<string, PaymentEvent>>

export type EventName = keyof typeof EVENTS

function missing(
  processor: ProcessorName,
  to: ProcessorName | null,
  askedAt = ENDS_AT,
): PaymentEvent {
  return { type: 'lookup.missing', processor, askedAt, proof: 'control', next: next(to) }
}
