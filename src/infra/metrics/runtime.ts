// The process' own metrics: prom-client's, with the garbage collections counted whole.

import { constants, PerformanceObserver } from 'node:perf_hooks'
import { collectDefaultMetrics } from 'prom-client'
import { addHistogram, BucketTally, type MetricsRegistry } from './histogram.ts'

const GC_METRIC = 'nodejs_gc_duration_seconds'

/** How often the event loop's delay is measured, ms: each time wakes the process. */
const LOOP_DELAY_RESOLUTION_MS = 20

/** Pauses, s: scavenges take 1 to 3 ms. */
const GC_BOUNDS_S = [0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5]

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
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
  // prom-client counts only the first collection of those that are reported together.
  registry.removeSingleMetric(GC_METRIC)
  const tallies = new Map(
    Object.values(GC_KINDS).map((kind) => [kind, new BucketTally(GC_BOUNDS_S)]),
  )
  addHistogram(registry, {
    name: GC_METRIC,
    help: 'Pauses for garbage collection, by kind, since the first scrape.',
    series: [...tallies].map(([kind, tally]) => [{ kind }, tally] as const),
  })
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // The types leave out what only entries about collections have.
      const { detail } = entry as { readonly detail?: { readonly kind: number } }
      tallies.get(GC_KINDS[detail?.kind ?? 0] ?? '')?.record(entry.duration / 1000)
    }
  }).observe({ entryTypes: ['gc'] })
}
