// The ledger over PostgreSQL, put together from its parts.

import type { LookupFunction } from 'node:net'
import { wordsOf } from '../../actors/model/errors.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import { createAccept } from './accept.ts'
import { startArchiver, type ArchiverOptions } from './archiver.ts'
import { createCommands } from './commands.ts'
import { createLeases } from './leases.ts'
import { createClaims, createOwned } from './ownership.ts'
import { createSessionHistories, type SessionHistoriesParts } from './histories.ts'
import { createKnownControl } from './known-control.ts'
import { withoutAPerson, type MigrationNews, type MigrationState } from './migrating.ts'
import { readMigrations, type Migrations, type MigrationsSource } from './migrations.ts'
import { PostgresPool } from './pool.ts'
import type { ServersConfig } from './reconnector.ts'
import { PurgeCount, createPurge, type OnPurgesLowered } from './purges.ts'
import type { OnDamagedRow } from './rows.ts'
import { createRecord } from './outcomes.ts'
import { START_TIMEOUT_MS, migrateToTheEnd, prepareLedger } from './start.ts'
import { createParkedList, createStatusReads } from './status-reads.ts'
import { createSummaries } from './summaries.ts'
import { createTakeOver } from './takeover.ts'
import { Watermarks } from './watermarks.ts'

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
  /** Bound on the wait of an accept or an outcome for a row, ms. Default 500; more for specs. */
  readonly lockTimeoutMs?: number
  /** Bound on one attempt to connect, ms. Default 1,000; less or more for specs. */
  readonly connectTimeoutMs?: number
  /**
   * Longest time from the begin of a transaction to its commit, ms, for scans that are not whole.
   * Default 10,000: three times a call's bound; less for specs.
   */
  readonly slowestCommitMs?: number
  /**
   * How long the start waits for PostgreSQL to come up, ms. Default `START_TIMEOUT_MS`; less for
   * specs.
   */
  readonly startTimeoutMs?: number
  /** Told of each payment whose row cannot be read, each time. */
  readonly onDamagedRow?: OnDamagedRow
  /** Learns which history of PostgreSQL it is; absent: nobody asks. */
  readonly histories?: SessionHistoriesParts
  /** Told when somebody has set the count of purges back. */
  readonly onPurgesLowered?: OnPurgesLowered
  /** Told why the start still waits for PostgreSQL, at bounded intervals. */
  readonly onWaiting?: (reason: string) => void
  /** Told, at such intervals, for how long the tables are being brought up to date. */
  readonly onMigrating?: (seconds: number) => void
  /** Whether this instance applies migrations. Default `at-start`. */
  readonly migrate?: 'at-start' | 'never'
  /** Default those of this Pit; others for specs. */
  readonly migrations?: MigrationsSource
  /** Told of each migration that is applied, or why that has to wait. */
  readonly onMigration?: (news: MigrationNews | MigrationWaits) => void
  /** Told at the start which indexes are missing, though they are recorded: statements take longer. */
  readonly onUnindexed?: (indexes: readonly string[]) => void
  /** Absent: this instance archives nothing. */
  readonly archive?: ArchiverOptions
}

/** Why migrations that this instance can do without are not applied. */
export interface MigrationWaits {
  readonly state: 'waits'
  readonly reason: string
}

/**
 * How long an accept or an outcome waits for a row that somebody holds, ms, before the others of its
 * batch are written without it; migrations hold a table for 400 at most.
 */
const LOCK_TIMEOUT_MS = 500

/**
 * The ledger over pg: applies the migrations that it needs, then serves, and applies the rest.
 * Rejects with `LedgerUnavailable` when PostgreSQL cannot be reached for `startTimeoutMs`, and at
 * once when it refuses the login, the schema or a right.
 */
export async function createPostgresLedger(config: PostgresLedgerConfig): Promise<Ledger> {
  const { acceptTimeoutMs, statementTimeoutMs = 3_000, poolMax } = config
  const { lockTimeoutMs = LOCK_TIMEOUT_MS, slowestCommitMs = 10_000 } = config
  const onDamaged = config.onDamagedRow ?? (() => undefined)
  const base: Omit<ServersConfig, 'statementTimeoutMs'> = {
    connectionString: config.connectionString,
    applicationName: config.applicationName,
    target: 'read-write',
    lookup: config.lookup,
    connectTimeoutMs: config.connectTimeoutMs ?? 1_000,
  }
  const servers = { ...base, statementTimeoutMs }
  const schema = {
    migrations: await readMigrations(config.migrations),
    migrate: config.migrate ?? 'at-start',
    onNews: config.onMigration ?? (() => undefined),
  }
  const state = await prepareLedger(servers, {
    ...schema,
    timeoutMs: config.startTimeoutMs ?? START_TIMEOUT_MS,
    onWaiting: config.onWaiting ?? (() => undefined),
    onMigrating: config.onMigrating ?? (() => undefined),
    onUnindexed: config.onUnindexed ?? (() => undefined),
  })
  const stopMigrating = goOnMigrating(servers, { ...config, state, migrations: schema.migrations })
  const stopArchiving = archiveBeside(servers, config)

  const histories = config.histories && createSessionHistories(config.histories)
  // PostgreSQL gives up before the client does: its answer makes certain that nothing happened.
  const pool = (
    size: number,
    timeoutMs: number,
    more: Pick<ServersConfig, 'commits' | 'lockTimeoutMs'> = {},
  ) => {
    const bounds = { timeoutMs, statementTimeoutMs: timeoutMs * SERVER_SHARE }
    return new PostgresPool({ ...base, ...more, ...bounds, size, histories })
  }
  const accepts = pool(1, acceptTimeoutMs, { lockTimeoutMs })
  const records = pool(1, statementTimeoutMs, { lockTimeoutMs })
  const leases = pool(1, config.leaseTimeoutMs, { commits: 'onDisk' })
  const claims = pool(1, statementTimeoutMs, { commits: 'onDisk' })
  // A lock on the totals holds up all of these.
  const reads = pool(poolMax, statementTimeoutMs)
  const purgeCount = new PurgeCount(config.onPurgesLowered ?? (() => undefined), histories)
  const watermarks = new Watermarks()
  const readers = { onDamaged, purgeCount, watermarks, slowestCommitMs }
  return {
    ...createAccept(accepts, { timeoutMs: acceptTimeoutMs, purgeCount }),
    ...createRecord(records, purgeCount),
    ...createLeases(leases, purgeCount, {
      timeoutMs: statementTimeoutMs,
      histories,
      watermarks,
      code: schema.migrations.all.length,
    }),
    ...createClaims(claims, readers),
    ...createTakeOver(claims, readers),
    ...createOwned(claims, readers),
    ...createParkedList(claims, onDamaged),
    ...createSummaries(reads),
    ...createStatusReads(reads, onDamaged),
    ...createKnownControl(reads),
    ...createPurge(reads, purgeCount),
    ...createCommands(reads),
    close: async () => {
      const pools = [accepts, records, leases, claims, reads]
      await Promise.all([stopMigrating(), stopArchiving(), ...pools.map((each) => each.close())])
    },
  }
}

/** Gives what ends it. */
function archiveBeside(
  servers: ServersConfig,
  { archive }: Pick<PostgresLedgerConfig, 'archive'>,
): () => Promise<void> {
  if (archive === undefined || archive.rateMax === 0) return () => Promise.resolve()
  const applicationName = `${servers.applicationName} archiving`
  return startArchiver({ ...servers, applicationName }, archive)
}

/**
 * While the ledger serves, in a session of its own: what takes long, if nobody else applies it. Gives
 * what ends it. What cannot be applied is told: a start that needs it says so again.
 */
function goOnMigrating(
  servers: ServersConfig,
  {
    state,
    migrations,
    migrate,
    onMigration: onNews = () => undefined,
  }: Pick<PostgresLedgerConfig, 'migrate' | 'onMigration'> & {
    readonly state: MigrationState
    readonly migrations: Migrations
  },
): () => Promise<void> {
  const left = migrate === 'never' ? [] : withoutAPerson(state)
  const waits = state.pending.slice(left.length).map(({ name }) => name)
  if (waits.length > 0) {
    onNews({ state: 'waits', reason: `pit migrate --apply applies ${waits.join(', ')}` })
  }
  if (left.length === 0) return () => Promise.resolve()
  const ended = new AbortController()
  const onWaiting = (reason: string): void => onNews({ state: 'waits', reason })
  const { signal } = ended
  const work = migrateToTheEnd(
    { ...servers, applicationName: `${servers.applicationName} migrating` },
    { migrations, choose: withoutAPerson, onNews, signal, onWaiting },
  ).catch((cause: unknown) => {
    if (!signal.aborted) onWaiting(wordsOf(cause))
  })
  return () => {
    ended.abort()
    return work
  }
}

const SERVER_SHARE = 0.8
