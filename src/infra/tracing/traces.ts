// Traces of sampled payments, made where the actors meet the ports: no actor knows of them, and
// without them nothing is in the way.

import type { Ledger, Processor } from '../../actors/model/ports.ts'
import { createPaymentTraces } from './payment-traces.ts'
import { traceSample } from './trace-sample.ts'
import { openSpans, type SpanSource } from './spans.ts'

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
        await ledger.record(outcomes, request)
        const period = { startedAt, endedAt: now() }
        for (const outcome of outcomes)
          if (sample.has(outcome.correlationId)) payments.flushed(outcome, period)
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

/** Wall clock that wanders from the monotonic one, ms, before it is believed again. */
const WANDER_MAX_MS = 100

/** Epoch ms with fractions, so that short spans have a length and do not overlap by rounding. */
function createWallTime(): () => number {
  let offset = Date.now() - performance.now()
  return () => {
    const wander = Date.now() - (performance.now() + offset)
    if (Math.abs(wander) > WANDER_MAX_MS) offset += wander
    return performance.now() + offset
  }
}
