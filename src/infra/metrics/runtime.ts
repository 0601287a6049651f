// The process' own metrics: prom-client's, with the garbage collections counted whole.

import { constants, PerformanceObserver } from 'node:perf_hooks'
import { collectDefaultMetrics } from 'prom-client'
import { addHistogram, BucketTally, type MetricsRegistry, type TalliedSeries } from './histogram.ts'

const GC_METRIC = 'nodejs_gc_duration_seconds'

/** Gauges, and only the sums of others: `sum(nodejs_active_handles)` says the same. */
const NAMED_LIKE_COUNTERS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** How often the event loop's delay is measured, ms: each time wakes the process. */
const LOOP_DELAY_RESOLUTION_MS = 20

/** Pauses, s: scavenges take 1 to 3 ms. */
const GC_BOUNDS_S = [0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5]

const GC_KINDS: readonly (readonly [number, string])[] = [
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]

/**
 * Collections by kind. One of a kind that this Node has and Pit does not know counts as `other`.
 */
export function createCollectionTallies(): {
  readonly series: readonly TalliedSeries[]
  /** `kind`: Node's number for it. */
  record(kind: number | undefined, seconds: number): void
} {
  const other = new BucketTally(GC_BOUNDS_S)
  const known = GC_KINDS.map(([number, name]) => ({
    number,
    name,
    tally: new BucketTally(GC_BOUNDS_S),
  }))
  const byNumber = new Map<number | undefined, BucketTally>(
    known.map(({ number, tally }) => [number, tally]),
  )
  return {
    series: [...known, { name: 'other', tally: other }].map(({ name, tally }) => [
      { kind: name },
      tally,
    ]),
    record: (kind, seconds) => (byNumber.get(kind) ?? other).record(seconds),
  }
}

/**
 * Registers CPU, memory, handles, event loop delay and garbage collection. To be called once, at
 * the first scrape: observing costs something, and a process that nobody scrapes need not pay it.
 */
export function addRuntimeMetrics(registry: MetricsRegistry): void {
  collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: LOOP_DELAY_RESOLUTION_MS,
  })
  for (const name of NAMED_LIKE_COUNTERS) registry.removeSingleMetric(name)
  // prom-client counts only the first collection of those that are reported together.
  registry.removeSingleMetric(GC_METRIC)
  const collections = createCollectionTallies()
  addHistogram(registry, {
    name: GC_METRIC,
    help: 'Pauses for garbage collection, by kind, since the first scrape.',
    series: collections.series,
  })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // The types leave out what only entries about collections have.
      const { detail } = entry as { readonly detail?: { readonly kind: number } }
      collections.record(detail?.kind, entry.duration / 1000)
    }
  }).observe({ entryTypes: ['gc'] })
}
