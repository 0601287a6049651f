// How often everything was purged: counted in PostgreSQL, where somebody may set the count back, by
// hand, by a restore or by a failover to a standby that was behind; and the purge itself.

import { LedgerUnavailable, isRefused } from '../../actors/model/errors.ts'
import { ONE_HISTORY } from '../../actors/model/ledger-history.ts'
import type { Ledger, LedgerHistory } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { INTEGER, type Query } from './rows.ts'
import { FIND_LACKING, INSUFFICIENT_PRIVILEGE } from './schema.ts'
import { MARK, arrayOf } from './sql.ts'

/** No row counts as no purge. */
export const PURGES_COUNT = 'coalesce((SELECT count FROM purges), 0)'

/**
 * How often everything was purged. A statement that waited for a purge takes its snapshot once it
 * has the table, and one that has the table keeps the purge waiting: the count is always that of
 * the rows it writes. Beside it stands whose rows these are.
 */
export const PURGES = `${PURGES_COUNT} AS purges, ${MARK}`

/** What is known of the count at one moment. */
export interface KnownPurges {
  /** The highest count that PostgreSQL has answered since it was last set back. */
  readonly count: number
  /** What actors are given above it: more each time that it was set back. */
  readonly offset: number
}

/** Told from and to which count it was set back. */
export type OnPurgesLowered = (step: { readonly from: number; readonly to: number }) => void

/**
 * The count as actors see it: it never falls. A count that was set back raises it, as a purge does:
 * what is in memory is dropped, and what PostgreSQL still has of that is claimed anew as strays, in
 * doubt. That is what a restart would do, and nothing is sent twice by it.
 */
export class PurgeCount {
  #known: KnownPurges = { count: 0, offset: 0 }
  #epoch = 0
  readonly #onLowered: OnPurgesLowered
  readonly #history: Pick<LedgerHistory, 'epoch'>

  constructor(onLowered: OnPurgesLowered, history: Pick<LedgerHistory, 'epoch'> = ONE_HISTORY) {
    this.#onLowered = onLowered
    this.#history = history
  }

  /**
   * Taken before a statement is sent, and given to `read` with its answer. Another history of
   * PostgreSQL raises the count for actors as one that was set back does, whatever it counts.
   */
  get known(): KnownPurges {
    const { epoch } = this.#history
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      const { count, offset } = this.#known
      this.#known = { count: 0, offset: offset + count + 1 }
    }
    return this.#known
  }

  /**
   * The count for actors, from an answer of PostgreSQL. One below what was known before its
   * statement was sent was set back; one below what became known since is only late.
   */
  read(count: number, before: KnownPurges): number {
    if (before.offset !== this.known.offset) return count + before.offset
    if (count < before.count) {
      this.#onLowered({ from: this.#known.count, to: count })
      const offset = this.#known.count + before.offset + 1 - count
      this.#known = { count, offset }
    } else if (count > this.#known.count) {
      this.#known = { count, offset: before.offset }
    }
    return count + this.#known.offset
  }
}

export function createPurge(pool: PostgresPool, purges: PurgeCount): Pick<Ledger, 'purge'> {
  return {
    async purge() {
      const { known } = purges
      const { count } = await pool.runForRow(PURGE, []).catch(async (error: unknown) => {
        throw await namingRights(pool, error)
      })
      return { purges: purges.read(count, known) }
    },
  }
}

/** What only a purge needs; docs/DATABASE.md grants the same. */
const RIGHTS = [
  'payments.TRUNCATE',
  'settled_totals.TRUNCATE',
  'archived_payments.TRUNCATE',
  'known_payments.TRUNCATE',
  'purges.UPDATE',
]

/** PostgreSQL names the table, and not the right that is missing. */
async function namingRights(pool: PostgresPool, error: unknown): Promise<unknown> {
  if (!isRefused(error) || error.refusal.sqlState !== INSUFFICIENT_PRIVILEGE) return error
  const lacking = await pool.run(FIND_LACKING, [arrayOf(RIGHTS, (right) => right)])
  if (lacking.length === 0) return error
  const words = `the role lacks ${lacking.map(({ name }) => name).join(', ')}; see docs/DATABASE.md`
  return new LedgerUnavailable('purge', 'none', error.cause, { ...error.refusal, words })
}

// One message is one transaction. TRUNCATE waits for every statement that uses the tables and holds
// up all later ones meanwhile, so that wait is bounded well below theirs. The block asks for the
// right to insert only where the row is gone.
const PURGE = {
  name: 'purge',
  effect: 'writes',
  columns: { count: INTEGER },
  protocol: 'simple',
  text: `
  SET LOCAL lock_timeout = '400ms';
  TRUNCATE payments, settled_totals, archived_payments, known_payments;
  DO $$ BEGIN
    UPDATE purges SET count = count + 1;
    IF NOT FOUND THEN INSERT INTO purges (count) VALUES (1); END IF;
  END $$;
  SELECT count FROM purges`,
} satisfies Query
