// The adapters of one instance: the ledger, the caches, both processors, and the lease's fence.

import { LeaseFence } from '../actors/ownership/fence.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type {
  CircuitCache,
  Ledger,
  Processor,
  DelayedQueue,
  SettledSet,
} from '../actors/model/ports.ts'
import type { Config } from '../config/config.ts'
import type { FiguresCache } from '../console/figures.ts'
import { createCachesWithoutRedis } from '../infra/redis/without-redis.ts'
import { subsystemLogger, type Logger } from '../infra/process/logger.ts'
import { createPostgresLedger, type PostgresLedgerConfig } from '../infra/postgres/ledger.ts'
import { createProcessorClient } from '../infra/processor/client.ts'
import { connectRedis } from '../infra/redis/redis-connection.ts'
import { createRedisFiguresCache } from '../infra/redis/figures-cache.ts'
import { createRedisCircuitCache } from '../infra/redis/circuit-cache.ts'
import { createRedisDelayedQueue } from '../infra/redis/delayed-queue.ts'
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
  /** For the processors' own books; known here when their simulators were started here. */
  readonly processorToken?: string
}

export interface Caches {
  readonly circuitCache: CircuitCache
  readonly delayedQueue: DelayedQueue
  readonly settledSet: SettledSet
  /** Absent without Redis. */
  readonly figures?: FiguresCache
}

export interface Adapters extends Caches {
  readonly ledger: Ledger
  readonly fence: LeaseFence
  readonly processors: Readonly<Record<ProcessorName, Processor>>
  close(): Promise<void>
}

/** Bound on a commit that a client waits for, ms: two of them in a row stay under 2 s. */
const ACCEPT_TIMEOUT_MS = 900

/** Opens all connections. Rejects with `LedgerUnavailable`. */
export async function createAdapters(
  config: Config,
  addresses: Addresses,
  told: Pick<PostgresLedgerConfig, 'onDamagedRow'> & { readonly logger: Logger },
): Promise<Adapters> {
  const { logger, ...listeners } = told
  const fence = new LeaseFence()
  const ledger = await createPostgresLedger({
    connectionString: addresses.databaseUrl,
    applicationName: `pit ${config.instanceId}`,
    poolMax: config.databasePool,
    acceptTimeoutMs: ACCEPT_TIMEOUT_MS,
    ...listeners,
  })
  const { caches, closeCaches } = openCaches(config, logger)
  const traces = await startTraces(config, logger)
  const open = (name: ProcessorName, url: string): Processor =>
    openProcessor(config, { fence, traces }, [name, url])
  const processors = {
    default: open('default', addresses.processorDefaultUrl),
    fallback: open('fallback', addresses.processorFallbackUrl),
  }
  return {
    ledger: traces === undefined ? ledger : traces.ofLedger(ledger),
    fence,
    processors,
    ...caches,
    async close() {
      await Promise.all([processors.default.close(), processors.fallback.close()])
      await Promise.all([ledger.close(), closeCaches(), traces?.close()])
    },
  }
}

function openProcessor(
  config: Config,
  { fence, traces }: { readonly fence: LeaseFence; readonly traces: Traces | undefined },
  [name, url]: readonly [ProcessorName, string],
): Processor {
  const options = {
    name,
    url,
    connections: config.processorConcurrency,
    attemptTimeoutMs: config.attemptTimeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
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
async function startTraces(config: Config, logger: Logger): Promise<Traces | undefined> {
  const { otelExporterOtlpEndpoint: endpoint, traceSample: sample, instanceId } = config
  if (endpoint === undefined) return undefined
  const log = subsystemLogger(logger, 'traces')
  const { openTraces } = await import('../infra/tracing/traces.ts')
  const onExport = (news: 'failing' | 'working'): void =>
    log[news === 'failing' ? 'warn' : 'info']({ news }, 'traces.export')
  return openTraces({ endpoint, sample, instanceId, version: readVersion(), onExport })
}

function openCaches(
  { redisUrl: url, instanceId }: Config,
  logger: Logger,
): { readonly caches: Caches; readonly closeCaches: () => Promise<void> } {
  if (url === undefined) {
    return { caches: createCachesWithoutRedis(), closeCaches: () => Promise.resolve() }
  }
  const log = subsystemLogger(logger, 'redis')
  const connection = connectRedis({ url, onError: (error) => log.warn(error.message) })
  const caches = {
    circuitCache: createRedisCircuitCache(connection, { instanceId }),
    delayedQueue: createRedisDelayedQueue(connection),
    settledSet: createRedisSettledSet(connection),
    figures: createRedisFiguresCache(connection, { instanceId }),
  }
  return { caches, closeCaches: () => connection.close() }
}
