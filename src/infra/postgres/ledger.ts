// The ledger over PostgreSQL, put together from its parts.

import type { LookupFunction } from 'node:net'
import type { Ledger } from '../../actors/model/ports.ts'
import { createAccept } from './accept.ts'
import { createClaims, createLeases, createOwned, createTakeOver } from './ownership.ts'
import { createKnownControl } from './known-control.ts'
import { PostgresPool } from './pool.ts'
import type { ServersConfig } from './reconnector.ts'
import { PurgeCount, createPurge, type OnPurgesLowered } from './purges.ts'
import type { OnDamagedRow } from './rows.ts'
import { createRecord } from './outcomes.ts'
import { START_TIMEOUT_MS, prepareLedger } from './start.ts'
import { createParkedList, createStatusReads } from './status-reads.ts'
import { createSummaries } from './summaries.ts'

export interface PostgresLedgerConfig {
  /** URL of one server or several; see `ServersConfig`. Unless it says else, it must take writes. */
  readonly connectionString: string
  /** Resolves host names; absent: Node's own. */
  readonly lookup?: LookupFunction
  /** Shown in pg_stat_activity. */
  readonly applicationName: string
  /** Connections for reads: accepts, records, claims and leases have one each. */
  readonly poolMax: number
  /** Bound on `accept`, ms; below what clients wait for their answer. */
  readonly acceptTimeoutMs: number
  /** Bound on a renewal or release of a lease, ms: one that hangs leaves time for others. */
  readonly leaseTimeoutMs: number
  /** Bound on every other call, ms. Default 3,000; less or more for specs. */
  readonly statementTimeoutMs?: number
  /** Bound on one attempt to connect, ms. Default 1,000; less or more for specs. */
  readonly connectTimeoutMs?: number
  /**
   * How long the start waits for PostgreSQL to come up, ms. Default `START_TIMEOUT_MS`; less for
   * specs.
   */
  readonly startTimeoutMs?: number
  /** Told of each payment whose row cannot be read, each time. */
  readonly onDamagedRow?: OnDamagedRow
  /** Told when somebody has set the count of purges back. */
  readonly onPurgesLowered?: OnPurgesLowered
  /** Told why the start still waits for PostgreSQL, at bounded intervals. */
  readonly onWaiting?: (reason: string) => void
  /** Told, at such intervals, for how long the tables are being brought up to date. */
  readonly onMigrating?: (seconds: number) => void
}

/**
 * The ledger over pg: applies the schema, then serves. Rejects with `LedgerUnavailable` when
 * PostgreSQL cannot be reached for `startTimeoutMs`, and at once when it refuses the login, the
 * schema or a right.
 */
export async function createPostgresLedger(config: PostgresLedgerConfig): Promise<Ledger> {
  const { acceptTimeoutMs, statementTimeoutMs = 3_000, poolMax } = config
  const onDamaged = config.onDamagedRow ?? (() => undefined)
  const base: Omit<ServersConfig, 'statementTimeoutMs'> = {
    connectionString: config.connectionString,
    applicationName: config.applicationName,
    target: 'read-write',
    lookup: config.lookup,
    connectTimeoutMs: config.connectTimeoutMs ?? 1_000,
  }
  await prepareLedger(
    { ...base, statementTimeoutMs },
    {
      timeoutMs: config.startTimeoutMs ?? START_TIMEOUT_MS,
      onWaiting: config.onWaiting ?? (() => undefined),
      onMigrating: config.onMigrating ?? (() => undefined),
    },
  )

  // PostgreSQL gives up before the client does: its answer makes certain that nothing happened.
  const pool = (size: number, timeoutMs: number, more: Pick<ServersConfig, 'commits'> = {}) => {
    const bounds = { timeoutMs, statementTimeoutMs: timeoutMs * SERVER_SHARE }
    return new PostgresPool({ ...base, ...more, ...bounds, size })
  }
  const accepts = pool(1, acceptTimeoutMs)
  const records = pool(1, statementTimeoutMs)
  const leases = pool(1, config.leaseTimeoutMs, { commits: 'onDisk' })
  const claims = pool(1, statementTimeoutMs, { commits: 'onDisk' })
  // A lock on the totals holds up all of these.
  const reads = pool(poolMax, statementTimeoutMs)
  const purgeCount = new PurgeCount(config.onPurgesLowered ?? (() => undefined))
  const readers = { onDamaged, purgeCount }
  return {
    ...createAccept(accepts, { timeoutMs: acceptTimeoutMs, purgeCount }),
    ...createRecord(records, purgeCount),
    ...createLeases(leases, purgeCount, { timeoutMs: statementTimeoutMs }),
    ...createClaims(claims, readers),
    ...createTakeOver(claims, readers),
    ...createOwned(claims, readers),
    ...createParkedList(claims, onDamaged),
    ...createSummaries(reads),
    ...createStatusReads(reads, onDamaged),
    ...createKnownControl(reads),
    ...createPurge(reads, purgeCount),
    close: async () => {
      await Promise.all([accepts, records, leases, claims, reads].map((each) => each.close()))
    },
  }
}

const SERVER_SHARE = 0.8
