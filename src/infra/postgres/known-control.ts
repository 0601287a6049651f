// Finds a payment that is settled at a processor, for controls of its look-ups to ask for.

import type { Ledger } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { BOOLEAN, INTEGER, TEXT, nullable, type Query } from './rows.ts'
import { PROCESSOR_NUMBER } from './sql.ts'
import { BUCKET_WIDTHS_MS, JOINED_MS } from './summaries.ts'

export function createKnownControl(pool: PostgresPool): Pick<Ledger, 'findControl'> {
  return {
    async findControl(processor) {
      const row = await pool.runForRow(FIND_CONTROL, [PROCESSOR_NUMBER[processor]])
      const { correlation_id: correlationId, second } = row
      if (correlationId !== null) return { kind: 'found', correlationId }
      if (second === null) return { kind: row.has_settled ? 'gone' : 'none' }
      const archived = await pool.run(findArchived(PROCESSOR_NUMBER[processor], second), [])
      if (archived[0] === undefined) return { kind: 'gone' }
      return { kind: 'found', correlationId: archived[0].correlation_id }
    },
  }
}

const [SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS] = BUCKET_WIDTHS_MS

/** The newest bucket of a level in which processor $1 has settled something. */
function newest(level: number, inside = ''): string {
  return `SELECT max(t.bucket_ms) FROM settled_totals t
    WHERE t.level = ${level} AND t.processor = $1::smallint ${inside}`
}

/** The newest bucket of a level within one of the next wider level, of this width, ms. */
function newestIn(wider: string, widthMs: number, level: number): string {
  return `SELECT (${newest(level, `AND t.bucket_ms >= at AND t.bucket_ms < at + ${widthMs}`)})
    AS at FROM ${wider}`
}

/**
 * Goes down the totals, from days to seconds, to the newest second in which $1 has settled
 * something, and reads one payment of that second by the index of instants. However long ago that
 * was, and whatever the other processor has settled since, it reads the totals of days, of one day's
 * hours, one hour's minutes and one minute's seconds, and the settled payments of one second.
 */
export const FIND_CONTROL = {
  name: 'findControl',
  effect: 'reads',
  columns: { has_settled: BOOLEAN, second: nullable(INTEGER), correlation_id: nullable(TEXT) },
  text: `
  WITH day AS MATERIALIZED (
    SELECT (${newest(3)}) AS at
  ), hour AS MATERIALIZED (
    ${newestIn('day', DAY_MS, 2)}
  ), minute AS MATERIALIZED (
    ${newestIn('hour', HOUR_MS, 1)}
  ), second AS MATERIALIZED (
    ${newestIn('minute', MINUTE_MS, 0)}
  )
  SELECT (SELECT at IS NOT NULL FROM day) AS has_settled, second.at AS second, (
    SELECT p.correlation_id::text FROM payments p
    WHERE p.state = 1 AND p.processor = $1::smallint
      AND p.requested_at_ms >= second.at AND p.requested_at_ms < second.at + ${SECOND_MS}
    ORDER BY p.requested_at_ms DESC LIMIT 1
  ) AS correlation_id
  FROM second`,
} satisfies Query

/** One that a processor settled in the second, or in the ten that are joined, from this instant on. */
function findArchived(processor: number, at: number): Query<{ correlation_id: typeof TEXT }> {
  return {
    name: 'findArchivedControl',
    effect: 'reads',
    // Without parameters, so that its plan opens the partition of that day alone.
    protocol: 'simple',
    columns: { correlation_id: TEXT },
    text: `
    SELECT correlation_id::text FROM archived_payments
    WHERE processor = ${processor}
      AND requested_at_ms >= ${at} AND requested_at_ms < ${at + JOINED_MS}
    ORDER BY requested_at_ms DESC LIMIT 1`,
  }
}
