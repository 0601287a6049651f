// What the rows of settled payments add up to, and where the totals say otherwise. For people who
// compare books; no payment depends on it. Sums are read as text, because they are exact beyond
// 2^53, and so is what somebody wrote into a table by hand.

import type { ProcessorName } from '../../actors/model/payment.ts'
import type { PostgresPool } from './pool.ts'
import { BUCKET_WIDTHS_MS, JOINED_MS, coverWindow, type BucketRun } from './summaries.ts'
import { DIGITS, INTEGER, LEVEL, nullable } from './rows.ts'
import type { Columns, Level, Query, RowOf } from './rows.ts'
import { JOINED_BEFORE, PROCESSOR_NUMBER, ALL_PAYMENTS, arrayOf } from './sql.ts'

/** Both ends inclusive, epoch ms. */
export interface MsSpan {
  readonly from: number
  readonly to: number
}

/** Payments and their amounts, exact however many they are. */
export interface BookTotal {
  readonly payments: bigint
  readonly cents: bigint
}

export type BookTotals = Readonly<Record<ProcessorName, BookTotal>>

/** A bucket of the totals that is not the sum of what it is made of. */
export interface DifferingBucket {
  readonly level: Level
  /** Start of the bucket, epoch ms, and its width, ms: ten seconds where seconds are joined. */
  readonly at: number
  readonly widthMs: number
  /** As the tables have it: 1 default, 2 fallback, anything else by mistake. */
  readonly processor: number
  /** Sum of its payments' rows; if it is wider than a second, of the next narrower buckets. */
  readonly added: BookTotal
  readonly told: BookTotal
}

const [SECOND_MS, , HOUR_MS] = BUCKET_WIDTHS_MS

export interface BucketsWanted {
  readonly levels: readonly Level[]
  /** How many are given at most. */
  readonly limit: number
}

/** A part of an hour that was compared. */
export interface ComparedHour extends MsSpan {
  readonly buckets: readonly DifferingBucket[]
}

/** Compares the first hour of a span that has rows or totals; undefined: none has any. */
export async function compareNextHour(
  pool: PostgresPool,
  { from, to }: MsSpan,
  wanted: BucketsWanted,
): Promise<ComparedHour | undefined> {
  const { row = Infinity, bucket = Infinity } = await findNext(pool, from - (from % HOUR_MS))
  const first = Math.min(row, bucket)
  if (first > to) return undefined
  const hour = first - (first % HOUR_MS)
  const span = { from: Math.max(hour, from), to: Math.min(hour + HOUR_MS - 1, to) }
  return { ...span, buckets: await findDifferingBuckets(pool, span, wanted) }
}

/**
 * Compares those buckets of these levels that a span touches, in one snapshot; the seconds with
 * the payments' rows.
 */
export async function findDifferingBuckets(
  pool: PostgresPool,
  span: MsSpan,
  { levels, limit }: BucketsWanted,
): Promise<readonly DifferingBucket[]> {
  const found = await pool.run(DIFFERING_BUCKETS, [
    span.from,
    span.to,
    arrayOf(levels, (level) => level),
    arrayOf(levels, (level) => BUCKET_WIDTHS_MS[level]),
    limit,
  ])
  return found.map((row) => ({
    level: row.level,
    at: row.bucket_ms,
    widthMs: row.width_ms,
    processor: row.processor,
    added: { payments: BigInt(row.added_payments), cents: BigInt(row.added_cents) },
    told: { payments: BigInt(row.told_payments), cents: BigInt(row.told_cents) },
  }))
}

/** What the rows of settled payments in a span add up to, in one snapshot. */
export async function sumRows(pool: PostgresPool, { from, to }: MsSpan): Promise<BookTotals> {
  return readSums(await pool.run(SUM_ROWS, [from, to]))
}

/**
 * What the totals say about a span of whole seconds, of whole tens of them before `joinedBefore`, in
 * one snapshot.
 */
export async function sumTotals(
  pool: PostgresPool,
  { from, to }: MsSpan,
  joinedBefore: number,
): Promise<BookTotals> {
  const { buckets } = coverWindow({ from, to }, joinedBefore)
  const second: BucketRun = { level: 0, sign: 1, from, to: to + 1 }
  const runs = buckets.length === 0 ? [second] : buckets
  return readSums(
    await pool.run(SUM_TOTALS, [
      arrayOf(runs, (run) => run.sign),
      arrayOf(runs, (run) => run.level),
      arrayOf(runs, (run) => run.from),
      arrayOf(runs, (run) => run.to),
    ]),
  )
}

const SUM_COLUMNS = { processor: INTEGER, payments: DIGITS, cents: DIGITS } satisfies Columns

/** Sums by the processors' numbers; one without a row has none. */
export function readSums(rows: readonly RowOf<typeof SUM_COLUMNS>[]): BookTotals {
  const sumOf = (name: ProcessorName): BookTotal => {
    const row = rows.find(({ processor }) => processor === PROCESSOR_NUMBER[name])
    return { payments: BigInt(row?.payments ?? 0), cents: BigInt(row?.cents ?? 0) }
  }
  return { default: sumOf('default'), fallback: sumOf('fallback') }
}

/** Epoch ms; undefined: there is none. */
export interface NextInstants {
  /** Instant of the first settled row. */
  readonly row: number | undefined
  /** Start of the first bucket up to an hour wide. */
  readonly bucket: number | undefined
}

/** What comes first at this instant or after it: what is empty is not gone through. */
export async function findNext(pool: PostgresPool, at: number): Promise<NextInstants> {
  const row = await pool.runForRow(NEXT, [at])
  return { row: row.row_ms ?? undefined, bucket: row.bucket_ms ?? undefined }
}

/** How far the archive has come, epoch ms. */
export interface ArchiveProgress {
  /** Before it totals of seconds are joined, ten in one. */
  readonly joinedBefore: number
  /** Before it archived payments are dropped. */
  readonly droppedBefore: number
}

export async function readProgress(pool: PostgresPool): Promise<ArchiveProgress> {
  const row = await pool.runForRow(PROGRESS, [])
  return { joinedBefore: row.joined_before_ms, droppedBefore: row.dropped_before_ms }
}

const PROGRESS = {
  name: 'archiveProgress',
  effect: 'reads',
  columns: { joined_before_ms: INTEGER, dropped_before_ms: INTEGER },
  text: `
  SELECT coalesce(max(joined_before_ms), 0) AS joined_before_ms,
    coalesce(max(dropped_before_ms), 0) AS dropped_before_ms
  FROM archive_progress`,
} satisfies Query

/** Width of the bucket of the first level that an instant is in, ms, beside `joined`. */
function firstWidth(instant: string): string {
  return `CASE WHEN ${instant} < joined.before THEN ${JOINED_MS} ELSE ${SECOND_MS} END`
}

// Rows and totals are written by one statement, hence seen together in each snapshot.
const DIFFERING_BUCKETS = {
  name: 'differingBuckets',
  effect: 'reads',
  columns: {
    level: LEVEL,
    bucket_ms: INTEGER,
    width_ms: INTEGER,
    processor: INTEGER,
    added_payments: DIGITS,
    added_cents: DIGITS,
    told_payments: DIGITS,
    told_cents: DIGITS,
  },
  text: `
  WITH joined AS MATERIALIZED (
    SELECT ${JOINED_BEFORE} AS before
  ), wanted AS MATERIALIZED (
    SELECT w.level, w.width_ms, $1::bigint - $1::bigint % from_width AS from_ms,
      $2::bigint - $2::bigint % to_width + to_width AS to_ms
    FROM joined, unnest($3::smallint[], $4::bigint[]) AS w (level, width_ms),
      LATERAL (
        SELECT CASE WHEN w.level = 0 THEN ${firstWidth('$1::bigint')} ELSE w.width_ms END,
          CASE WHEN w.level = 0 THEN ${firstWidth('$2::bigint')} ELSE w.width_ms END
      ) AS ends (from_width, to_width)
  ), part AS (
    SELECT 0::smallint AS level,
      p.requested_at_ms - p.requested_at_ms % ${firstWidth('p.requested_at_ms')} AS bucket_ms,
      p.processor, count(*)::numeric AS added_payments, sum(p.amount_cents) AS added_cents,
      0::numeric AS told_payments, 0::numeric AS told_cents
    FROM ${ALL_PAYMENTS} p, joined
    WHERE p.state = 1 AND p.requested_at_ms >= (SELECT from_ms FROM wanted WHERE level = 0)
      AND p.requested_at_ms < (SELECT to_ms FROM wanted WHERE level = 0)
    GROUP BY 2, 3
    UNION ALL
    SELECT w.level, t.bucket_ms - t.bucket_ms % w.width_ms, t.processor,
      sum(t.payments), sum(t.cents), 0, 0
    FROM wanted w
    JOIN settled_totals t
      ON t.level = w.level - 1 AND t.bucket_ms >= w.from_ms AND t.bucket_ms < w.to_ms
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT w.level,
      CASE WHEN w.level = 0 THEN t.bucket_ms - t.bucket_ms % ${firstWidth('t.bucket_ms')}
        ELSE t.bucket_ms END,
      t.processor, 0, 0, sum(t.payments), sum(t.cents)
    FROM joined, wanted w
    JOIN settled_totals t
      ON t.level = w.level AND t.bucket_ms >= w.from_ms AND t.bucket_ms < w.to_ms
    GROUP BY 1, 2, 3
  )
  SELECT part.level, bucket_ms, part.processor,
    CASE WHEN part.level = 0 THEN ${firstWidth('bucket_ms')} ELSE w.width_ms END AS width_ms,
    sum(added_payments)::text AS added_payments, sum(added_cents)::text AS added_cents,
    sum(told_payments)::text AS told_payments, sum(told_cents)::text AS told_cents
  FROM part JOIN wanted w ON w.level = part.level, joined
  GROUP BY part.level, bucket_ms, part.processor, w.width_ms, joined.before
  HAVING sum(added_payments) <> sum(told_payments) OR sum(added_cents) <> sum(told_cents)
  ORDER BY part.level, bucket_ms, part.processor
  LIMIT $5`,
} satisfies Query

const SUM_ROWS = {
  name: 'sumRows',
  effect: 'reads',
  columns: SUM_COLUMNS,
  text: `
  SELECT processor, count(*)::text AS payments, sum(amount_cents)::text AS cents
  FROM ${ALL_PAYMENTS} p
  WHERE state = 1 AND requested_at_ms >= $1::bigint AND requested_at_ms <= $2::bigint
  GROUP BY processor`,
} satisfies Query

const SUM_TOTALS = {
  name: 'sumTotals',
  effect: 'reads',
  columns: SUM_COLUMNS,
  text: `
  SELECT t.processor, sum(run.sign * t.payments)::text AS payments,
    sum(run.sign * t.cents)::text AS cents
  FROM unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[])
    AS run (sign, level, from_ms, to_ms)
  JOIN settled_totals t
    ON t.level = run.level AND t.bucket_ms >= run.from_ms AND t.bucket_ms < run.to_ms
  GROUP BY t.processor`,
} satisfies Query

/** What a `Date` can hold, epoch ms. */
const END_MS = 8_640_000_000_000_000

const NEXT = {
  name: 'nextInstants',
  effect: 'reads',
  columns: { row_ms: nullable(INTEGER), bucket_ms: nullable(INTEGER) },
  text: `
  SELECT
    least(
      (SELECT min(requested_at_ms) FROM payments
        WHERE state = 1 AND requested_at_ms >= $1::bigint AND requested_at_ms < ${END_MS}),
      (SELECT min(requested_at_ms) FROM archived_payments
        WHERE requested_at_ms >= $1::bigint AND requested_at_ms < ${END_MS})
    ) AS row_ms,
    (SELECT min(first.bucket_ms) FROM (VALUES (0::smallint), (1), (2)) AS wanted (level)
      CROSS JOIN LATERAL (
        SELECT t.bucket_ms FROM settled_totals t
        WHERE t.level = wanted.level AND t.bucket_ms >= $1::bigint AND t.bucket_ms < ${END_MS}
        ORDER BY t.bucket_ms LIMIT 1
      ) AS first) AS bucket_ms`,
} satisfies Query
