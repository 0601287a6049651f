// How many payments the ledger has, whenever they came: for people who watch. Read from the totals of
// days and from the index of rejected payments, never from the payments themselves.

import type { Summary } from '../../actors/model/payment.ts'
import type { PostgresPool } from './pool.ts'
import { FLOAT, INTEGER, type Query } from './rows.ts'
import { PROCESSOR_NUMBER } from './sql.ts'

export interface FinalPayments {
  /** Beyond 2^53 cents they are rounded. */
  readonly settled: Summary
  /** An estimate where there are more than some thousand. */
  readonly rejected: number
}

/** Up to here rejected payments are counted exactly. */
const EXACT_COUNT_MAX = 10_000

/** Takes 1 ms for each year of payments. Rejects as the pool does. */
export async function countFinal(pool: PostgresPool): Promise<FinalPayments> {
  const row = await pool.runForRow(COUNT_FINAL, [EXACT_COUNT_MAX])
  return {
    settled: {
      default: { payments: row.default_payments, cents: row.default_cents },
      fallback: { payments: row.fallback_payments, cents: row.fallback_cents },
    },
    rejected: row.rejected,
  }
}

const sumOf = (column: 'payments' | 'cents', processor: 'default' | 'fallback'): string =>
  `coalesce(sum(${column}) FILTER (WHERE processor = ${PROCESSOR_NUMBER[processor]}), 0)`

const COUNT_FINAL = {
  name: 'countFinal',
  effect: 'reads',
  columns: {
    default_payments: INTEGER,
    default_cents: FLOAT,
    fallback_payments: INTEGER,
    fallback_cents: FLOAT,
    rejected: INTEGER,
  },
  text: `
  SELECT ${sumOf('payments', 'default')}::bigint AS default_payments,
    ${sumOf('cents', 'default')}::float8 AS default_cents,
    ${sumOf('payments', 'fallback')}::bigint AS fallback_payments,
    ${sumOf('cents', 'fallback')}::float8 AS fallback_cents,
    (SELECT CASE WHEN count(*) <= $1::bigint THEN count(*) ELSE greatest(count(*), (
        SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('payments_rejected')
      )) END
      FROM (SELECT FROM payments WHERE state = 2 LIMIT $1::bigint + 1) AS looked_at) AS rejected
  FROM settled_totals WHERE level = 3`,
} satisfies Query
