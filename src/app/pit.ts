// One Pit instance: configuration → adapters → actors → HTTP, and back again.

import { loadWebServer } from '../server/load-server.ts'
import type { WebServer } from '../server/web-server.ts'
import { createSupervisor, type SupervisorActor } from '../actors/supervisor/supervisor.ts'
import { createTotals, totalsTelemetry } from '../actors/supervisor/totals.ts'
import type { Telemetry } from '../actors/model/facts.ts'
import type { Config } from '../config/config.ts'
import type { OpsServer } from '../http/ops.ts'
import { startHttp, type HttpServer } from '../http/server.ts'
import { createAdapters, type Addresses, type Told } from './adapters.ts'
import { createPitConsole, openKeys } from './console.ts'
import { createPitMetrics, openOps, whyNot } from './ops.ts'
import { clientsAddress, listensAt } from './listening.ts'
import { becomesReady, ended } from './readiness.ts'
import { rehearse } from './rehearsal/rehearsal.ts'
import { partsOf } from './settings.ts'
import { createFactsLog, sinks } from '../infra/process/logger.ts'
import { logBug, subsystemLogger, type Logger } from '../infra/process/logger.ts'
import { startPerformanceLog } from '../infra/process/logger.ts'
import { systemClock } from '../infra/process/system-clock.ts'

export interface Pit {
  /** TCP port of the payment API; 0 on a unix socket. */
  readonly port: number
  /** 0 where the configuration wants no such port. */
  readonly opsPort: number
  /** Which server runs under both ports. */
  readonly webServer: WebServer['name']
  /** Resolves once the instance has stopped by itself, because it had to. */
  readonly stopped: Promise<void>
  /** Whether an operator has drained it. */
  readonly isDrained: () => boolean
  /** Drains and stops within the configured deadline; may be called more than once. */
  stop(cause: string): Promise<void>
}

/**
 * Starts an instance and waits until it accepts payments. Rejects with an error of one clear
 * sentence when the ledger, a lease, a port or a socket cannot be had; nothing is left running then.
 */
export async function startPit(config: Config, addresses: Addresses, logger: Logger): Promise<Pit> {
  if (config.loseAcceptedPaymentsOnCrash) logger.warn(LOSES_PAYMENTS)
  const webServer = await webServerOf(config, logger)
  const totals = createTotals()
  // No session of the ledger is opened before the actors run, and nobody signs in.
  const late: { telemetry?: Telemetry } = {}
  const hearing: Telemetry = { emit: (fact) => late.telemetry?.emit(fact) }
  const { keys, adapters } = await openAll(config, addresses, { logger, telemetry: hearing })
  let http: HttpServer | undefined
  const port = (): number => http?.port ?? 0
  const refused = (): number => http?.refused() ?? 0
  const parts = { addresses, adapters, logger, keys, hearing, port, refused }
  const console = createPitConsole(config, parts)
  const metrics = createPitMetrics(config)
  const drain = hearDrain(() => http?.stopAccepting())
  const telemetry = sinks(
    drain.telemetry,
    createFactsLog(logger),
    totalsTelemetry(totals),
    metrics.telemetry,
    console.telemetry,
    adapters.readiness.telemetry,
  )
  late.telemetry = telemetry
  const supervisor = createSupervisor(partsOf(config, adapters, telemetry))
  const end = ended(supervisor)
  const performanceLog = startPerformanceLog(logger, totals, refused)
  let ops: OpsServer | undefined
  const closeAll = async (): Promise<void> => {
    performanceLog.stop()
    http?.close()
    ops?.close()
    await console.stop()
    await adapters.close()
  }
  try {
    supervisor.start()
    const parts = { supervisor, http: () => http }
    await console.watch(supervisor, () => whyNot(adapters.readiness.heard(), parts))
    const shown = { adapters, metrics, console, webServer, ...parts }
    ops = await openOps(config, shown)
    await becomesReady(supervisor, { readiness: adapters.readiness, clock: systemClock })
    await rehearse(config, { adapters, webServer, clock: systemClock, logger })
    const latencies = [performanceLog.latency, metrics.latency, console.latency]
    http = await openHttp(config, { webServer, supervisor }, latencies)
  } catch (error) {
    supervisor.send({ type: 'stop.requested', cause: 'start failed' })
    await end.catch(() => undefined)
    await closeAll()
    throw error
  }
  const stopped = end.then(closeAll, async (error: unknown) => {
    logBug(subsystemLogger(logger, 'supervisor'), { err: error }, 'supervisor.failed')
    await closeAll()
    throw error
  })
  return {
    port: http.port,
    opsPort: ops?.port ?? 0,
    webServer: webServer.name,
    stopped,
    isDrained: drain.isOrdered,
    stop: (cause) => {
      http?.stopAccepting()
      supervisor.send({ type: 'stop.requested', cause })
      return stopped
    },
  }
}

/** Hears whether an operator drains this instance. */
function hearDrain(onOrdered: () => void): { telemetry: Telemetry; isOrdered: () => boolean } {
  let isOrdered = false
  const emit: Telemetry['emit'] = (fact) => {
    if (fact.type !== 'drain.started' || fact.command === undefined) return
    isOrdered = true
    onOrdered()
  }
  return { telemetry: { emit }, isOrdered: () => isOrdered }
}

/** The keys first, so that a file which cannot be read leaves nothing open. */
async function openAll(config: Config, addresses: Addresses, told: Told) {
  const keys = openKeys(config, told.logger)
  try {
    return { keys, adapters: await createAdapters(config, addresses, told) }
  } catch (error) {
    keys?.close()
    throw error
  }
}

/** A warning for the log and for the terminal. */
export const LOSES_PAYMENTS =
  'LOSE_ACCEPTED_PAYMENTS_ON_CRASH is on: clients are answered before the commit, and a crash ' +
  'loses payments that they take for safe'

async function webServerOf(config: Config, logger: Logger): Promise<WebServer> {
  const webServer = await loadWebServer(config.httpServer)
  const { insteadOf: reason } = webServer
  const cost = 'at full load a payment takes 1.3 to 2.2 times the CPU on node:http'
  if (reason !== undefined) subsystemLogger(logger, 'http').warn({ reason, cost }, 'http.node')
  return webServer
}

async function openHttp(
  config: Config,
  { webServer, supervisor }: { webServer: WebServer; supervisor: SupervisorActor },
  latencies: readonly { record(us: number): void }[],
): Promise<HttpServer> {
  const { listen, allowPurge, httpBodyBytesMax, httpInFlightMax } = config
  const limits = { bodyBytesMax: httpBodyBytesMax, inFlightMax: httpInFlightMax }
  const record = (us: number): void => {
    for (const latency of latencies) latency.record(us)
  }
  const options = { webServer, listen, supervisor, limits, allowPurge, latency: { record } }
  return listensAt(clientsAddress(config), startHttp(options))
}
