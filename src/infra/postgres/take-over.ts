// Claims the payments of dead instances.

import type { Ledger } from '../../actors/model/ports.ts'
import { CLAIM_COLUMNS, readClaims } from './claims.ts'
import type { ClaimRow } from './claims.ts'
import type { Query } from './connection.ts'
import type { PostgresPool } from './pool.ts'
import { HELD, NOW_MS } from './sql.ts'

/**
 * Sweeps the payments of dead instances, a bounded batch a call. Leases that were revoked stay
 * swept until they own nothing; then their rows go.
 */
export function createTakeOver(pool: PostgresPool): Pick<Ledger, 'takeOver'> {
  return {
    async takeOver({ leaseId, limit, graceMs, settleByMs }) {
      const rows = await pool.run<ClaimRow>(TAKE_OVER, [leaseId, limit, graceMs, settleByMs])
      const claimed = readClaims('takeOver', rows)
      // Tidying only, and only once nothing is left. Its failure must not hide what was claimed.
      if (claimed.length < limit) await pool.run(DROP_LEASES, []).catch(() => undefined)
      return claimed
    },
  }
}

// A lease is swept only if this statement's own update revoked it, or if it was revoked before:
// a renewal that came in between makes the update skip the row, and nothing is taken from it.
// `owner` hops from one owner to the next by index, however many payments each of them has. An
// owner without a row is one whose accept was committed after its lease had been dropped.
const TAKE_OVER: Query = {
  name: 'takeOver',
  effect: 'writes',
  text: `
  WITH RECURSIVE ${HELD}, expired AS (
    UPDATE leases SET revoked = true
    WHERE NOT revoked AND expires_at <= now() - $3::float8 * interval '1 ms'
      AND (SELECT held FROM held)
    RETURNING id
  ), owner (id) AS (
    (SELECT owner FROM payments WHERE owner IS NOT NULL AND state = 0 ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT (
      SELECT p.owner FROM payments p
      WHERE p.owner IS NOT NULL AND p.state = 0 AND p.owner > owner.id
      ORDER BY p.owner LIMIT 1
    ) FROM owner WHERE owner.id IS NOT NULL
  ), dead AS MATERIALIZED (
    SELECT owner.id, $4::bigint
      + coalesce((extract(epoch FROM l.expires_at) * 1000)::bigint, ${NOW_MS}) AS doubt_until_ms
    FROM owner
    LEFT JOIN leases l ON l.id = owner.id
    WHERE owner.id IS NOT NULL AND (SELECT held FROM held)
      AND (l.id IS NULL OR l.revoked OR l.id IN (SELECT id FROM expired))
  ), target AS (
    SELECT p.correlation_id, dead.doubt_until_ms
    FROM dead JOIN payments p ON p.owner = dead.id AND p.owner IS NOT NULL AND p.state = 0
    LIMIT $2
    FOR UPDATE OF p SKIP LOCKED
  ), claimed AS (
    UPDATE payments p SET owner = $1, claim = p.claim + 1,
      default_doubt_until_ms = greatest(p.default_doubt_until_ms, target.doubt_until_ms),
      fallback_doubt_until_ms = greatest(p.fallback_doubt_until_ms, target.doubt_until_ms)
    FROM target
    WHERE p.correlation_id = target.correlation_id
    RETURNING ${CLAIM_COLUMNS}
  )
  SELECT held.held, claimed.* FROM held LEFT JOIN claimed ON true`,
}

const DROP_LEASES: Query = {
  name: 'dropLeases',
  effect: 'writes',
  text: `
  DELETE FROM leases l
  WHERE l.revoked AND NOT EXISTS (
    SELECT FROM payments p WHERE p.owner = l.id AND p.owner IS NOT NULL AND p.state = 0
  )`,
}
