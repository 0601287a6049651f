// Compares the rows of settled payments with the totals that summaries are made of, and recognises
// rows that were moved away.

import type { PostgresPool } from '../infra/postgres/pool.ts'
import {
  compareNextHour,
  findDifferingBuckets,
  readSums,
  sumTotals,
  type ArchiveProgress,
  type BookTotals,
  type DifferingBucket,
} from '../infra/postgres/row-sums.ts'
import { BOOLEAN, DIGITS, INTEGER, type Level, type Query } from '../infra/postgres/rows.ts'
import { DIFFERING_MAX } from './differing-spans.ts'
import {
  add,
  ask,
  isDifferent,
  nextInstants,
  startOfGrain,
  subtract,
  type Span,
} from './pit-books.ts'

/** By level. */
export const LEVELS = ['second', 'minute', 'hour', 'day'] as const

/**
 * Calls `onBucket` with each bucket of the span that is not the sum of what it is made of, the first
 * `DIFFERING_MAX` of them, and resolves with how many there were. Reads an hour in a statement,
 * hence in a snapshot. Rejects with `BooksUnreachable`.
 */
export async function compareRowsWithTotals(
  tables: PostgresPool,
  span: Span,
  tell: {
    readonly onBucket: (bucket: DifferingBucket) => Promise<void>
    readonly onProgress: (at: number) => void
  },
): Promise<number> {
  let found = 0
  const tellAll = async (buckets: readonly DifferingBucket[]): Promise<void> => {
    found += buckets.length
    for (const bucket of buckets) await tell.onBucket(bucket)
  }
  const wanted = (levels: readonly Level[]) => ({ levels, limit: DIFFERING_MAX - found })
  for (let { from } = span; found < DIFFERING_MAX;) {
    const rest = { from, to: span.to }
    const hour =
      from > span.to ? undefined : await ask(compareNextHour(tables, rest, wanted([0, 1, 2])))
    if (hour === undefined) break
    tell.onProgress(hour.from)
    await tellAll(hour.buckets)
    from = hour.to + 1
  }
  await tellAll(await ask(findDifferingBuckets(tables, span, wanted([3]))))
  return found
}

/** Payments at the beginning of the books that the totals have and the rows have not. */
export interface RowsGone {
  /** Rows begin here: a multiple of the grain, epoch ms. */
  readonly before: number
  readonly totals: BookTotals
  /**
   * `archived`: `payments_archive` has just those; `dropped`: with the days of the archive; `said`:
   * the operator has said so; `unknown`: they may have been moved away or deleted.
   */
  readonly why: 'archived' | 'dropped' | 'said' | 'unknown'
}

/** Fewer payments than these are told by their seconds. */
const GONE_MIN = 10n

/** What is known of rows that are gone. */
export interface KnownGone extends ArchiveProgress {
  /** What the operator says, epoch ms. */
  readonly archivedBefore: number | undefined
  /** What totals can tell apart, ms. */
  readonly grainMs: number
}

/** Undefined when the rows begin where the totals do. Rejects with `BooksUnreachable`. */
export async function findRowsGone(
  tables: PostgresPool,
  span: Span,
  { archivedBefore = 0, droppedBefore, joinedBefore, grainMs }: KnownGone,
): Promise<RowsGone | undefined> {
  const begin = startOfGrain(span.from, grainMs)
  const end = startOfGrain(span.to, grainMs) + grainMs
  const known = Math.max(startOfGrain(archivedBefore, grainMs), droppedBefore)
  const sumBefore = (before: number): Promise<BookTotals> =>
    ask(sumTotals(tables, { from: begin, to: before - 1 }, joinedBefore))
  if (known > begin) {
    const before = Math.min(known, end)
    const totals = await sumBefore(before)
    if (known !== droppedBefore) return { before, totals, why: 'said' }
    const { payments } = add(totals.default, totals.fallback)
    if (payments > 0n) return { before, totals, why: 'dropped' }
  }
  const { row } = await nextInstants(tables, begin)
  const before = Math.min(row === undefined ? end : startOfGrain(row, grainMs), end)
  const totals = await sumBefore(before)
  const { payments } = add(totals.default, totals.fallback)
  if (payments === 0n) return undefined
  const archived = await sumMovedAway(tables, { from: begin, to: before - 1 })
  const isArchived =
    archived !== undefined &&
    !isDifferent(subtract(totals.default, archived.default)) &&
    !isDifferent(subtract(totals.fallback, archived.fallback))
  if (isArchived) return { before, totals, why: 'archived' }
  return payments < GONE_MIN ? undefined : { before, totals, why: 'unknown' }
}

/** What the table has that operators of earlier Pits moved payments to; undefined: there is none. */
async function sumMovedAway(
  tables: PostgresPool,
  { from, to }: Span,
): Promise<BookTotals | undefined> {
  const { exists } = await ask(tables.runForRow(MOVED_AWAY_EXISTS, []))
  return exists ? readSums(await ask(tables.run(SUM_MOVED_AWAY, [from, to]))) : undefined
}

const MOVED_AWAY_EXISTS = {
  name: 'movedAwayExists',
  effect: 'reads',
  columns: { exists: BOOLEAN },
  text: `SELECT to_regclass('payments_archive') IS NOT NULL AS exists`,
} satisfies Query

const SUM_MOVED_AWAY = {
  name: 'sumMovedAway',
  effect: 'reads',
  columns: { processor: INTEGER, payments: DIGITS, cents: DIGITS },
  text: `
  SELECT processor, count(*)::text AS payments, sum(amount_cents)::text AS cents
  FROM payments_archive
  WHERE state = 1 AND requested_at_ms >= $1::bigint AND requested_at_ms <= $2::bigint
  GROUP BY processor`,
} satisfies Query
