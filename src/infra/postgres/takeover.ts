// Takes over what dead instances owned, and drops their leases.

import assert from 'node:assert'
import { LedgerUnavailable } from '../../actors/model/errors.ts'
import type { Ledger, SeenLease } from '../../actors/model/ports.ts'
import { LAST_COMMAND } from './commands.ts'
import { CLAIMED_IN_DOUBT, CLAIM_OR_NONE, readClaims, type ClaimReaders } from './ownership.ts'
import type { PostgresPool } from './pool.ts'
import {
  BOOLEAN,
  INTEGER,
  INTEGERS,
  NULLABLE_INTEGERS,
  TEXTS,
  type Query,
  type RowOf,
  type Statement,
} from './rows.ts'
import { HELD, LEASES, arrayOf } from './sql.ts'
import { OWNED_SINCE, WholeScans, fromWatermark } from './watermarks.ts'

/**
 * Sweeps the payments of dead instances, a bounded batch a call. Leases that were revoked stay
 * swept until they own nothing; then their rows go.
 */
export function createTakeOver(
  pool: PostgresPool,
  readers: ClaimReaders,
): Pick<Ledger, 'takeOver'> {
  const wholeScans = new WholeScans()
  return {
    async takeOver({ leaseId, limit, settleByMs, expired }) {
      const ids = arrayOf(expired, (lease) => lease.leaseId)
      const versions = arrayOf(expired, (lease) => lease.version)
      const { known } = readers.purgeCount
      const values = [leaseId, settleByMs, limit, ids, versions]
      const rows = await wholeScans.scan((isWhole) => pool.run(TAKE_OVER, [...values, isWhole]))
      const payments = readClaims('takeOver', rows, { ...readers, known })
      // Its failure must not hide what was claimed: a later call drops the rows of dead leases then.
      if (rows[0]?.any_dead) await pool.execute(DROP_LEASES, []).catch(exceptUnavailable)
      return { payments, leases: readLeases(rows), commands: rows[0]?.commands ?? 0 }
    },
  }
}

function exceptUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailable)) throw error
}

const TAKEN_OR_NONE = {
  ...CLAIM_OR_NONE,
  lease_ids: INTEGERS,
  lease_versions: TEXTS,
  lease_ttls: NULLABLE_INTEGERS,
  lease_instances: TEXTS,
  any_dead: BOOLEAN,
  commands: INTEGER,
}

/** The same in each row. */
function readLeases([row]: readonly RowOf<typeof TAKEN_OR_NONE>[]): readonly SeenLease[] {
  assert(row !== undefined, 'a takeover returns a row also when it has claimed nothing')
  return row.lease_ids.map((leaseId, index) => {
    const [version, ttlMs] = [row.lease_versions[index], row.lease_ttls[index]]
    const instanceId = row.lease_instances[index]
    assert(version !== undefined && ttlMs !== undefined, 'each lease has a version and a length')
    assert(instanceId !== undefined, 'each lease is of an instance')
    return { leaseId, version, ttlMs, instanceId }
  })
}

// A row's xmin changes with each update. So a lease is swept only if this statement's own update
// revoked it as it was seen, or if it was revoked before: a renewal that came in between makes the
// update skip the row, and nothing is taken from it.
// What a living lease owns is not scanned. An owner without a row is one whose accept was committed
// after its lease had been dropped: a whole scan ($6) asks for one between each two leases.
export const TAKE_OVER = {
  name: 'takeOver',
  effect: 'writes',
  columns: TAKEN_OR_NONE,
  text: `
  WITH RECURSIVE ${HELD}, ${LEASES}, living AS MATERIALIZED (
    SELECT coalesce(array_agg(id ORDER BY id), '{}') AS lease_ids,
      coalesce(array_agg(version ORDER BY id), '{}') AS lease_versions,
      coalesce(array_agg(ttl_ms ORDER BY id), '{}') AS lease_ttls,
      coalesce(array_agg(instance_id ORDER BY id), '{}') AS lease_instances
    FROM lease WHERE NOT revoked
  ), expired AS (
    UPDATE leases l SET revoked = true
    FROM unnest($4::int[], $5::text[]) AS seen (id, version)
    WHERE l.id = seen.id AND l.xmin::text = seen.version AND NOT l.revoked
      AND (SELECT held FROM held)
    RETURNING l.id
  ), gap AS (
    SELECT id AS above, lead(id, 1, 2147483647) OVER (ORDER BY id) AS below
    FROM (SELECT id FROM lease UNION ALL SELECT 0) AS known
    WHERE $6::boolean
  ), dead AS MATERIALIZED (
    SELECT id, ${fromWatermark('owned_from')} AS owned_from
    FROM lease WHERE revoked OR id IN (SELECT id FROM expired)
    UNION ALL
    SELECT nobody.id, '-infinity' FROM gap CROSS JOIN LATERAL (
      SELECT p.owner AS id FROM payments p
      WHERE p.owner > gap.above AND p.owner < gap.below AND p.owner IS NOT NULL AND p.state = 0
      LIMIT 1
    ) AS nobody
  ), target AS (
    SELECT owned.correlation_id FROM dead CROSS JOIN LATERAL (
      SELECT p.correlation_id FROM payments p
      WHERE p.owner = dead.id AND p.owner IS NOT NULL AND p.state = 0
        AND ${OWNED_SINCE} >= dead.owned_from AND (SELECT held FROM held)
      LIMIT $3
      FOR UPDATE SKIP LOCKED
    ) AS owned
    LIMIT $3
  ), ${CLAIMED_IN_DOUBT}
  SELECT held.held, living.*, EXISTS (SELECT FROM dead) AS any_dead,
    ${LAST_COMMAND} AS commands, claimed.*
  FROM held CROSS JOIN living LEFT JOIN claimed ON true`,
} satisfies Query

export const DROP_LEASES: Statement = {
  name: 'dropLeases',
  effect: 'writes',
  text: `
  WITH RECURSIVE ${LEASES}
  DELETE FROM leases WHERE revoked AND id = ANY (ARRAY(
    SELECT id FROM lease WHERE revoked AND NOT EXISTS (
      SELECT FROM payments p WHERE p.owner = lease.id AND p.owner IS NOT NULL AND p.state = 0
        AND ${OWNED_SINCE} >= ${fromWatermark('lease.owned_from')}
    )
  ))`,
}
