// The operators' port of one instance, and the metrics that it serves.

import type { WebServer } from '../server/web-server.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import type { Config } from '../config/config.ts'
import { hasOwnOrigin } from '../console/origin-check.ts'
import { startOps, type OpsServer } from '../http/ops.ts'
import type { HttpServer } from '../http/server.ts'
import { systemClock } from '../infra/process/system-clock.ts'
import { createMetrics, type Metrics } from '../infra/metrics/metrics.ts'
import { readVersion } from '../infra/process/project-file.ts'
import type { Adapters } from './adapters.ts'
import type { PitConsole } from './console.ts'
import { isLoopback, listensAt, operatorsAddress } from './listening.ts'

/** What the port shows. */
export interface OpsParts {
  readonly adapters: Adapters
  readonly supervisor: SupervisorActor
  readonly metrics: Metrics
  /** The payment port; undefined until it listens. */
  readonly http: () => HttpServer | undefined
  readonly console: PitConsole
  readonly webServer: WebServer
}

/** Counts from now on. */
export function createPitMetrics(config: Config): Metrics {
  const { instanceId, processorDefaultFee, processorFallbackFee } = config
  const fees = { default: processorDefaultFee, fallback: processorFallbackFee }
  return createMetrics({ instanceId, version: readVersion(), fees })
}

/** Listens, or does nothing when the configuration wants no such port. */
export async function openOps(config: Config, parts: OpsParts): Promise<OpsServer | undefined> {
  const { opsHost: host, opsPort: port } = config
  if (port === 0) return undefined
  const { adapters, metrics, http, console, webServer } = parts
  const whyNotReady = () => whyNot(adapters.readiness.whyNot(), parts)
  const sources = {
    isReady: () => whyNotReady() === undefined,
    holdsLease: () => adapters.fence.holds(systemClock.now()),
    edge: () => ({ refused: http()?.refused() ?? 0, inFlight: http()?.inFlight() ?? 0 }),
    countOpen: () => adapters.ledger.countOpen(),
    redisFailures: () => adapters.redisFailures,
    consoleBugs: () => console.bugs(),
  }
  const started = startOps({
    webServer,
    host,
    port,
    // Others than browsers call from elsewhere, and by any name: probes, Prometheus.
    ...(isLoopback(host) ? { admits: hasOwnOrigin } : {}),
    whyNotReady,
    remark: () => {
      const asks = adapters.history.doubtUntil(systemClock.now()) !== undefined
      const said = [asks ? [ASKING] : [], adapters.readiness.isDoubled() ? [DOUBLED] : []].flat()
      return said.length === 0 ? undefined : said.join(' ')
    },
    metrics: (accept) => metrics.scrape(sources, accept),
    version: readVersion(),
    extend: (app) => console.extend(app),
  })
  return listensAt(operatorsAddress(config), started)
}

const ASKING =
  'PostgreSQL was restored or failed over, or another system uses this REDIS_KEY_PREFIX: each payment is looked up at both processors before it is charged.'

const DOUBLED =
  'Another process runs under the same INSTANCE_ID: give each its own, payments are safe meanwhile.'

/**
 * Why payments are not let in or cannot be committed, for operators; undefined: they can be.
 * @param reason why nothing can be committed, as far as is known
 */
export function whyNot(
  reason: string | undefined,
  { supervisor, http }: Pick<OpsParts, 'supervisor' | 'http'>,
): string | undefined {
  if (http() === undefined) return reason ?? 'This instance is starting.'
  return supervisor.getSnapshot().hasTag('ready') ? reason : 'This instance is draining.'
}
