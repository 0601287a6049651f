// Leases: acquired, renewed, released.

import type { Ledger } from '../../actors/model/ports.ts'
import type { Query } from './connection.ts'
import type { PostgresPool } from './pool.ts'

type Leases = Pick<Ledger, 'acquireLease' | 'renewLease' | 'releaseLease'>

/** Leases by PostgreSQL's clock, on a pool of their own: a renewal never waits behind a batch. */
export function createLeases(pool: PostgresPool): Leases {
  return {
    async acquireLease({ instanceId, ttlMs }) {
      const [row] = await pool.run<{ id: number }>(ACQUIRE, [instanceId, ttlMs])
      return { leaseId: row?.id ?? 0 }
    },
    async renewLease({ leaseId, ttlMs }) {
      const [row] = await pool.run<{ held: boolean; purges: number }>(RENEW, [leaseId, ttlMs])
      return { held: row?.held ?? false, purges: row?.purges ?? 0 }
    },
    async releaseLease(leaseId) {
      await pool.run(RELEASE, [leaseId])
    },
  }
}

const ACQUIRE: Query = {
  name: 'acquireLease',
  effect: 'writes',
  text: `
  INSERT INTO leases (instance_id, expires_at)
  VALUES ($1, now() + $2::float8 * interval '1 ms')
  RETURNING id`,
}

// One that ran out but was not revoked may be revived: nobody has taken anything from it.
const RENEW: Query = {
  name: 'renewLease',
  effect: 'writes',
  text: `
  WITH renewed AS (
    UPDATE leases SET expires_at = now() + $2::float8 * interval '1 ms'
    WHERE id = $1 AND NOT revoked
    RETURNING id
  )
  SELECT EXISTS (SELECT FROM renewed) AS held, (SELECT count FROM purges) AS purges`,
}

// Its end is what the doubt of its payments is counted from, so it is never moved later.
const RELEASE: Query = {
  name: 'releaseLease',
  effect: 'writes',
  text: `
  UPDATE leases SET revoked = true, expires_at = least(expires_at, now())
  WHERE id = $1 AND NOT revoked`,
}
