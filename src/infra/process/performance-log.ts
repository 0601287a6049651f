// One line a minute of how the instance does: what it accepted and settled, what waits, and how
// long clients waited for their answer.

import { createHistogram } from 'node:perf_hooks'
import type { TotalsStore } from '../../actors/supervisor/totals.ts'
import type { Logger } from './logger.ts'

export interface PerformanceLog {
  /** Takes the time from a decoded payment to its answer, µs. */
  readonly latency: { record(us: number): void }
  stop(): void
}

const INTERVAL_MS = 60_000

/** Begins the minutes; the last, shorter one is written by `stop`. */
export function startPerformanceLog(logger: Logger, totals: TotalsStore): PerformanceLog {
  const histogram = createHistogram()
  let before = totals.getSnapshot().context
  const write = (): void => {
    const now = totals.getSnapshot().context
    const settled = (name: 'default' | 'fallback'): number =>
      now.processors[name].settled - before.processors[name].settled
    logger.info(
      {
        accepted: now.accepted - before.accepted,
        settledDefault: settled('default'),
        settledFallback: settled('fallback'),
        refused: now.refused - before.refused,
        parked: now.parked - before.parked,
        waiting: now.gauges.ready,
        inFlight: now.gauges.inFlight,
        acceptP50Ms: histogram.percentile(50) / 1000,
        acceptP99Ms: histogram.percentile(99) / 1000,
      },
      'performance',
    )
    before = now
    histogram.reset()
  }
  const timer = setInterval(write, INTERVAL_MS)
  return {
    latency: { record: (us) => histogram.record(Math.max(1, Math.round(us))) },
    stop() {
      clearInterval(timer)
      write()
    },
  }
}
