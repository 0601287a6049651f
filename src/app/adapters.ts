// The adapters of one instance: the ledger, the boards, both processors, and the lease's fence.

import { LeaseFence } from '../actors/ownership/fence.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type {
  HealthBoard,
  Ledger,
  Processor,
  RetryBoard,
  SettledBoard,
} from '../actors/model/ports.ts'
import type { Config } from '../config/config.ts'
import { createAloneBoards } from '../infra/redis/without-redis.ts'
import { subsystemLogger, type Logger } from '../infra/process/logger.ts'
import { createPostgresLedger } from '../infra/postgres/ledger.ts'
import { createProcessorClient } from '../infra/processor/client.ts'
import { connectRedis } from '../infra/redis/redis-connection.ts'
import { createRedisFiguresBoard, type FiguresBoard } from '../infra/redis/figures-cache.ts'
import { createRedisHealthBoard } from '../infra/redis/circuit-cache.ts'
import { createRedisRetryBoard } from '../infra/redis/delayed-queue.ts'
import { createRedisSettledBoard } from '../infra/redis/settled-set.ts'
import { systemClock } from '../infra/process/system-clock.ts'
import { readVersion } from '../infra/process/release.ts'
import type { Traces } from '../infra/tracing/traces.ts'

/** Where the surroundings are; from the configuration, or started because it names none. */
export interface Addresses {
  readonly databaseUrl: string
  readonly processorDefaultUrl: string
  readonly processorFallbackUrl: string
  /** For the processors' own books; known here when their simulators were started here. */
  readonly processorToken?: string
}

export interface Boards {
  readonly health: HealthBoard
  readonly retry: RetryBoard
  readonly settled: SettledBoard
  /** Absent without Redis. */
  readonly figures?: FiguresBoard
}

export interface Adapters extends Boards {
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
  logger: Logger,
): Promise<Adapters> {
  const fence = new LeaseFence()
  const ledger = await createPostgresLedger({
    connectionString: addresses.databaseUrl,
    applicationName: `pit ${config.instanceId}`,
    poolMax: config.databasePool,
    acceptTimeoutMs: ACCEPT_TIMEOUT_MS,
  })
  const { boards, closeBoards } = openBoards(config, logger)
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
    ...boards,
    async close() {
      await Promise.all([processors.default.close(), processors.fallback.close()])
      await Promise.all([ledger.close(), closeBoards(), traces?.close()])
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
    lookUpTimeoutMs: config.lookupTimeoutMs,
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

function openBoards(
  { redisUrl: url, instanceId }: Config,
  logger: Logger,
): { readonly boards: Boards; readonly closeBoards: () => Promise<void> } {
  if (url === undefined) {
    return { boards: createAloneBoards(), closeBoards: () => Promise.resolve() }
  }
  const log = subsystemLogger(logger, 'redis')
  const connection = connectRedis({ url, onError: (error) => log.warn(error.message) })
  const boards = {
    health: createRedisHealthBoard(connection, { instanceId }),
    retry: createRedisRetryBoard(connection),
    settled: createRedisSettledBoard(connection),
    figures: createRedisFiguresBoard(connection, { instanceId }),
  }
  return { boards, closeBoards: () => connection.close() }
}
