// Payments that a processor said it never will take: listed, and sent through again by hand.

import type { Attempt } from '../actors/model/payment.ts'
import type { Query } from '../infra/postgres/connection.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { BooksUnreachable } from './failures.ts'

export interface RejectedPayment {
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms. */
  readonly acceptedAt: number
  /** The attempt that ended it; undefined when its attempts were not kept. */
  readonly last: Attempt | undefined
}

/** Listed at once. */
export const LISTED_MAX = 1000

/** Oldest first, up to `LISTED_MAX`. Rejects with `BooksUnreachable`. */
export async function listRejected(pool: PostgresPool): Promise<readonly RejectedPayment[]> {
  const rows = await run<RejectedRow>(pool, LIST, [LISTED_MAX])
  return rows.map((row) => ({
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    acceptedAt: row.accepted_at_ms,
    last: row.attempts?.at(-1),
  }))
}

/**
 * Parks a rejected payment, due now: the next instance with room claims it and chooses anew. A
 * payment in any other state is left as it is. Rejects with `BooksUnreachable`.
 */
export async function redrive(
  pool: PostgresPool,
  correlationId: string,
): Promise<'redriven' | 'open' | 'settled' | 'unknown'> {
  const [row] = await run<{ redriven: boolean; state: number | null }>(pool, REDRIVE, [
    correlationId,
  ])
  if (row?.redriven === true) return 'redriven'
  if (row?.state === 0) return 'open'
  return row?.state === 1 ? 'settled' : 'unknown'
}

interface RejectedRow {
  readonly correlation_id: string
  readonly amount_cents: number
  readonly accepted_at_ms: number
  readonly attempts: readonly Attempt[] | null
}

const LIST: Query = {
  name: 'listRejected',
  effect: 'reads',
  text: `
  SELECT correlation_id::text, amount_cents, attempts,
    (extract(epoch FROM accepted_at) * 1000)::bigint AS accepted_at_ms
  FROM payments WHERE state = 2
  ORDER BY accepted_at LIMIT $1`,
}

// The claim goes up: whatever its former owner may still write under the old one finds nothing.
const REDRIVE: Query = {
  name: 'redrive',
  effect: 'writes',
  text: `
  WITH redriven AS (
    UPDATE payments SET state = 0, owner = NULL, due_at = now(), claim = claim + 1, rounds = 0
    WHERE correlation_id = $1 AND (state + 0) = 2
    RETURNING correlation_id
  )
  SELECT EXISTS (SELECT FROM redriven) AS redriven,
    (SELECT state FROM payments WHERE correlation_id = $1) AS state`,
}

async function run<Row extends object>(
  pool: PostgresPool,
  query: Query,
  values: readonly (string | number)[],
): Promise<readonly Row[]> {
  try {
    return await pool.run<Row>(query, values)
  } catch (cause) {
    throw new BooksUnreachable('Pit in PostgreSQL', cause)
  }
}
