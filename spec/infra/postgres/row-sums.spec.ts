// What compares rows with totals, against a plain list of both.

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { PostgresPool } from '../../../src/infra/postgres/pool.ts'
import {
  compareNextHour,
  findDifferingBuckets,
  findNext,
  readSums,
  sumRows,
  sumTotals,
  type BookTotals,
  type DifferingBucket,
  type MsSpan,
} from '../../../src/infra/postgres/row-sums.ts'
import type { Level } from '../../../src/infra/postgres/rows.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t)
const database = await server.freshDatabase()
await createPostgresLedger({ ...LEDGER, connectionString: database }).then((one) => one.close())
const pool = new PostgresPool({
  connectionString: database,
  applicationName: 'pit spec',
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  size: 1,
  timeoutMs: 60_000,
})
t.teardown(() => pool.close())

const WIDTHS_MS = [1_000, 60_000, 3_600_000, 86_400_000] as const
const LEVELS: readonly Level[] = [0, 1, 2, 3]
const NO_LIMIT = 1_000

interface Row {
  readonly at: number
  readonly processor: number
  readonly cents: number
}

/** One entry of the totals; `shard` parts those of one bucket. */
interface Bucket {
  readonly level: Level
  readonly at: number
  readonly processor: number
  readonly shard: number
  payments: number
  cents: number
}

const sampled = <Value>(arbitrary: fc.Arbitrary<Value>, numRuns: number): readonly Value[] =>
  fc.sample(arbitrary, { numRuns, seed: 11 })

// The borders of seconds, minutes, hours and days, where buckets begin.
const BORDERS_MS = [60_000, 3_600_000, 7_200_000, 86_400_000, 172_800_000, 180_061_000]
const instants = fc
  .tuple(fc.constantFrom(...BORDERS_MS), fc.integer({ min: -1_500, max: 1_500 }))
  .map(([border, offset]) => border + offset)
const spans = fc
  .tuple(instants, instants)
  .map(([one, other]) => ({ from: Math.min(one, other), to: Math.max(one, other) }))

const drawn = sampled(
  fc.record({
    at: instants,
    processor: fc.constantFrom(1, 2),
    cents: fc.integer({ min: 1, max: 999 }),
  }),
  150,
)
// On the borders themselves, where nothing was drawn for sure.
const rows: readonly Row[] = [
  ...drawn,
  ...[0, 60_000, 61_000, 3_600_000].map((at) => ({ at, processor: 1, cents: 3 })),
]
const buckets: readonly Bucket[] = LEVELS.flatMap((level) =>
  rows.map(({ at, processor, cents }, index) => {
    const start = at - (at % WIDTHS_MS[level])
    return { level, at: start, processor, shard: index, payments: 1, cents }
  }),
)
// What somebody did to the totals by hand: counts alone, amounts alone, whole entries.
for (const [index, bucket] of buckets.entries()) {
  if (index % 23 === 0) bucket.payments += 1
  if (index % 29 === 0) bucket.cents -= 1
}
const rowsLost = rows.filter((_, index) => index % 19 === 0)
const kept = rows.filter((row) => !rowsLost.includes(row))

/** Has a row and no totals; not on the hour. */
const later = 200_000_000_000
/** Has totals of seconds and of one minute, and no row. */
const second = 10 * 86_400_000 + 3_600_000
/** No `Date` holds it. */
const never = 8_640_000_000_000_000
await runSql(
  database,
  `INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms) VALUES
  ${[...kept, ...[later, never].map((at) => ({ at, processor: 1, cents: 5 }))]
    .map(({ at, processor, cents }) => `('${randomUUID()}', ${cents}, 1, ${processor}, ${at})`)
    .join(', ')};
  INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents) VALUES
  ${buckets
    .map((each) =>
      [each.level, each.at, each.processor, each.shard, each.payments, each.cents].join(', '),
    )
    .map((values) => `(${values})`)
    .join(', ')},
  (0, ${second}, 1, 0, 2, 30), (0, ${second}, 1, 1, 1, 7), (0, ${second}, 2, 0, 4, 50),
  (0, ${second + 1_000}, 1, 0, 8, 9), (1, ${second}, 1, 0, 12, 99), (0, ${never}, 1, 0, 1, 1);`,
)

/** Before it seconds are joined, epoch ms. */
let joinedBefore = 0

/** By the definition: each bucket of a level is the sum of the next narrower ones, or of its rows. */
function differing(span: MsSpan, levels: readonly Level[]): readonly DifferingBucket[] {
  return levels.flatMap((level) => {
    const widthOf = (at: number): number =>
      level === 0 && at < joinedBefore ? 10_000 : WIDTHS_MS[level]
    const startOf = (at: number): number => at - (at % widthOf(at))
    const first = startOf(span.from)
    const end = startOf(span.to) + widthOf(span.to)
    const parts = level === 0 ? kept : buckets.filter((each) => each.level === level - 1)
    const told = buckets.filter((each) => each.level === level)
    const starts = new Set([...parts, ...told].map(({ at }) => startOf(at)))
    const inSpan = [...starts].filter((at) => at >= first && at < end).toSorted((a, b) => a - b)
    return inSpan.flatMap((at) =>
      [1, 2].flatMap((processor) => {
        const isHere = (each: Row): boolean =>
          each.processor === processor && startOf(each.at) === at
        const bucket = {
          level,
          at,
          widthMs: widthOf(at),
          processor,
          added: total(parts.filter(isHere)),
          told: total(told.filter(isHere)),
        }
        const { added, told: said } = bucket
        return added.payments === said.payments && added.cents === said.cents ? [] : [bucket]
      }),
    )
  })
}

function total(entries: readonly (Row & { readonly payments?: number })[]): BookTotals['default'] {
  const sum = (figure: (each: Row & { readonly payments?: number }) => number): bigint =>
    BigInt(entries.reduce((so, each) => so + figure(each), 0))
  return { payments: sum(({ payments = 1 }) => payments), cents: sum(({ cents }) => cents) }
}

function totals(entries: readonly Row[]): BookTotals {
  const of = (number: number) => total(entries.filter(({ processor }) => processor === number))
  return { default: of(1), fallback: of(2) }
}

t.test('buckets that differ from what they are made of are found in any span', async (t) => {
  const all = differing({ from: 0, to: 300_000_000 }, LEVELS)
  for (const level of LEVELS) t.ok(all.some((each) => each.level === level))

  for (const span of sampled(spans, 60)) {
    for (const levels of [LEVELS, [0], [1, 2], [3]] as const) {
      const found = await findDifferingBuckets(pool, span, { levels, limit: NO_LIMIT })

      t.same(found, differing(span, levels), JSON.stringify({ span, levels }))
    }
  }
})

t.test('where seconds are joined, tens of them are compared', async (t) => {
  const levels = [0, 1] as const
  for (const before of [60_000, 3_600_000, 86_400_000]) {
    joinedBefore = before
    await runSql(database, `UPDATE archive_progress SET joined_before_ms = ${before}`)
    for (const span of sampled(spans, 30)) {
      const found = await findDifferingBuckets(pool, span, { levels, limit: NO_LIMIT })

      t.same(found, differing(span, levels), JSON.stringify({ span, before }))
    }
  }
  joinedBefore = 0
  await runSql(database, 'UPDATE archive_progress SET joined_before_ms = 0')
})

t.test('no more differing buckets are given than were wanted, the first ones', async (t) => {
  const span = { from: 0, to: 300_000_000 }

  const found = await findDifferingBuckets(pool, span, { levels: LEVELS, limit: 3 })

  t.same(found, differing(span, LEVELS).slice(0, 3))
})

t.test('the hours of a span are compared one after another, and empty ones are not', async (t) => {
  const levels = [0, 1, 2] as const
  for (const span of sampled(spans, 30)) {
    let from: number = span.from
    const compared: MsSpan[] = []
    for (;;) {
      const hour = await compareNextHour(pool, { from, to: span.to }, { levels, limit: NO_LIMIT })
      if (hour === undefined) break
      const { buckets: found, ...part } = hour
      t.same(found, differing(part, levels), JSON.stringify({ span, part }))
      compared.push(part)
      from = part.to + 1
      if (from > span.to) break
    }

    t.same(compared, hoursOf(span), JSON.stringify(span))
  }
})

/** Those hours with a row in the span, or a bucket that begins in the hour or later in the span. */
function hoursOf(span: MsSpan): readonly MsSpan[] {
  const hour = WIDTHS_MS[2]
  const starts = [...kept, ...buckets.filter(({ level }) => level < 3)]
    .map(({ at }) => at)
    .filter((at) => at >= span.from - (span.from % hour) && at <= span.to)
    .map((at) => at - (at % hour))
  return [...new Set(starts)]
    .toSorted((a, b) => a - b)
    .map((at) => ({ from: Math.max(at, span.from), to: Math.min(at + hour - 1, span.to) }))
}

t.test('the rows of a span are added up', async (t) => {
  for (const span of sampled(spans, 40)) {
    const inSpan = kept.filter(({ at }) => at >= span.from && at <= span.to)
    t.same(await sumRows(pool, span), totals(inSpan), JSON.stringify(span))
  }
})

t.test('totals of one second and of several come from their buckets', async (t) => {
  const of = (payments: number, cents: number) => ({
    payments: BigInt(payments),
    cents: BigInt(cents),
  })

  t.same(await sumTotals(pool, { from: second, to: second + 999 }, 0), {
    default: of(3, 37),
    fallback: of(4, 50),
  })
  t.same(await sumTotals(pool, { from: second, to: second + 1_999 }, 0), {
    default: of(11, 46),
    fallback: of(4, 50),
  })
  t.same(await sumTotals(pool, { from: second + 1_000, to: second + 1_999 }, 0), {
    default: of(8, 9),
    fallback: of(0, 0),
  })
})

t.test('totals of a whole minute are those of its own bucket', async (t) => {
  const sums = await sumTotals(pool, { from: second, to: second + 59_999 }, 0)

  t.same(sums.default, { payments: 12n, cents: 99n })
})

t.test('an hour with rows alone and one with totals alone are compared', async (t) => {
  const wanted = { levels: [0], limit: NO_LIMIT } as const
  const hour = later - (later % 3_600_000)
  const nothing = { payments: 0n, cents: 0n }
  const atSecond = { level: 0, at: second, widthMs: 1_000 } as const
  const rowAlone = {
    level: 0,
    at: later,
    widthMs: 1_000,
    processor: 1,
    added: { payments: 1n, cents: 5n },
    told: nothing,
  }

  t.same(await compareNextHour(pool, { from: second, to: second + 999 }, wanted), {
    from: second,
    to: second + 999,
    buckets: [
      { ...atSecond, processor: 1, added: nothing, told: { payments: 3n, cents: 37n } },
      { ...atSecond, processor: 2, added: nothing, told: { payments: 4n, cents: 50n } },
    ],
  })
  t.same(await compareNextHour(pool, { from: second + 7_200_000, to: later }, wanted), {
    from: hour,
    to: later,
    buckets: [rowAlone],
  })
  t.equal(
    await compareNextHour(pool, { from: later - 3_600_000, to: later - 1 }, wanted),
    undefined,
  )
})

t.test('sums are exact beyond what a number can hold', async (t) => {
  const cents = '9007199254740993'

  const sums = readSums([{ processor: 2, payments: '3', cents }])

  t.same(sums.fallback, { payments: 3n, cents: BigInt(cents) })
  t.same(sums.default, { payments: 0n, cents: 0n })
})

t.test('what comes next is found among rows and among buckets up to an hour', async (t) => {
  const narrow = buckets.filter(({ level }) => level < 3)
  for (const at of [...sampled(instants, 40), ...narrow.slice(0, 20).map((each) => each.at)]) {
    const next = (all: readonly { readonly at: number }[]): number =>
      Math.min(...all.map((each) => each.at).filter((each) => each >= at))

    const { row, bucket } = await findNext(pool, at)

    t.equal(row, Math.min(next(kept), later), String(at))
    t.equal(bucket, Math.min(next(narrow), second), String(at))
  }
  t.strictSame(await findNext(pool, later + 1), { row: undefined, bucket: undefined })
})
