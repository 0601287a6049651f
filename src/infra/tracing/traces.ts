// Traces of sampled payments, made where the actors meet the ports: no actor knows of them, and
// without them nothing is in the way.

import { SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api'
import type { Outcome, ProcessorName } from '../../actors/model/payment.ts'
import type {
  Ledger,
  Processor,
  AcceptRequest,
  Charge,
  ChargeAnswer,
} from '../../actors/model/ports.ts'
import { openSpans, type SpanSource, type PaymentSpans } from './spans.ts'
import { traceSample } from './spans.ts'

export interface TracesOptions extends SpanSource {
  /** One payment in so many is traced. */
  readonly sample: number
}

export interface Traces {
  /** The same ledger, whose accepts and records of sampled payments become spans. */
  ofLedger(ledger: Ledger): Ledger
  /** The same processor, whose charges of sampled payments become spans. */
  ofProcessor(processor: Processor): Processor
  /** W3C trace context of the attempt that is being sent; undefined for other payments. */
  readonly traceparent: (correlationId: string) => string | undefined
  /** Sends what is left, within 2 s. */
  close(): Promise<void>
}

/**
 * One trace a payment: `payment` from the accept to the flush, below it `accept`, `attempt` for
 * each charge and `flush` for each commit of an outcome. Spans are lost, never waited for, when
 * the collector is away.
 */
export function openTraces(options: TracesOptions): Traces {
  const spans = openSpans(options)
  const sample = traceSample(options.sample)
  const payments = createPaymentTraces(spans)
  const now = createWallTime()
  return {
    ofLedger: (ledger) => ({
      ...ledger,
      async accept(batch, request) {
        const startedAt = now()
        const accepted = await ledger.accept(batch, request)
        const period = { startedAt, endedAt: now() }
        batch.forEach((payment, index) => {
          if (accepted.results[index] !== 'accepted' || !sample.has(payment.correlationId)) return
          payments.accepted(payment, period)
        })
        return accepted
      },
      async record(outcomes, request) {
        const startedAt = now()
        const unwritten = await ledger.record(outcomes, request)
        const period = { startedAt, endedAt: now() }
        for (const outcome of outcomes)
          if (sample.has(outcome.correlationId)) payments.flushed(outcome, period)
        return unwritten
      },
    }),

    ofProcessor: (processor) => ({
      ...processor,
      charge(charge, reply) {
        if (!sample.has(charge.correlationId)) return processor.charge(charge, reply)
        const attempt = payments.attempted(charge, { processor: processor.name, startedAt: now() })
        processor.charge(charge, (answer) => {
          payments.answered(attempt, { answer, endedAt: now() })
          reply(answer)
        })
      },
    }),

    traceparent: (correlationId) =>
      sample.has(correlationId) ? payments.traceparent(correlationId) : undefined,

    close: () => spans.close(),
  }
}

/** Wall clock that drifts from the monotonic one, ms, before it is believed again. */
const DRIFT_MAX_MS = 100

/** Epoch ms with fractions, so that short spans have a length and do not overlap by rounding. */
function createWallTime(): () => number {
  let offset = Date.now() - performance.now()
  return () => {
    const drift = Date.now() - (performance.now() + offset)
    if (Math.abs(drift) > DRIFT_MAX_MS) offset += drift
    return performance.now() + offset
  }
}

/** Epoch ms, fractions allowed. */
interface Period {
  readonly startedAt: number
  readonly endedAt: number
}

/** A charge that was sent; its span ends when it is both answered and written. */
interface TracedAttempt {
  readonly span: Span
  readonly processor: ProcessorName
  readonly requestedAt: number
  /** Set when the answer came. */
  endedAt?: number
  /** Whether nothing more will be known of it from the ledger's side. */
  isWritten: boolean
}

interface PaymentTraces {
  accepted(payment: AcceptRequest, period: Period): void
  attempted(charge: Charge, at: { processor: ProcessorName; startedAt: number }): TracedAttempt
  answered(attempt: TracedAttempt, end: { answer: ChargeAnswer; endedAt: number }): void
  flushed(outcome: Outcome, period: Period): void
  /** The header of the attempt made last. */
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

function createPaymentTraces(spans: PaymentSpans): PaymentTraces {
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
      addReasons(held.attempts, outcome)
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

/** An outcome has all attempts with the reason for each; the newest of them are these. */
function addReasons(attempts: readonly TracedAttempt[], { attempts: all }: Outcome): void {
  const newest = all.slice(-attempts.length)
  attempts.forEach((attempt, index) => {
    const same = newest[index]
    if (same?.processor === attempt.processor && same.requestedAt === attempt.requestedAt)
      attempt.span.setAttribute('pit.reason', same.reason)
    finish(attempt)
  })
}

/** The trace of a payment that another instance accepted begins with its first known attempt. */
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
