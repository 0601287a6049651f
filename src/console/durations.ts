// Durations counted in buckets, so that percentiles of many instances can be made from their sums.

/** Counts by bucket: an array of pairs, only those that are not empty. */
export type DurationCounts = readonly (readonly [bucket: number, count: number])[]

export interface DurationTally {
  /** ms; anything below 10 µs counts as that. */
  record(durationMs: number): void
  counts(): DurationCounts
}

/** Buckets per doubling: each is 9 % wide, which is the error of a percentile at most. */
const PER_DOUBLING = 8
const LEAST_MS = 0.01
/** From 10 µs to 3 hours. */
const BUCKETS = 240

export function createDurationTally(): DurationTally {
  const counts = new Float64Array(BUCKETS)
  return {
    record(durationMs) {
      const bucket = Math.floor(Math.log2(Math.max(LEAST_MS, durationMs) / LEAST_MS) * PER_DOUBLING)
      const index = Math.min(BUCKETS - 1, bucket)
      counts[index] = (counts[index] ?? 0) + 1
    },
    counts: () => [...counts.entries()].filter(([, count]) => count > 0),
  }
}

/** What was counted in `later` and not yet in `earlier`; a tally that began anew counts whole. */
export function countsSince(later: DurationCounts, earlier: DurationCounts): DurationCounts {
  const before = new Map(earlier)
  return later.flatMap(([bucket, count]) => {
    const added = count - (before.get(bucket) ?? 0)
    return added > 0 ? [[bucket, added] as const] : []
  })
}

export function addedCounts(all: readonly DurationCounts[]): DurationCounts {
  const sums = new Map<number, number>()
  for (const [bucket, count] of all.flat()) sums.set(bucket, (sums.get(bucket) ?? 0) + count)
  return [...sums].sort(([a], [b]) => a - b)
}

/** Upper end of the bucket that holds this share, 0 to 1, of all; ms. Undefined without any. */
export function percentileMs(counts: DurationCounts, share: number): number | undefined {
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  let left = total * share
  for (const [bucket, count] of counts) {
    left -= count
    if (left <= 0) return LEAST_MS * 2 ** ((bucket + 1) / PER_DOUBLING)
  }
  return undefined
}
