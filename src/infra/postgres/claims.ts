// Claims parked payments and lists them.

import { LeaseLost } from '../../actors/model/errors.ts'
import type { Attempt, ClaimedPayment, UnknownOutcome } from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { Query } from './connection.ts'
import type { PostgresPool } from './pool.ts'
import { HELD, IS_OPEN, NOW_MS, PURGES, arrayOf } from './sql.ts'

type Claims = Pick<Ledger, 'claimDue' | 'claimParked'>

/** Takes parked payments into ownership. Two instances that claim at once never get the same one. */
export function createClaims(pool: PostgresPool): Claims {
  return {
    async claimDue({ leaseId, limit }) {
      return readClaims('claimDue', await pool.run<ClaimRow>(CLAIM_DUE, [leaseId, limit]))
    },
    async claimParked(correlationIds, { leaseId }) {
      if (correlationIds.length === 0) return []
      const ids = arrayOf(correlationIds, (id) => id)
      return readClaims('claimParked', await pool.run<ClaimRow>(CLAIM_PARKED, [leaseId, ids]))
    },
  }
}

/** One claimed payment; `correlation_id` is null in the single row that says nothing was claimed. */
export interface ClaimRow {
  readonly held: boolean
  readonly correlation_id: string | null
  readonly amount_cents: number
  readonly claim: number
  readonly purges: number
  readonly rounds: number
  readonly age_ms: number
  readonly default_remaining_ms: number | null
  readonly default_requested_at: number | null
  readonly fallback_remaining_ms: number | null
  readonly fallback_requested_at: number | null
  readonly attempts: readonly Attempt[] | null
}

/** Columns of `ClaimRow` after the first, of a payment `p`. */
export const CLAIM_COLUMNS = `p.correlation_id::text AS correlation_id, p.amount_cents, p.claim,
    ${PURGES}, p.rounds, (extract(epoch FROM now() - p.accepted_at) * 1000)::float8 AS age_ms,
    p.default_doubt_until_ms - ${NOW_MS} AS default_remaining_ms,
    p.default_doubt_requested_at_ms AS default_requested_at,
    p.fallback_doubt_until_ms - ${NOW_MS} AS fallback_remaining_ms,
    p.fallback_doubt_requested_at_ms AS fallback_requested_at, p.attempts`

/** Throws `LeaseLost` when the rows say that the claimer's lease is not held. */
export function readClaims(
  operation: string,
  rows: readonly ClaimRow[],
): readonly ClaimedPayment[] {
  if (rows[0]?.held !== true) throw new LeaseLost(operation)
  return rows.filter((row) => row.correlation_id !== null).map(readClaim)
}

function readClaim(row: ClaimRow): ClaimedPayment {
  const unknownOutcomes: UnknownOutcome[] = []
  if (row.default_remaining_ms !== null) {
    unknownOutcomes.push({
      processor: 'default',
      requestedAt: row.default_requested_at,
      remainingMs: row.default_remaining_ms,
    })
  }
  if (row.fallback_remaining_ms !== null) {
    unknownOutcomes.push({
      processor: 'fallback',
      requestedAt: row.fallback_requested_at,
      remainingMs: row.fallback_remaining_ms,
    })
  }
  return {
    correlationId: row.correlation_id ?? '',
    amountCents: row.amount_cents,
    fencingToken: row.claim,
    purges: row.purges,
    rounds: row.rounds,
    ageMs: row.age_ms,
    unknownOutcomes,
    attempts: row.attempts ?? [],
  }
}

// Doubts stay in the row: should the new owner die, they are still known.
function claim(parked: string): string {
  return `
  WITH ${HELD}, parked AS (${parked}), claimed AS (
    UPDATE payments p SET owner = $1, claim = p.claim + 1, due_at = NULL
    FROM parked
    WHERE p.correlation_id = parked.correlation_id
    RETURNING parked.due_at, ${CLAIM_COLUMNS}
  )
  SELECT held.held, claimed.* FROM held LEFT JOIN claimed ON true
  ORDER BY claimed.due_at, claimed.correlation_id`
}

const CLAIM_DUE: Query = {
  name: 'claimDue',
  effect: 'writes',
  text: claim(`
    SELECT correlation_id, due_at FROM payments
    WHERE owner IS NULL AND state = 0 AND due_at <= now() AND (SELECT held FROM held)
    ORDER BY due_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED`),
}

export const CLAIM_PARKED: Query = {
  name: 'claimParked',
  effect: 'writes',
  text: claim(`
    SELECT p.correlation_id, p.due_at FROM payments p
    WHERE p.correlation_id = ANY ($2::uuid[]) AND p.owner IS NULL AND ${IS_OPEN}
      AND (SELECT held FROM held)
    FOR UPDATE SKIP LOCKED`),
}
