// Leases: who may work, and the count of renewals by which an older copy of the ledger is known.

import { isLedgerFailure } from '../../actors/model/errors.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { SessionHistories } from './connection.ts'
import type { PostgresPool } from './pool.ts'
import { PURGES, type PurgeCount } from './purges.ts'
import { BOOLEAN, INTEGER, nullable, type Query, type Statement } from './rows.ts'
import { NOW_MS } from './sql.ts'
import type { Watermarks } from './watermarks.ts'

type Leases = Pick<Ledger, 'acquireLease' | 'renewLease' | 'releaseLease'>

export interface LeaseOptions {
  /** Bound on a new lease, ms: it may wait for the connection, and for a machine that is busy. */
  readonly timeoutMs: number
  readonly histories: SessionHistories | undefined
  /** The highest migration that this Pit knows. */
  readonly code: number
  readonly watermarks: Watermarks
}

/**
 * Leases, on a pool of their own: a renewal never waits behind a batch. Each grant and renewal is
 * counted, and says which history PostgreSQL has.
 */
export function createLeases(
  pool: PostgresPool,
  purgeCount: PurgeCount,
  { timeoutMs, histories, code, watermarks }: LeaseOptions,
): Leases {
  const run = histories?.run ?? null
  return {
    async acquireLease({ instanceId, ttlMs }) {
      const granted = await pool.runForRow(ACQUIRE, [run, instanceId, ttlMs, code], timeoutMs)
      histories?.note(granted)
      const { id, ledger_now: ledgerNow } = granted
      return { leaseId: id, ledgerNow }
    },
    async renewLease({ leaseId, ttlMs }) {
      const { known } = purgeCount
      const { ownedFrom, parkedFrom } = watermarks.of(leaseId)
      const renewed = await pool.runForRow(RENEW, [run, leaseId, ttlMs, ownedFrom, parkedFrom])
      histories?.note(renewed)
      histories
        ?.compareLate((statement) => pool.run({ ...statement, columns: {} }, []))
        .catch(later)
      const purges = purgeCount.read(renewed.purges, known)
      return { held: renewed.held, purges, ledgerNow: renewed.ledger_now }
    },
    releaseLease: (leaseId) => pool.execute(RELEASE, [leaseId]),
  }
}

/** The next renewal compares. */
function later(error: unknown): void {
  if (!isLedgerFailure(error)) throw error
}

/** So long after its last renewal nobody remembers a run. */
const FORGOTTEN = `interval '7 days'`

/** Counts a renewal of run $1 for the row of `granted`, and says in which history. */
const COUNTED = `counted AS (
    INSERT INTO renewals AS r (run, count) SELECT $1::uuid, 1 FROM granted WHERE $1 IS NOT NULL
    ON CONFLICT (run) DO UPDATE SET count = r.count + 1, renewed_at = now()
    RETURNING count
  )`
const SEEN = `coalesce((SELECT max(generation) FROM histories), 0) AS generation,
    (SELECT count FROM counted) AS count`
const SEEN_COLUMNS = { generation: INTEGER, count: nullable(INTEGER) }

const ACQUIRE = {
  name: 'acquireLease',
  effect: 'writes',
  columns: { id: INTEGER, ledger_now: INTEGER, ...SEEN_COLUMNS },
  text: `
  WITH granted AS (
    INSERT INTO leases (instance_id, expires_at, ttl_ms, code)
    VALUES ($2, now() + $3::float8 * interval '1 ms', $3::float8::int, $4)
    RETURNING id
  ), ${COUNTED}, forgotten AS (
    DELETE FROM renewals WHERE renewed_at < now() - ${FORGOTTEN} AND run IS DISTINCT FROM $1::uuid
  )
  SELECT id, ${NOW_MS} AS ledger_now, ${SEEN} FROM granted`,
} satisfies Query

// What was not revoked may be renewed, however late: nobody has taken anything from it. The
// watermarks stay as they are where $4 and $5 are null.
const RENEW = {
  name: 'renewLease',
  effect: 'writes',
  columns: { held: BOOLEAN, purges: INTEGER, ledger_now: INTEGER, ...SEEN_COLUMNS },
  text: `
  WITH granted AS (
    UPDATE leases SET expires_at = now() + $3::float8 * interval '1 ms',
      owned_from = coalesce(to_timestamp($4::float8 / 1000), owned_from),
      parked_from = coalesce(to_timestamp($5::float8 / 1000), parked_from)
    WHERE id = $2 AND NOT revoked
    RETURNING id
  ), ${COUNTED}
  SELECT EXISTS (SELECT FROM granted) AS held, ${PURGES}, ${NOW_MS} AS ledger_now, ${SEEN}`,
} satisfies Query

const RELEASE: Statement = {
  name: 'releaseLease',
  effect: 'writes',
  text: `
  UPDATE leases SET revoked = true, expires_at = least(expires_at, now())
  WHERE id = $1 AND NOT revoked`,
}
