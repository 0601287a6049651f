// Named numbers, and their medians over several runs. Pure.

/** By name; the name ends in its unit: `p99Ms`, `cpuUsPerPayment`, `settledPerSecond`. */
export type Figures = Readonly<Record<string, number>>

/** The middle one; of an even count the mean of both middle ones; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN
  return (upper + lower) / 2
}

/** The median of each figure over the runs that have it, in the order of their first appearance. */
export function medians(runs: readonly Figures[]): Figures {
  const names = new Set(runs.flatMap((run) => Object.keys(run)))
  return Object.fromEntries(
    [...names].map((name) => {
      const values = runs.flatMap((run) => run[name] ?? [])
      return [name, rounded(median(values))]
    }),
  )
}

/** Four significant digits below a thousand, whole numbers above: no figure here is better. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}

/** Every figure rounded. */
export function roundedAll(figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]))
}
