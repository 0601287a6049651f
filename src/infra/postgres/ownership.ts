// Who owns a payment: claims of parked payments, and what a lease owns.

import assert from 'node:assert'
import { LeaseLost } from '../../actors/model/errors.ts'
import type { ClaimedPayment, UnknownOutcome } from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { PURGES, type KnownPurges, type PurgeCount } from './purges.ts'
import { ATTEMPTS, BOOLEAN, FLOAT, INTEGER, TEXT } from './rows.ts'
import { attemptsIn, knownOutcomes, nullable, readPayments } from './rows.ts'
import type { OnDamagedRow, Query, RowOf } from './rows.ts'
import { HELD, IS_OPEN, NOW_MS, OF_LEASE, arrayOf, epochMs } from './sql.ts'
import { OWNED_SINCE, WholeScans, fromWatermark, nextWatermark } from './watermarks.ts'
import type { Watermarks } from './watermarks.ts'

type Claims = Pick<Ledger, 'claimDue' | 'claimParked'>

/** What the rows of claims are read with. */
export interface ClaimReaders {
  readonly onDamaged: OnDamagedRow
  readonly purgeCount: PurgeCount
  readonly watermarks: Watermarks
  /** Longest time from the begin of a transaction to its commit, ms, but for whole scans. */
  readonly slowestCommitMs: number
}

/**
 * Takes parked payments into ownership. Two instances that claim at once never get the same one. A
 * damaged row is claimed too and handed to nobody, so that it is not claimed again while its owner
 * lives.
 */
export function createClaims(pool: PostgresPool, readers: ClaimReaders): Claims {
  const { watermarks, slowestCommitMs } = readers
  const wholeScans = new WholeScans()
  return {
    async claimDue({ leaseId, limit, delayMaxMs }) {
      const { known } = readers.purgeCount
      const rows = await wholeScans.scan((isWhole) =>
        pool.run(CLAIM_DUE, [leaseId, limit, delayMaxMs, slowestCommitMs, isWhole]),
      )
      const claims = readClaims('claimDue', rows, { ...readers, known })
      watermarks.note(leaseId, { parkedFrom: rows[0]?.parked_from ?? null })
      return claims
    },
    async claimParked(correlationIds, { leaseId }) {
      const ids = arrayOf(correlationIds, (id) => id)
      const { known } = readers.purgeCount
      const rows = await pool.run(CLAIM_PARKED, [leaseId, ids])
      return readClaims('claimParked', rows, { ...readers, known })
    },
  }
}

/** A row is a claimed payment, or the only one, without a payment: nothing was claimed. */
export const CLAIM_OR_NONE = { held: BOOLEAN, correlation_id: nullable(TEXT) }

/** The other columns of a row that is a payment. */
const CLAIMED = {
  correlation_id: TEXT,
  amount_cents: INTEGER,
  claim: INTEGER,
  purges: INTEGER,
  rounds: INTEGER,
  age_ms: FLOAT,
  default_remaining_ms: nullable(INTEGER),
  default_requested_at: nullable(INTEGER),
  fallback_remaining_ms: nullable(INTEGER),
  fallback_requested_at: nullable(INTEGER),
  attempts: nullable(ATTEMPTS),
  claimed_at: INTEGER,
  parked_at: nullable(INTEGER),
}

type ClaimRow = RowOf<typeof CLAIM_OR_NONE>

/** The columns of `CLAIMED`, of a payment `p`. */
const CLAIM_COLUMNS = `p.correlation_id::text AS correlation_id, p.amount_cents, p.claim,
    ${PURGES}, p.rounds, ${epochMs('now()')} - ${epochMs('p.accepted_at')} AS age_ms,
    p.default_doubt_until_ms::float8 - ${NOW_MS} AS default_remaining_ms,
    p.default_doubt_requested_at_ms AS default_requested_at,
    p.fallback_doubt_until_ms::float8 - ${NOW_MS} AS fallback_remaining_ms,
    p.fallback_doubt_requested_at_ms AS fallback_requested_at, p.attempts,
    ${NOW_MS} AS claimed_at, round(${epochMs('p.parked_at')}) AS parked_at`

/**
 * The token of a payment `p` at its next owner. Nothing claims a payment so often that it reaches the
 * highest one: it stands there if a person wrote it, and must not fail the claims of all others.
 */
export const NEXT_TOKEN = 'CASE p.claim WHEN 2147483647 THEN 1 ELSE p.claim + 1 END'

/** Throws `LeaseLost` when the rows say that the claimer's lease is not held. */
export function readClaims(
  operation: string,
  rows: readonly ClaimRow[],
  { onDamaged, purgeCount, known }: ClaimReaders & { readonly known: KnownPurges },
): readonly ClaimedPayment[] {
  const [first] = rows
  assert(first !== undefined, 'a claim returns a row also when it has claimed nothing')
  if (!first.held) throw new LeaseLost(operation)
  const payments = rows.filter((row) => row.correlation_id !== null)
  const claimed = readPayments({ name: operation, columns: CLAIMED }, payments, onDamaged)
  // One statement, one count.
  const purges = claimed[0] === undefined ? 0 : purgeCount.read(claimed[0].purges, known)
  return claimed.map((row) => readClaim(row, purges))
}

function readClaim(row: RowOf<typeof CLAIMED>, purges: number): ClaimedPayment {
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
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    fencingToken: row.claim,
    purges,
    rounds: row.rounds,
    ageMs: row.age_ms,
    unknownOutcomes,
    attempts: knownOutcomes(attemptsIn(row.attempts)),
    claimedAt: row.claimed_at,
    parkedAt: row.parked_at,
  }
}

/** Who has claimed a payment, and since when. */
const CLAIMER = `owner = $1, claim = ${NEXT_TOKEN}, claimed_at = now()`

// Unknown outcomes stay in the row: they are still known should the new owner die.
function claim(parked: string, more = ''): string {
  return `
  WITH ${HELD}, ${parked}, claimed AS (
    UPDATE payments p SET ${CLAIMER}, due_at = NULL
    FROM parked
    WHERE p.correlation_id = parked.correlation_id
    RETURNING parked.due_at, ${CLAIM_COLUMNS}
  )
  SELECT held.held, ${more}claimed.* FROM held LEFT JOIN claimed ON true
  ORDER BY claimed.due_at, claimed.correlation_id`
}

/** $4 `slowestCommitMs`, $5 whether the scan is whole. */
export const CLAIM_DUE = {
  name: 'claimDue',
  effect: 'writes',
  columns: { ...CLAIM_OR_NONE, parked_from: nullable(INTEGER) },
  text: claim(
    `watermark AS MATERIALIZED (
    SELECT ${fromWatermark('parked_from', '$5::boolean')} AS at ${OF_LEASE}
  ), first AS MATERIALIZED (
    SELECT (
      SELECT due_at FROM payments
      WHERE owner IS NULL AND state = 0 AND due_at >= (SELECT at FROM watermark)
      ORDER BY due_at LIMIT 1
    ) AS due_at
  ), due AS (
    SELECT correlation_id, due_at FROM payments
    WHERE owner IS NULL AND state = 0 AND due_at <= now() AND (SELECT held FROM held)
      AND due_at >= (SELECT due_at FROM first)
    ORDER BY due_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
  ), stranded AS (
    SELECT correlation_id, due_at FROM payments
    WHERE owner IS NULL AND state = 0 AND due_at > now() + $3::float8 * interval '1 ms'
      AND (SELECT held FROM held)
    ORDER BY due_at DESC
    LIMIT $2 - (SELECT count(*) FROM due)
    FOR UPDATE SKIP LOCKED
  ), parked AS (TABLE due UNION ALL TABLE stranded)`,
    `(SELECT ${nextWatermark('due_at', '$4')} FROM first) AS parked_from, `,
  ),
} satisfies Query

export const CLAIM_PARKED = {
  name: 'claimParked',
  effect: 'writes',
  columns: CLAIM_OR_NONE,
  text: claim(`parked AS (
    SELECT p.correlation_id, p.due_at FROM payments p
    WHERE p.correlation_id = ANY ($2::uuid[]) AND p.owner IS NULL AND ${IS_OPEN}
      AND (SELECT held FROM held)
    FOR UPDATE SKIP LOCKED
  )`),
} satisfies Query

/** Claims the payments of `target`, whatever their owner has sent: $1 the lease, $2 `settleByMs`. */
export const CLAIMED_IN_DOUBT = `claimed AS (
    UPDATE payments p SET ${CLAIMER},
      default_doubt_until_ms = ${NOW_MS} + $2::bigint,
      fallback_doubt_until_ms = ${NOW_MS} + $2::bigint
    FROM target
    WHERE p.correlation_id = target.correlation_id
    RETURNING ${CLAIM_COLUMNS}
  )`

/** What a lease owns, to be compared with what its instance has in memory. */
export function createOwned(
  pool: PostgresPool,
  readers: ClaimReaders,
): Pick<Ledger, 'listOwned' | 'reclaim'> {
  const { watermarks, slowestCommitMs } = readers
  const wholeScans = new WholeScans()
  return {
    async listOwned({ leaseId, limit }) {
      const rows = await wholeScans.scan((isWhole) =>
        pool.run(LIST_OWNED, [leaseId, limit, slowestCommitMs, isWhole]),
      )
      const owned = rows.flatMap(({ correlation_id: correlationId, claim: fencingToken }) => {
        if (correlationId === null || fencingToken === null) return []
        return [{ correlationId, fencingToken }]
      })
      // A list that is cut off says nothing of the others.
      const ownedFrom = owned.length < limit ? rows[0]?.owned_from : null
      watermarks.note(leaseId, { ownedFrom: ownedFrom ?? null })
      return owned
    },
    async reclaim(payments, { leaseId, settleByMs }) {
      const ids = arrayOf(payments, (payment) => payment.correlationId)
      const tokens = arrayOf(payments, (payment) => payment.fencingToken)
      const { known } = readers.purgeCount
      const rows = await pool.run(RECLAIM, [leaseId, settleByMs, ids, tokens])
      return readClaims('reclaim', rows, { ...readers, known })
    },
  }
}

/** A row is a payment, or the only one, without a payment. */
export const LIST_OWNED = {
  name: 'listOwned',
  effect: 'reads',
  columns: {
    correlation_id: nullable(TEXT),
    claim: nullable(INTEGER),
    owned_from: nullable(INTEGER),
  },
  text: `
  WITH listed AS MATERIALIZED (
    SELECT p.correlation_id, p.claim, ${OWNED_SINCE} AS since FROM payments p
    WHERE p.owner = $1 AND p.owner IS NOT NULL AND p.state = 0 AND p.claim IS NOT NULL
      AND ${OWNED_SINCE} >= coalesce(
        (SELECT ${fromWatermark('owned_from', '$4::boolean')} ${OF_LEASE}),
        '-infinity')
    LIMIT $2
  ), first AS (SELECT min(since) AS since FROM listed)
  SELECT listed.correlation_id::text, listed.claim, ${nextWatermark('first.since', '$3')} AS owned_from
  FROM first LEFT JOIN listed ON true`,
} satisfies Query

export const RECLAIM = {
  name: 'reclaim',
  effect: 'writes',
  columns: CLAIM_OR_NONE,
  text: `
  WITH ${HELD}, target AS (
    SELECT p.correlation_id
    FROM unnest($3::uuid[], $4::int[]) AS named (correlation_id, claim)
    JOIN payments p ON p.correlation_id = named.correlation_id
    WHERE p.owner = $1 AND p.claim = named.claim AND ${IS_OPEN} AND (SELECT held FROM held)
    FOR UPDATE OF p SKIP LOCKED
  ), ${CLAIMED_IN_DOUBT}
  SELECT held.held, claimed.* FROM held LEFT JOIN claimed ON true`,
} satisfies Query
