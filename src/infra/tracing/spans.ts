// Spans of payments, made with OpenTelemetry and sent to a collector in batches. Which payments are
// traced, and under which ids, follows from the correlationId: every instance chooses the same
// payments and adds to the same trace, without a message to the others.

import type { LookupFunction } from 'node:net'
import {
  ROOT_CONTEXT,
  SpanKind,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  RandomIdGenerator,
  TracerProvider,
  type IdGenerator,
  type SpanExporter,
} from '@opentelemetry/sdk-trace'

export interface SpanSource {
  /** Base URL of the collector, without `/v1/traces`. */
  readonly endpoint: string
  /** Resolves the collector's name; absent: Node's own. */
  readonly lookup?: LookupFunction
  readonly instanceId: string
  readonly version: string
  /** Called once when the collector stops taking spans, and once when it takes them again. */
  readonly onExport: (news: 'failing' | 'working') => void
}

/** All instants are epoch ms, fractions allowed. */
export interface PaymentSpans {
  /** The span that the others hang under; it may be made after them. */
  root(correlationId: string, startedAt: number, attributes: Attributes): Span
  child(correlationId: string, span: ChildSpan): Span
  /** Sends what is left, within 2 s. */
  close(): Promise<void>
}

export interface ChildSpan {
  readonly name: 'accept' | 'attempt' | 'flush'
  readonly startedAt: number
  readonly attributes: Attributes
}

/** Spans in memory beyond this many are dropped; an absent collector must not cost more. */
const QUEUED_MAX = 2_048
const SEND_EVERY_MS = 1_000
const SEND_TIMEOUT_MS = 2_000

export function openSpans(source: SpanSource): PaymentSpans {
  const url = `${source.endpoint}/v1/traces`
  const { lookup } = source
  const httpAgentOptions = lookup === undefined ? {} : { lookup }
  const otlp = new OTLPTraceExporter({ url, timeoutMillis: SEND_TIMEOUT_MS, httpAgentOptions })
  const exporter = watched(otlp, source)
  const ids = new ChosenIds()
  const provider = new TracerProvider({
    // Chosen by their payment already; the variables of OpenTelemetry's own samplers do not apply.
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    resource: resourceFromAttributes({
      'service.name': 'pit',
      'service.version': source.version,
      'service.instance.id': source.instanceId,
    }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: QUEUED_MAX,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: SEND_TIMEOUT_MS,
      }),
    ],
  })
  const tracer = provider.getTracer('pit', source.version)
  return {
    root(correlationId, startTime, attributes) {
      ids.choose(correlationId)
      const span = tracer.startSpan('payment', { startTime, attributes }, ROOT_CONTEXT)
      ids.forget()
      return span
    },
    child(correlationId, { name, startedAt: startTime, attributes }) {
      const kind = name === 'attempt' ? SpanKind.CLIENT : SpanKind.INTERNAL
      return tracer.startSpan(name, { kind, startTime, attributes }, under(correlationId))
    },
    // That the collector is away has been reported already.
    close: () => provider.shutdown().catch(() => undefined),
  }
}

function under(correlationId: string): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceIdOf(correlationId),
    spanId: rootSpanIdOf(correlationId),
    traceFlags: TraceFlags.SAMPLED,
  })
}

/** Random ids, but for those of a root between its choice and `forget`. */
class ChosenIds implements IdGenerator {
  #chosen: string | undefined
  readonly #random = new RandomIdGenerator()

  choose(correlationId: string): void {
    this.#chosen = correlationId
  }

  generateTraceId(): string {
    return this.#chosen === undefined ? this.#random.generateTraceId() : traceIdOf(this.#chosen)
  }

  generateSpanId(): string {
    return this.#chosen === undefined ? this.#random.generateSpanId() : rootSpanIdOf(this.#chosen)
  }

  forget(): void {
    this.#chosen = undefined
  }
}

/** The same exporter, which reports when its failures begin and when they end. */
function watched(exporter: SpanExporter, { onExport }: SpanSource): SpanExporter {
  let last: 'failing' | 'working' = 'working'
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const now = result.code === 0 ? 'working' : 'failing'
        if (now !== last) onExport(now)
        last = now
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

/** Which payments are traced. A correlationId is a lower-case UUID. */
export interface TraceSample {
  has(correlationId: string): boolean
}

/** One payment in `oneIn`, by the last digits of its id, which are random in a UUID of any kind. */
export function traceSample(oneIn: number): TraceSample {
  return {
    has: (correlationId) =>
      Number.parseInt(correlationId.slice(-8), 16) % oneIn === 0 && correlationId !== NIL,
  }
}

/** 32 hex digits: a UUID is a trace id as it is. */
export function traceIdOf(correlationId: string): string {
  return correlationId.replaceAll('-', '')
}

/** 16 hex digits; of the span that all others of the payment hang under. */
export function rootSpanIdOf(correlationId: string): string {
  const id = traceIdOf(correlationId).slice(16)
  return id === NO_SPAN ? id.replace(/0$/, '1') : id
}

/** No valid trace id. */
const NIL = '00000000-0000-0000-0000-000000000000'
const NO_SPAN = '0000000000000000'
