// What Prometheus reads: facts and latencies are counted as they come and shown at a scrape.

import { Registry, type OpenMetricsContentType } from 'prom-client'
import { LedgerUnavailable } from '../../actors/model/errors.ts'
import type { Telemetry } from '../../actors/model/facts.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'
import type { OpenCount } from '../../actors/model/ports.ts'
import { addFamilies } from './families.ts'
import type { EdgeCounts, Moment } from './families.ts'
import { addRuntimeMetrics } from './runtime.ts'
import { countFact, createTallies } from './tallies.ts'

export interface Metrics {
  /** Counts facts: a few additions each. */
  readonly telemetry: Telemetry
  /** Takes the time from a decoded payment to its answer, µs. */
  readonly latency: { record(us: number): void }
  /**
   * All metrics, as OpenMetrics where `accept` asks for it, else as plain text. A ledger that is
   * silent or unavailable delays it by 250 ms at most; it rejects only for a bug.
   */
  scrape(sources: MetricsSources, accept?: string): Promise<MetricsText>
}

/** Asked at each scrape. */
export interface MetricsSources {
  isReady(): boolean
  /** Whether the lease is held at this moment: it also ends by time, which no fact tells. */
  holdsLease(): boolean
  edge(): EdgeCounts
  countOpen(): Promise<OpenCount>
  /** Calls to Redis that failed, by kind, since the start. */
  redisFailures(): ReadonlyMap<string, number>
  /** Bugs that the console met, since the start. */
  consoleBugs(): number
}

export interface MetricsOptions {
  readonly instanceId: string
  readonly version: string
  /** Share of the amount that each processor keeps. */
  readonly fees: Readonly<Record<ProcessorName, number>>
}

/** How long a scrape waits for the ledger's count of open payments, ms. */
const LEDGER_WAIT_MS = 250

/** Counts from now on. The process' own metrics begin with the first scrape. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const tallies = createTallies()
  let moment = NO_MOMENT
  addFamilies(registry, { ...options, tallies, moment: () => moment })
  let observesRuntime = false
  return {
    telemetry: { emit: (fact) => countFact(tallies, fact) },
    latency: { record: (us) => tallies.acceptSeconds.record(us / 1_000_000) },
    async scrape(sources, accept = '') {
      if (!observesRuntime) addRuntimeMetrics(registry)
      observesRuntime = true
      const open = await withinWait(sources.countOpen())
      const redisFailures = sources.redisFailures()
      const [ready, holdsLease] = [sources.isReady(), sources.holdsLease()]
      const [edge, consoleBugs] = [sources.edge(), sources.consoleBugs()]
      moment = { ready, holdsLease, edge, open, redisFailures, consoleBugs }
      return textFor(accept, await registry.metrics())
    },
  }
}

const NO_MOMENT: Moment = {
  ready: false,
  holdsLease: false,
  edge: { refused: 0, inFlight: 0 },
  open: undefined,
  redisFailures: new Map(),
  consoleBugs: 0,
}

/**
 * Undefined when the ledger is unavailable or silent: the other metrics matter all the more then.
 */
function withinWait<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), LEDGER_WAIT_MS)
    promise
      .catch((error: unknown) => {
        if (!(error instanceof LedgerUnavailable)) throw error
        return undefined
      })
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const PLAIN = 'text/plain; version=0.0.4; charset=utf-8'

export interface MetricsText {
  readonly contentType: string
  readonly body: string
}

/** @param accept the header of that name; empty: nothing in particular. */
function textFor(accept: string, openMetrics: string): MetricsText {
  return accept.includes('application/openmetrics-text')
    ? { contentType: OPEN_METRICS, body: openMetrics }
    : { contentType: PLAIN, body: plainText(openMetrics) }
}

/**
 * In OpenMetrics a counter is called without the `_total` of its samples, in plain text with it.
 */
function plainText(openMetrics: string): string {
  const counters = new Set(
    [...openMetrics.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name),
  )
  return openMetrics
    .replace(/^# (HELP|TYPE) (\S+)/gm, (line, _, name: string) =>
      counters.has(name) ? `${line}_total` : line,
    )
    .replace(/# EOF\n$/, '')
}
