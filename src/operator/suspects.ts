// Payments in Pit's tables that may be why the books of an instant differ.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { Query } from '../infra/postgres/connection.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { PROCESSOR_NUMBER, processorName } from '../infra/postgres/sql.ts'
import { BooksUnreachable } from './failures.ts'

/** A payment as Pit has it. */
export interface Suspect {
  readonly correlationId: string
  readonly amountCents: number
  readonly state: 'open' | 'settled' | 'rejected'
  /** Set once settled, with `requestedAt`, epoch ms. */
  readonly processor?: ProcessorName
  readonly requestedAt?: number
}

/** Suspects of one instant that are looked at. */
const SUSPECTS_MAX = 1000

/** How long before an instant a payment is taken for having been accepted, ms, at most. */
const ACCEPTED_BEFORE_MS = 3_600_000

/** Reads the payments that an instant at a processor is about. Rejects with `BooksUnreachable`. */
export async function findSuspects(
  pool: PostgresPool,
  instant: { readonly processor: ProcessorName; readonly at: number },
): Promise<readonly Suspect[]> {
  const number = PROCESSOR_NUMBER[instant.processor]
  const bounds = [instant.at - ACCEPTED_BEFORE_MS, SUSPECTS_MAX]
  try {
    const settled = await pool.run<SuspectRow>(SETTLED_THEN, [instant.at, number, SUSPECTS_MAX])
    const others = await pool.run<SuspectRow>(SETTLED_ELSEWHERE, [instant.at, number, ...bounds])
    return [...settled, ...others].map(read)
  } catch (cause) {
    throw new BooksUnreachable('Pit in PostgreSQL', cause)
  }
}

interface SuspectRow {
  readonly correlation_id: string
  readonly amount_cents: number
  readonly state: number
  readonly processor: number | null
  readonly requested_at_ms: number | null
}

const STATES = ['open', 'settled', 'rejected'] as const

function read(row: SuspectRow): Suspect {
  const known = {
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    state: STATES[row.state] ?? 'open',
  }
  if (row.processor === null || row.requested_at_ms === null) return known
  return { ...known, processor: processorName(row.processor), requestedAt: row.requested_at_ms }
}

const COLUMNS = 'correlation_id::text, amount_cents, state, processor, requested_at_ms'

/** What Pit has settled at that processor in that millisecond. */
const SETTLED_THEN: Query = {
  name: 'settledThen',
  effect: 'reads',
  text: `
  SELECT ${COLUMNS} FROM payments
  WHERE state = 1 AND requested_at_ms = $1::bigint AND processor = $2::smallint
  ORDER BY correlation_id LIMIT $3`,
}

// What Pit has not settled there, or not then, and may have sent there: the attempts that it still
// remembers first, since an attempt at that very instant names the payment nearly for certain.
const SETTLED_ELSEWHERE: Query = {
  name: 'settledElsewhere',
  effect: 'reads',
  text: `
  SELECT ${COLUMNS} FROM payments
  WHERE accepted_at BETWEEN to_timestamp($3::float8 / 1000)
      AND to_timestamp($1::float8 / 1000) + interval '1 minute'
    AND (state <> 1 OR processor <> $2::smallint OR requested_at_ms <> $1::bigint)
  ORDER BY coalesce(
      attempts @> jsonb_build_array(jsonb_build_object('requestedAt', $1::bigint)), false
    ) DESC,
    (state <> 1) DESC, accepted_at DESC
  LIMIT $4`,
}
