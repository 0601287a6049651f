// Latencies, kept in a fixed amount of memory.

import { createHistogram } from 'node:perf_hooks'

/** ms, to the microsecond; all 0 while nothing was recorded. */
export interface LatencyReport {
  readonly count: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
}

/** Exact to 1 µs below 20 ms, to 0.01 % above. */
export class LatencyHistogram {
  readonly #histogram = createHistogram({ lowest: 1, highest: LATENCY_US_MAX, figures: 4 })

  /** @param tookMs 0 counts as 1 µs, more than a minute as a minute. */
  record(tookMs: number): void {
    this.#histogram.record(Math.min(Math.max(Math.round(tookMs * 1000), 1), LATENCY_US_MAX))
  }

  /** @param percent above 0, up to 100. */
  percentileMs(percent: number): number {
    return this.#histogram.count === 0 ? 0 : this.#histogram.percentile(percent) / 1000
  }

  report(): LatencyReport {
    return {
      count: this.#histogram.count,
      p50Ms: this.percentileMs(50),
      p90Ms: this.percentileMs(90),
      p99Ms: this.percentileMs(99),
      p999Ms: this.percentileMs(99.9),
      maxMs: this.#histogram.count === 0 ? 0 : this.#histogram.max / 1000,
    }
  }
}

/** One minute; every request is given up long before. */
const LATENCY_US_MAX = 60_000_000
