// Histograms that are counted in plain arrays and handed to prom-client when it is asked for them:
// its own `observe` finds labels by a hash at each call, a cost that the hot path is spared.

import assert from 'node:assert'
import { Histogram, type LabelValues, type MetricValueWithName, type Registry } from 'prom-client'
import type { OpenMetricsContentType } from 'prom-client'

export type MetricsRegistry = Registry<OpenMetricsContentType>

/** Counts by bucket; values and bounds are of one unit, which its metric names. */
export class BucketTally {
  /** Upper ends, inclusive, ascending. */
  readonly bounds: readonly number[]
  /** One more than the bounds: the last is for what is above them all. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  record(value: number): void {
    const { bounds, counts } = this
    let index = 0
    for (const bound of bounds) {
      if (value <= bound) break
      index += 1
    }
    const count = counts[index]
    assert(count !== undefined, 'there is one bucket more than there are bounds')
    counts[index] = count + 1
    this.sum += value
  }
}

/** One series of a histogram: its labels and what was counted for them. */
export type TalliedSeries = readonly [labels: LabelValues<string>, tally: BucketTally]

/** Registers a histogram whose series are read from their tallies at each scrape. */
export function addHistogram(
  registry: MetricsRegistry,
  histogram: { name: string; help: string; series: readonly TalliedSeries[] },
): void {
  registry.registerMetric(new TalliedHistogram(histogram))
}

class TalliedHistogram extends Histogram {
  readonly #metric: { name: string; help: string }
  readonly #series: readonly TalliedSeries[]

  constructor({
    name,
    help,
    series,
  }: {
    name: string
    help: string
    series: readonly TalliedSeries[]
  }) {
    super({ name, help, registers: [] })
    this.#metric = { name, help }
    this.#series = series
  }

  override get(): ReturnType<Histogram['get']> {
    const { name, help } = this.#metric
    const values = this.#series.flatMap((series) => valuesOf(name, series))
    // The types want prom-client's own enumeration, which is not exported as a value.
    const metric: unknown = { name, help, type: 'histogram', aggregator: 'sum', values }
    return Promise.resolve(metric as Awaited<ReturnType<Histogram['get']>>)
  }

  /** What prom-client prefers to `get` for its text; its types do not know of it. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get()
  }
}

function valuesOf(
  name: string,
  [labels, { bounds, counts, sum }]: TalliedSeries,
): readonly MetricValueWithName<string>[] {
  let below = 0
  const buckets = [...counts].map((count, index) => {
    below += count
    const le = bounds[index] ?? '+Inf'
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}
