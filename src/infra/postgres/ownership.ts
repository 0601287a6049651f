// Who owns a payment: leases, claims of parked payments, and the takeover of what a dead instance
// owned.

import assert from 'node:assert'
import { LeaseLost, LedgerUnavailable } from '../../actors/model/errors.ts'
import type { ClaimedPayment, UnknownOutcome } from '../../actors/model/payment.ts'
import type { Ledger, OwnedPayment, SeenLease } from '../../actors/model/ports.ts'
import type { SessionHistories } from './connection.ts'
import { renewalFor } from './histories.ts'
import type { PostgresPool } from './pool.ts'
import { PURGES, type KnownPurges, type PurgeCount } from './purges.ts'
import { ATTEMPTS, BOOLEAN, FLOAT, INTEGER, INTEGERS, TEXT, TEXTS } from './rows.ts'
import { attemptsIn, knownOutcomes, nullable, readPayments } from './rows.ts'
import type { OnDamagedRow, Query, RowOf, Statement } from './rows.ts'
import { HELD, IS_OPEN, NOW_MS, arrayOf, epochMs } from './sql.ts'

type Leases = Pick<Ledger, 'acquireLease' | 'renewLease' | 'releaseLease'>

export interface LeaseOptions {
  /** Bound on a new lease, ms: it may wait for the connection, and for a machine that is busy. */
  readonly timeoutMs: number
  readonly histories: SessionHistories | undefined
  /** The highest migration that this Pit knows. */
  readonly code: number
}

/**
 * Leases, on a pool of their own: a renewal never waits behind a batch.
 *
 * A renewal says which history PostgreSQL has, and how far it has come.
 */
export function createLeases(
  pool: PostgresPool,
  purgeCount: PurgeCount,
  { timeoutMs, histories, code }: LeaseOptions,
): Leases {
  return {
    async acquireLease({ instanceId, ttlMs }) {
      const granted = await pool.runForRow(ACQUIRE, [instanceId, ttlMs, code], timeoutMs)
      const { id, ledger_now: ledgerNow } = granted
      return { leaseId: id, ledgerNow }
    },
    async renewLease({ leaseId, ttlMs }) {
      const { known } = purgeCount
      const query = renewalFor(histories)
      const renewed = await pool.runForRow(query, [leaseId, ttlMs])
      histories?.note(renewed)
      const purges = purgeCount.read(renewed.purges, known)
      return { held: renewed.held, purges, ledgerNow: renewed.ledger_now }
    },
    releaseLease: (leaseId) => pool.execute(RELEASE, [leaseId]),
  }
}

const ACQUIRE = {
  name: 'acquireLease',
  effect: 'writes',
  columns: { id: INTEGER, ledger_now: INTEGER },
  text: `
  INSERT INTO leases (instance_id, expires_at, code)
  VALUES ($1, now() + $2::float8 * interval '1 ms', $3)
  RETURNING id, ${NOW_MS} AS ledger_now`,
} satisfies Query

const RELEASE: Statement = {
  name: 'releaseLease',
  effect: 'writes',
  text: `
  UPDATE leases SET revoked = true, expires_at = least(expires_at, now())
  WHERE id = $1 AND NOT revoked`,
}

type Claims = Pick<Ledger, 'claimDue' | 'claimParked'>

/** What the rows of claims are read with. */
export interface ClaimReaders {
  readonly onDamaged: OnDamagedRow
  readonly purgeCount: PurgeCount
}

/**
 * Takes parked payments into ownership. Two instances that claim at once never get the same one. A
 * damaged row is claimed too and handed to nobody, so that it is not claimed again while its owner
 * lives.
 */
export function createClaims(pool: PostgresPool, readers: ClaimReaders): Claims {
  return {
    async claimDue({ leaseId, limit, delayMaxMs }) {
      const { known } = readers.purgeCount
      const rows = await pool.run(CLAIM_DUE, [leaseId, limit, delayMaxMs])
      return readClaims('claimDue', rows, { ...readers, known })
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
const CLAIM_OR_NONE = { held: BOOLEAN, correlation_id: nullable(TEXT) }

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
const NEXT_TOKEN = 'CASE p.claim WHEN 2147483647 THEN 1 ELSE p.claim + 1 END'

/** Throws `LeaseLost` when the rows say that the claimer's lease is not held. */
function readClaims(
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

// Unknown outcomes stay in the row: they are still known should the new owner die.
function claim(parked: string): string {
  return `
  WITH ${HELD}, ${parked}, claimed AS (
    UPDATE payments p SET owner = $1, claim = ${NEXT_TOKEN}, due_at = NULL
    FROM parked
    WHERE p.correlation_id = parked.correlation_id
    RETURNING parked.due_at, ${CLAIM_COLUMNS}
  )
  SELECT held.held, claimed.* FROM held LEFT JOIN claimed ON true
  ORDER BY claimed.due_at, claimed.correlation_id`
}

const CLAIM_DUE = {
  name: 'claimDue',
  effect: 'writes',
  columns: CLAIM_OR_NONE,
  text: claim(`due AS (
    SELECT correlation_id, due_at FROM payments
    WHERE owner IS NULL AND state = 0 AND due_at <= now() AND (SELECT held FROM held)
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
  ), parked AS (TABLE due UNION ALL TABLE stranded)`),
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

/**
 * Sweeps the payments of dead instances, a bounded batch a call. Leases that were revoked stay
 * swept until they own nothing; then their rows go.
 */
export function createTakeOver(
  pool: PostgresPool,
  readers: ClaimReaders,
): Pick<Ledger, 'takeOver'> {
  return {
    async takeOver({ leaseId, limit, settleByMs, expired }) {
      const ids = arrayOf(expired, (lease) => lease.leaseId)
      const versions = arrayOf(expired, (lease) => lease.version)
      const { known } = readers.purgeCount
      const rows = await pool.run(TAKE_OVER, [leaseId, settleByMs, limit, ids, versions])
      const payments = readClaims('takeOver', rows, { ...readers, known })
      // Its failure must not hide what was claimed: a later call drops the rows of dead leases then.
      await pool.execute(DROP_LEASES, []).catch(exceptUnavailable)
      return { payments, leases: readLeases(rows) }
    },
  }
}

function exceptUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailable)) throw error
}

const TAKEN_OR_NONE = { ...CLAIM_OR_NONE, lease_ids: INTEGERS, lease_versions: TEXTS }

/** The same in each row. */
function readLeases([row]: readonly RowOf<typeof TAKEN_OR_NONE>[]): readonly SeenLease[] {
  assert(row !== undefined, 'a takeover returns a row also when it has claimed nothing')
  return row.lease_ids.map((leaseId, index) => {
    const version = row.lease_versions[index]
    assert(version !== undefined, 'each lease has a version')
    return { leaseId, version }
  })
}

/** Claims the payments of `target`, whatever their owner has sent: $1 the lease, $2 `settleByMs`. */
const CLAIMED_IN_DOUBT = `claimed AS (
    UPDATE payments p SET owner = $1, claim = ${NEXT_TOKEN},
      default_doubt_until_ms = ${NOW_MS} + $2::bigint,
      fallback_doubt_until_ms = ${NOW_MS} + $2::bigint
    FROM target
    WHERE p.correlation_id = target.correlation_id
    RETURNING ${CLAIM_COLUMNS}
  )`

// A row's xmin changes with each update. So a lease is swept only if this statement's own update
// revoked it as it was seen, or if it was revoked before: a renewal that came in between makes the
// update skip the row, and nothing is taken from it.
// `owner` hops from one owner to the next by index, however many payments each of them has. An
// owner without a row is one whose accept was committed after its lease had been dropped.
const TAKE_OVER = {
  name: 'takeOver',
  effect: 'writes',
  columns: TAKEN_OR_NONE,
  text: `
  WITH RECURSIVE ${HELD}, living AS MATERIALIZED (
    SELECT ARRAY(SELECT id FROM leases WHERE NOT revoked ORDER BY id) AS lease_ids,
      ARRAY(SELECT xmin::text FROM leases WHERE NOT revoked ORDER BY id) AS lease_versions
  ), expired AS (
    UPDATE leases l SET revoked = true
    FROM unnest($4::int[], $5::text[]) AS seen (id, version)
    WHERE l.id = seen.id AND l.xmin::text = seen.version AND NOT l.revoked
      AND (SELECT held FROM held)
    RETURNING l.id
  ), owner (id) AS (
    (SELECT owner FROM payments WHERE owner IS NOT NULL AND state = 0 ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT (
      SELECT p.owner FROM payments p
      WHERE p.owner IS NOT NULL AND p.state = 0 AND p.owner > owner.id
      ORDER BY p.owner LIMIT 1
    ) FROM owner WHERE owner.id IS NOT NULL
  ), dead AS MATERIALIZED (
    SELECT owner.id FROM owner
    LEFT JOIN leases l ON l.id = owner.id
    WHERE owner.id IS NOT NULL AND (SELECT held FROM held)
      AND (l.id IS NULL OR l.revoked OR l.id IN (SELECT id FROM expired))
  ), target AS (
    SELECT p.correlation_id
    FROM dead JOIN payments p ON p.owner = dead.id AND p.owner IS NOT NULL AND p.state = 0
    LIMIT $3
    FOR UPDATE OF p SKIP LOCKED
  ), ${CLAIMED_IN_DOUBT}
  SELECT held.held, living.*, claimed.* FROM held CROSS JOIN living LEFT JOIN claimed ON true`,
} satisfies Query

const DROP_LEASES: Statement = {
  name: 'dropLeases',
  effect: 'writes',
  text: `
  DELETE FROM leases l
  WHERE l.revoked AND NOT EXISTS (
    SELECT FROM payments p WHERE p.owner = l.id AND p.owner IS NOT NULL AND p.state = 0
  )`,
}

/** What a lease owns, to be compared with what its instance has in memory. */
export function createOwned(
  pool: PostgresPool,
  readers: ClaimReaders,
): Pick<Ledger, 'listOwned' | 'reclaim'> {
  return {
    async listOwned({ leaseId, limit }) {
      const rows = await pool.run(LIST_OWNED, [leaseId, limit])
      return rows.map(({ correlation_id: correlationId, claim: fencingToken }): OwnedPayment => {
        return { correlationId, fencingToken }
      })
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

const LIST_OWNED = {
  name: 'listOwned',
  effect: 'reads',
  columns: { correlation_id: TEXT, claim: INTEGER },
  text: `
  SELECT correlation_id::text, claim FROM payments
  WHERE owner = $1 AND owner IS NOT NULL AND state = 0 AND claim IS NOT NULL
  LIMIT $2`,
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
