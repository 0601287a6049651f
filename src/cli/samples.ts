// Metrics as a scraper reads them: samples out of Prometheus or OpenMetrics text.

export interface Samples {
  /** Sum over all series of this name that have these labels; undefined when there is none. */
  sum(name: string, labels?: Labels): number | undefined
  /** A label's value of the first series of this name. */
  label(name: string, label: string): string | undefined
  /** A histogram's buckets, summed like `sum`: how many values were at most `le`, ascending. */
  buckets(name: string, labels?: Labels): readonly Bucket[]
}

export type Labels = Readonly<Record<string, string>>

export interface Bucket {
  /** Upper end; the last one is infinite. */
  readonly le: number
  readonly count: number
}

interface Sample {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

/** Lines that are no samples are passed over. */
export function parseSamples(text: string): Samples {
  const all = text.split('\n').flatMap(parseLine)
  const select = (name: string, labels: Labels = {}): readonly Sample[] =>
    all.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
  return {
    sum: (name, labels) => {
      const found = select(name, labels)
      return found.length === 0 ? undefined : sumOf(found)
    },
    label: (name, label) => select(name)[0]?.labels[label],
    buckets: (name, labels) => {
      const counts = new Map<number, number>()
      for (const sample of select(`${name}_bucket`, labels)) {
        const { le: end } = sample.labels
        // Without an end it is no bucket.
        if (end === undefined) continue
        const le = numberOf(end)
        counts.set(le, (counts.get(le) ?? 0) + sample.value)
      }
      return [...counts]
        .map(([le, count]) => ({ le, count }))
        .sort((one, other) => one.le - other.le)
    },
  }
}

/**
 * The value below which a share of those counted between two scrapes lies, by linear interpolation
 * inside its bucket; undefined when nothing was counted, the highest end when it lies beyond.
 */
export function quantile(
  share: number,
  now: readonly Bucket[],
  before: readonly Bucket[] = [],
): number | undefined {
  const counts = now.map(({ le, count }, index) => ({
    le,
    count: count - (before[index]?.count ?? 0),
  }))
  const rank = share * (counts.at(-1)?.count ?? 0)
  if (rank <= 0) return undefined
  const index = counts.findIndex(({ count }) => count >= rank)
  const bucket = counts[index]
  const below = counts[index - 1] ?? { le: 0, count: 0 }
  if (bucket === undefined || bucket.le === Infinity) return below.le
  const part = (rank - below.count) / (bucket.count - below.count)
  return below.le + (bucket.le - below.le) * part
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

function parseLine(line: string): readonly Sample[] {
  const [, name, labels = '', value] = LINE.exec(line) ?? []
  if (name === undefined || value === undefined) return []
  const pairs = [...labels.matchAll(LABEL)].map(
    ([, label = '', text = '']) => [label, text] as const,
  )
  return [{ name, labels: Object.fromEntries(pairs), value: numberOf(value) }]
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
}

function sumOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0)
}
