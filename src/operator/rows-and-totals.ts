// Compares the rows of settled payments with the totals that summaries are made of, and recognises
// rows that were moved away.

import type { PostgresPool } from '../infra/postgres/pool.ts'
import {
  compareNextHour,
  findDifferingBuckets,
  readSums,
  sumTotals,
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
  startOfSecond,
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
  /** Rows begin here: a whole second, epoch ms. */
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

/**
 * Undefined when the rows begin where the totals do. Rejects with `BooksUnreachable`.
 * @param archivedBefore what the operator says, a whole second, epoch ms.
 */
export async function findRowsGone(
  tables: PostgresPool,
  span: Span,
  archivedBefore: number | undefined,
): Promise<RowsGone | undefined> {
  const begin = startOfSecond(span.from)
  const end = startOfSecond(span.to) + 1_000
  const { dropped_before_ms: droppedBefore } = await ask(tables.runForRow(READ_DROPPED, []))
  const known = Math.max(archivedBefore ?? 0, droppedBefore)
  if (known > begin) {
    const before = Math.min(known, end)
    const totals = await ask(sumTotals(tables, { from: begin, to: before - 1 }))
    if (known !== droppedBefore) return { before, totals, why: 'said' }
    const { payments } = add(totals.default, totals.fallback)
    if (payments > 0n) return { before, totals, why: 'dropped' }
  }
  const { row } = await nextInstants(tables, begin)
  const before = Math.min(row === undefined ? end : startOfSecond(row), end)
  const totals = await ask(sumTotals(tables, { from: begin, to: before - 1 }))
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

const READ_DROPPED = {
  name: 'readDropped',
  effect: 'reads',
  columns: { dropped_before_ms: INTEGER },
  text: `SELECT coalesce(max(dropped_before_ms), 0) AS dropped_before_ms FROM archive_progress`,
} satisfies Query

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
