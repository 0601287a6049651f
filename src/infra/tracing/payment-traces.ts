// What is under way of the traced payments, and the spans that come of it.

import { SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api'
import type { Outcome, ProcessorName } from '../../actors/model/payment.ts'
import type { AcceptRequest, Charge, ChargeAnswer } from '../../actors/model/ports.ts'
import type { PaymentSpans } from './spans.ts'

/** Epoch ms, fractions allowed. */
export interface Period {
  readonly startedAt: number
  readonly endedAt: number
}

/** A charge that was sent; its span ends when it is both answered and written. */
export interface TracedAttempt {
  readonly span: Span
  readonly processor: ProcessorName
  readonly requestedAt: number
  /** Set when the answer came. */
  endedAt?: number
  /** Whether nothing more will be known of it from the ledger's side. */
  isWritten: boolean
}

export interface PaymentTraces {
  accepted(payment: AcceptRequest, period: Period): void
  attempted(charge: Charge, at: { processor: ProcessorName; startedAt: number }): TracedAttempt
  answered(attempt: TracedAttempt, end: { answer: ChargeAnswer; endedAt: number }): void
  flushed(outcome: Outcome, period: Period): void
  /** Of the attempt made last. */
  traceparent(correlationId: string): string | undefined
}

/** Payments held here at a time; the oldest is forgotten, and its root begins later then. */
const HELD_MAX = 4_096

/** What is known of a payment that is not final. */
interface Held {
  acceptedAt?: number
  amountCents?: number
  /** Not yet written to the ledger, oldest first. */
  attempts: TracedAttempt[]
}

export function createPaymentTraces(spans: PaymentSpans): PaymentTraces {
  const payments = new Map<string, Held>()
  const hold = (correlationId: string): Held => {
    const known = payments.get(correlationId)
    if (known !== undefined) return known
    if (payments.size >= HELD_MAX) forgetOldest(payments)
    const held: Held = { attempts: [] }
    payments.set(correlationId, held)
    return held
  }
  return {
    accepted({ correlationId, amountCents }, { startedAt, endedAt }) {
      const held = hold(correlationId)
      held.acceptedAt = startedAt
      held.amountCents = amountCents
      spans.child(correlationId, { name: 'accept', startedAt, attributes: {} }).end(endedAt)
    },

    attempted({ correlationId, amountCents, requestedAt }, { processor, startedAt }) {
      const attributes = { 'pit.processor': processor }
      const span = spans.child(correlationId, { name: 'attempt', startedAt, attributes })
      const attempt: TracedAttempt = { span, processor, requestedAt, isWritten: false }
      const held = hold(correlationId)
      held.amountCents = amountCents
      held.attempts.push(attempt)
      return attempt
    },

    answered(attempt, { answer: { kind, detail }, endedAt }) {
      attempt.endedAt = endedAt
      attempt.span.setAttributes({ 'pit.outcome': kind, 'pit.detail': detail })
      if (kind !== 'settled') markFailed(attempt.span, detail)
      if (attempt.isWritten) attempt.span.end(endedAt)
    },

    flushed(outcome, period) {
      const { correlationId, kind } = outcome
      const held = payments.get(correlationId) ?? { attempts: [] }
      tellReasons(held.attempts, outcome)
      held.attempts = []
      const { startedAt, endedAt } = period
      const attributes = { 'pit.outcome': kind }
      spans.child(correlationId, { name: 'flush', startedAt, attributes }).end(endedAt)
      if (kind === 'parked') return
      payments.delete(correlationId)
      endRoot(spans, { outcome, held, period })
    },

    traceparent(correlationId) {
      const attempt = payments.get(correlationId)?.attempts.at(-1)
      if (attempt === undefined) return undefined
      const { traceId, spanId } = attempt.span.spanContext()
      return `00-${traceId}-${spanId}-01`
    },
  }
}

/** The ledger is told of attempts with the reason for each; the newest of them are these. */
function tellReasons(attempts: readonly TracedAttempt[], { attempts: told }: Outcome): void {
  const newest = told.slice(-attempts.length)
  attempts.forEach((attempt, index) => {
    const same = newest[index]
    if (same?.processor === attempt.processor && same.requestedAt === attempt.requestedAt)
      attempt.span.setAttribute('pit.reason', same.reason)
    finish(attempt)
  })
}

/** Where another instance accepted it, the trace begins with the first attempt that is known. */
function endRoot(spans: PaymentSpans, end: { outcome: Outcome; held: Held; period: Period }): void {
  const { outcome, held, period } = end
  const { correlationId, kind, attempts } = outcome
  const startedAt = held.acceptedAt ?? attempts[0]?.requestedAt ?? period.startedAt
  const attributes: Attributes = { 'pit.correlation_id': correlationId, 'pit.outcome': kind }
  const span = spans.root(correlationId, startedAt, attributes)
  if (held.amountCents !== undefined) span.setAttribute('pit.amount_cents', held.amountCents)
  if (outcome.kind === 'settled') span.setAttribute('pit.processor', outcome.processor)
  else markFailed(span, kind)
  span.end(period.endedAt)
}

function forgetOldest(payments: Map<string, Held>): void {
  for (const [correlationId, { attempts }] of payments) {
    for (const attempt of attempts) finish(attempt)
    payments.delete(correlationId)
    return
  }
}

/** Ends the span, or lets the answer end it. */
function finish(attempt: TracedAttempt): void {
  attempt.isWritten = true
  if (attempt.endedAt !== undefined) attempt.span.end(attempt.endedAt)
}

function markFailed(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
