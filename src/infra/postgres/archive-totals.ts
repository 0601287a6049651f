// Joins the totals of seconds that are long gone, ten in one: a year of seconds at two processors is
// 126 million rows, of tens of seconds an eighth part of that or less.

import { setTimeout as delay } from 'node:timers/promises'
import type { PostgresConnection } from './connection.ts'
import { BOOLEAN, INTEGER, nullable, readOnlyRow, type Query } from './rows.ts'
import { JOINED_BEFORE } from './sql.ts'
import { JOINED_MS } from './summaries.ts'

/** Joined by one statement, ms; a whole number of minutes and of `JOINED_MS`. */
const STEP_MS = 600_000

/** The instant from which on there are totals of seconds to join before another; null: none. */
export async function findUnjoined(
  connection: PostgresConnection,
  before: number,
): Promise<number | null> {
  const rows = await connection.query(NEXT, [before - (before % STEP_MS)])
  return readOnlyRow(NEXT, rows).next
}

/**
 * Joins all of them, each step followed by a pause as long as it took. Rejects with what PostgreSQL
 * said; what is joined stays so.
 */
export async function joinTotals(
  connection: PostgresConnection,
  { before, signal }: { readonly before: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  for (;;) {
    const next = await findUnjoined(connection, before)
    if (next === null) return
    const startedAt = performance.now()
    const from = next - (next % STEP_MS)
    readOnlyRow(JOIN, await connection.query(JOIN, [from, from + STEP_MS]))
    await delay(performance.now() - startedAt, undefined, { signal })
  }
}

const NEXT = {
  name: 'nextToJoin',
  effect: 'reads',
  columns: { next: nullable(INTEGER) },
  text: `
  SELECT (
    SELECT t.bucket_ms FROM settled_totals t
    WHERE t.level = 0 AND t.bucket_ms >= ${JOINED_BEFORE} AND t.bucket_ms < $1::bigint
    ORDER BY t.bucket_ms LIMIT 1
  ) AS next`,
} satisfies Query

// The shards of minutes are joined, too. A settlement that meets one of these rows waits for this,
// and adds a row of its own second, which counts as part of its ten.
const JOIN = {
  name: 'joinTotals',
  effect: 'writes',
  columns: { joined: BOOLEAN },
  text: `
  WITH gone AS (
    DELETE FROM settled_totals t
    WHERE t.level = ANY ('{0,1}') AND t.bucket_ms >= $1::bigint AND t.bucket_ms < $2::bigint
    RETURNING t.level, t.processor, t.payments, t.cents,
      CASE t.level WHEN 0 THEN t.bucket_ms - t.bucket_ms % ${JOINED_MS} ELSE t.bucket_ms END AS at
  ), joined AS (
    INSERT INTO settled_totals AS t (level, bucket_ms, processor, shard, payments, cents)
    SELECT level, at, processor, 0, sum(payments), sum(cents) FROM gone
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (level, bucket_ms, processor, shard) DO UPDATE
      SET payments = t.payments + excluded.payments, cents = t.cents + excluded.cents
  )
  UPDATE archive_progress SET joined_before_ms = $2::bigint RETURNING true AS joined`,
} satisfies Query
