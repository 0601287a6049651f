// The adapters of one instance: the ledger, the caches, both processors, and the lease's fence.

import { LeaseFence } from '../actors/ownership/fence.ts'
import type { Telemetry } from '../actors/model/facts.ts'
import { HistoryWatch, ONE_HISTORY } from '../actors/model/ledger-history.ts'
import { outlasting } from '../actors/model/settings.ts'
import { LedgerUnavailable, wordsOf } from '../actors/model/errors.ts'
import { renewalTimeoutMs } from '../actors/ownership/lease.machine.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type {
  CircuitCache,
  Ledger,
  Processor,
  DelayedQueue,
  LedgerHistory,
  RenewalCache,
  SettledSet,
} from '../actors/model/ports.ts'
import type { Config } from '../config/config.ts'
import type { FiguresCache } from '../console/figures.ts'
import type { OutagesCache } from '../console/outage-sharing.ts'
import type { BreakableSimulator } from '../console/simulators.ts'
import { createNames, type Names } from '../infra/dns/names.ts'
import { createRedisFailureCounts } from '../infra/redis/redis-failures.ts'
import { createCachesWithoutRedis } from '../infra/redis/without-redis.ts'
import { createReadiness, type Readiness } from './readiness.ts'
import { subsystemLogger, type Logger } from '../infra/process/logger.ts'
import type { ArchiveSettings } from '../infra/postgres/archive-pass.ts'
import { createPostgresLedger, type MigrationWaits } from '../infra/postgres/ledger.ts'
import type { MigrationNews } from '../infra/postgres/migrating.ts'
import { createProcessorClient } from '../infra/processor/client.ts'
import { connectRedis, firstRefusal } from '../infra/redis/redis-connection.ts'
import { createRedisFiguresCache } from '../infra/redis/figures-cache.ts'
import { createRedisOutagesCache } from '../infra/redis/outages-cache.ts'
import { createRedisCircuitCache } from '../infra/redis/circuit-cache.ts'
import { createRedisDelayedQueue } from '../infra/redis/delayed-queue.ts'
import { createRedisRenewalCache } from '../infra/redis/renewal-cache.ts'
import { createRedisSettledSet } from '../infra/redis/settled-set.ts'
import { systemClock } from '../infra/process/system-clock.ts'
import { readVersion } from '../infra/process/project-file.ts'
import type { Traces } from '../infra/tracing/traces.ts'

/**
 * Where PostgreSQL and the processors are; from the configuration, or started because it names
 * none.
 */
export interface Addresses {
  readonly databaseUrl: string
  readonly processorDefaultUrl: string
  readonly processorFallbackUrl: string
  /** Opens the processors' own books; known here when their simulators were started here. */
  readonly processorToken?: string
  /** Epoch ms; before it those simulators know of nothing. Absent: all has always been kept. */
  readonly booksFrom?: number
  /** The processors, when they were started here. */
  readonly simulators?: Readonly<Record<ProcessorName, BreakableSimulator>>
}

export interface Caches {
  readonly circuitCache: CircuitCache
  readonly delayedQueue: DelayedQueue
  readonly settledSet: SettledSet
  readonly renewals: RenewalCache
  /** Absent without Redis. */
  readonly figures?: FiguresCache
  /** Absent without Redis. */
  readonly outages?: OutagesCache
  /** Calls to Redis that failed, by kind, since the start. */
  readonly redisFailures: ReadonlyMap<string, number>
}

export interface Adapters extends Caches {
  readonly ledger: Ledger
  /** The same one; what goes this way leaves no span. */
  readonly untraced: Ledger
  readonly fence: LeaseFence
  readonly history: LedgerHistory
  readonly readiness: Readiness
  readonly processors: Readonly<Record<ProcessorName, Processor>>
  /** Resolves host names for connections that others open. */
  readonly names: Names
  close(): Promise<void>
}

/** Who is told of what happens in the adapters. */
export interface Told {
  readonly logger: Logger
  readonly telemetry: Telemetry
}

/** Bound on a commit that a client waits for, ms: two of them in a row stay under 2 s. */
const ACCEPT_TIMEOUT_MS = 900

/**
 * Opens all connections. Rejects with an error of one clear sentence when PostgreSQL cannot be
 * reached, or when it or Redis refuses what the configuration says; nothing is left open then.
 */
export async function createAdapters(
  config: Config,
  addresses: Addresses,
  told: Told,
): Promise<Adapters> {
  const { logger } = told
  const fence = new LeaseFence(systemClock)
  const readiness = createReadiness(fence, systemClock)
  const names = createNames()
  const { caches, closeCaches } = await openCaches(config, names, logger)
  const closeEarly = async (cause: unknown): Promise<never> => {
    await closeCaches()
    names.close()
    throw cause
  }
  const watch = watchOf(config, told)
  const { renewals } = caches
  const ledger = await openLedger(config, { addresses, names, told, watch, renewals }).catch(
    closeEarly,
  )
  const traces = await startTraces(config, names, logger)
  const open = (name: ProcessorName, url: string): Processor =>
    openProcessor(config, { fence, names, traces }, [name, url])
  const processors = {
    default: open('default', addresses.processorDefaultUrl),
    fallback: open('fallback', addresses.processorFallbackUrl),
  }
  return {
    ledger: readiness.hearing(traces === undefined ? ledger : traces.ofLedger(ledger)),
    untraced: ledger,
    fence,
    history: watch ?? ONE_HISTORY,
    readiness,
    processors,
    names,
    ...caches,
    async close() {
      await Promise.all([processors.default.close(), processors.fallback.close()])
      await Promise.all([ledger.close(), closeCaches(), traces?.close()])
      names.close()
    },
  }
}

/** Why there is no start: `where` is the variable, or what stands in for it. */
function refusedStart(where: string, cause: unknown): Error {
  return new Error(`${where}: ${wordsOf(cause)}`, { cause })
}

interface LedgerParts {
  readonly addresses: Addresses
  readonly names: Names
  readonly told: Told
  readonly watch: HistoryWatch | undefined
  readonly renewals: RenewalCache
}

/** What instances sent before another history was seen lands within a lease and a settle-by deadline. */
function watchOf(config: Config, { telemetry }: Told): HistoryWatch | undefined {
  const { rewindAskMs: askMs, leaseTtlMs, inDoubtHorizonMs, lookupLagMs } = config
  if (askMs === 0) return undefined
  const landsForMs = outlasting(leaseTtlMs + inDoubtHorizonMs + lookupLagMs)
  return new HistoryWatch({
    clock: systemClock,
    run: crypto.randomUUID(),
    askMs,
    landsForMs,
    onChanged: (change) => telemetry.emit({ type: 'history.changed', ...change }),
  })
}

async function openLedger(
  config: Config,
  { addresses, names, watch, renewals, told: { logger, telemetry } }: LedgerParts,
): Promise<Ledger> {
  const { databaseUrl, databasePool: poolMax, instanceId, leaseTtlMs, migrate } = config
  const log = subsystemLogger(logger, 'ledger')
  const migrations = logMigrations(log)
  try {
    const ledger = await createPostgresLedger({
      connectionString: addresses.databaseUrl,
      lookup: names.lookup,
      applicationName: `pit ${instanceId}`,
      poolMax,
      acceptTimeoutMs: ACCEPT_TIMEOUT_MS,
      leaseTimeoutMs: renewalTimeoutMs(leaseTtlMs),
      onWaiting: (reason) => log.warn({ reason }, 'ledger.waiting'),
      migrate,
      onMigrating: (seconds) => log.info({ seconds }, 'ledger.migrating'),
      onMigration: (news) => migrations.note(news),
      onUnindexed: (indexes) => log.warn({ indexes }, 'ledger.unindexed'),
      onPurgesLowered: (step) => log.warn(step, 'purges.lowered'),
      archive: {
        ...archiveSettings(config),
        onArchived: (pass) => telemetry.emit({ type: 'payments.archived', ...pass }),
        onDropped: (dropped) => telemetry.emit({ type: 'archive.dropped', ...dropped }),
        onWaiting: (reason) => telemetry.emit({ type: 'archive.waiting', reason }),
      },
      ...(watch === undefined
        ? {}
        : {
            histories: {
              watch,
              renewals,
              onUnread: (what, words) => log.warn({ what, words }, 'history.unread'),
            },
          }),
      onDamagedRow: (row) => telemetry.emit({ type: 'row.damaged', ...row }),
    })
    migrations.close()
    return ledger
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error
    const where = databaseUrl === undefined ? 'the embedded PostgreSQL' : 'DATABASE_URL'
    throw refusedStart(where, error.cause)
  }
}

/** A line for each step; what an empty database got is one line, at the end. */
function logMigrations(log: Logger) {
  let made = 0
  return {
    note(news: MigrationNews | MigrationWaits): void {
      if (news.state === 'waits') return log.warn(news, 'ledger.migration')
      const { onEmpty, ...fields } = news
      if (onEmpty) made += news.state === 'applied' ? 1 : 0
      else if (news.state !== 'going on') log.info(fields, 'ledger.migration')
    },
    close(): void {
      if (made > 0) log.info({ migrations: made }, 'ledger.made')
    },
  }
}

const HOUR_MS = 3_600_000

function archiveSettings(config: Config): ArchiveSettings {
  const { archiveAfterHours, archiveRateMax, archiveKeepDays, knownDays } = config
  const daysOf = (days: number | undefined): number | undefined =>
    days === undefined ? undefined : days * 24 * HOUR_MS
  return {
    afterMs: archiveAfterHours * HOUR_MS,
    rateMax: archiveRateMax,
    keepMs: daysOf(archiveKeepDays),
    knownMs: daysOf(knownDays),
  }
}

interface ProcessorParts {
  readonly fence: LeaseFence
  readonly names: Names
  /** Absent: without traces. */
  readonly traces?: Traces | undefined
}

/** A processor's client with this configuration's bounds. */
export function openProcessor(
  config: Config,
  { fence, names, traces }: ProcessorParts,
  [name, url]: readonly [ProcessorName, string],
): Processor {
  const options = {
    name,
    url,
    connections: config.processorConcurrency,
    attemptTimeoutMs: config.attemptTimeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
    lookup: names.lookup,
    lookupTimeoutMs: config.lookupTimeoutMs,
    probeTimeoutMs: config.lookupTimeoutMs,
    lease: fence,
    clock: systemClock,
  }
  if (traces === undefined) return createProcessorClient(options)
  const { traceparent } = traces
  return traces.ofProcessor(createProcessorClient({ ...options, traceparent }))
}

/** OpenTelemetry takes 16 MB, so it is loaded only where there is a collector. */
async function startTraces(
  config: Config,
  { lookup }: Names,
  logger: Logger,
): Promise<Traces | undefined> {
  const { otelExporterOtlpEndpoint: endpoint, traceSample: sample, instanceId } = config
  if (endpoint === undefined) return undefined
  const log = subsystemLogger(logger, 'traces')
  const { openTraces } = await import('../infra/tracing/traces.ts')
  const onExport = (news: 'failing' | 'working'): void =>
    log[news === 'failing' ? 'warn' : 'info']({ news }, 'traces.export')
  return openTraces({ endpoint, lookup, sample, instanceId, version: readVersion(), onExport })
}

async function openCaches(
  { redisUrl: url, redisKeyPrefix: keyPrefix, instanceId }: Config,
  { lookup }: Names,
  logger: Logger,
): Promise<{ readonly caches: Caches; readonly closeCaches: () => Promise<void> }> {
  if (url === undefined) {
    const caches = { ...createCachesWithoutRedis(), redisFailures: new Map<string, number>() }
    return { caches, closeCaches: () => Promise.resolve() }
  }
  const log = subsystemLogger(logger, 'redis')
  const { counts: redisFailures, record: onFailure } = createRedisFailureCounts({
    now: () => systemClock.now(),
    warn: (failure) => log.warn(failure, 'redis.failing'),
  })
  const connection = connectRedis({ url, keyPrefix, lookup, onFailure })
  const refusal = await firstRefusal(connection)
  if (refusal !== undefined) {
    await connection.close()
    throw refusedStart('REDIS_URL', refusal)
  }
  const caches = {
    circuitCache: createRedisCircuitCache(connection, { instanceId }),
    delayedQueue: createRedisDelayedQueue(connection),
    settledSet: createRedisSettledSet(connection),
    renewals: createRedisRenewalCache(connection),
    figures: createRedisFiguresCache(connection, { instanceId }),
    outages: createRedisOutagesCache(connection),
    redisFailures,
  }
  return { caches, closeCaches: () => connection.close() }
}
