// The ledger over PostgreSQL, put together from its parts.

import { setTimeout as delay } from 'node:timers/promises'
import { LedgerUnavailable } from '../../actors/model/errors.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import { createAccept } from './accept.ts'
import { createClaims } from './ownership.ts'
import { openConnection } from './connection.ts'
import type { ConnectionConfig } from './connection.ts'
import { PostgresPool } from './pool.ts'
import { INTEGER, type OnDamagedRow, type Query } from './rows.ts'
import { createLeases } from './ownership.ts'
import { createRecord } from './outcomes.ts'
import { applySchema } from './schema.ts'
import { createStatusReads } from './status-reads.ts'
import { createSummaries } from './summaries.ts'
import { createTakeOver } from './ownership.ts'

export interface PostgresLedgerConfig {
  readonly connectionString: string
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** Connections for all but accepts, records and leases, which have one each. */
  readonly poolMax: number
  /** Bound on `accept`, ms; below what clients wait for their answer. */
  readonly acceptTimeoutMs: number
  /** Bound on every other call, ms. Default 3,000. */
  readonly statementTimeoutMs?: number
  /** Bound on one attempt to connect, ms. Default 1,000. */
  readonly connectTimeoutMs?: number
  /** How long the start waits for PostgreSQL to come up, ms. Default 30,000. */
  readonly startTimeoutMs?: number
  /** Told of each payment whose row cannot be read, each time. */
  readonly onDamagedRow?: OnDamagedRow
}

/**
 * The ledger over pg: applies the schema, then serves. Rejects with `LedgerUnavailable` when
 * PostgreSQL cannot be reached, or refuses the schema, for `startTimeoutMs`.
 */
export async function createPostgresLedger(config: PostgresLedgerConfig): Promise<Ledger> {
  const { acceptTimeoutMs, statementTimeoutMs = 3_000, poolMax } = config
  const onDamaged = config.onDamagedRow ?? (() => undefined)
  const base = {
    connectionString: config.connectionString,
    applicationName: config.applicationName,
    connectTimeoutMs: config.connectTimeoutMs ?? 1_000,
  }
  await prepare({ ...base, statementTimeoutMs }, config.startTimeoutMs ?? 30_000)

  // PostgreSQL gives up before the client does: its answer makes certain that nothing happened.
  const pool = (size: number, timeoutMs: number) =>
    new PostgresPool({ ...base, size, timeoutMs, statementTimeoutMs: timeoutMs * SERVER_SHARE })
  const accepts = pool(1, acceptTimeoutMs)
  const records = pool(1, statementTimeoutMs)
  const leases = pool(1, statementTimeoutMs)
  const others = pool(poolMax, statementTimeoutMs)
  return {
    ...createAccept(accepts, { timeoutMs: acceptTimeoutMs }),
    ...createRecord(records),
    ...createLeases(leases),
    ...createClaims(others, onDamaged),
    ...createTakeOver(others, onDamaged),
    ...createSummaries(others),
    ...createStatusReads(others, onDamaged),
    purge: async () => {
      const { count } = await others.runForRow(PURGE, [])
      return { purges: count }
    },
    close: async () => {
      await Promise.all([accepts, records, leases, others].map((each) => each.close()))
    },
  }
}

const SERVER_SHARE = 0.8
const START_RETRY_MS = 250

async function prepare(config: ConnectionConfig, startTimeoutMs: number): Promise<void> {
  const deadline = performance.now() + startTimeoutMs
  for (;;) {
    try {
      await prepareOnce(config, deadline - performance.now())
      return
    } catch (cause) {
      if (performance.now() + START_RETRY_MS >= deadline) {
        throw new LedgerUnavailable('start', 'none', cause)
      }
      await delay(START_RETRY_MS)
    }
  }
}

async function prepareOnce(config: ConnectionConfig, timeoutMs: number): Promise<void> {
  const connection = await openConnection(config)
  const timer = setTimeout(() => connection.destroy(), Math.max(1, timeoutMs))
  try {
    await applySchema(connection)
  } finally {
    clearTimeout(timer)
    await connection.end()
  }
}

// One message is one transaction. TRUNCATE waits for every statement that uses the tables and holds
// up all later ones meanwhile, so that wait is bounded well below theirs.
const PURGE = {
  name: 'purge',
  effect: 'writes',
  columns: { count: INTEGER },
  protocol: 'simple',
  text: `
  SET LOCAL lock_timeout = '400ms';
  TRUNCATE payments, settled_totals;
  UPDATE purges SET count = count + 1 RETURNING count`,
} satisfies Query
