// What a rehearsal runs on: an instance beside the one that starts, of the same parts and with the
// same settings, whose payments, facts and figures nobody ever sees.

import { ONE_HISTORY } from '../../actors/model/ledger-history.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'
import { LeaseFence } from '../../actors/ownership/fence.ts'
import { createSupervisor } from '../../actors/supervisor/supervisor.ts'
import { createTotals, totalsTelemetry } from '../../actors/supervisor/totals.ts'
import type { Config } from '../../config/config.ts'
import { createCounters } from '../../console/figures.ts'
import { startHttp } from '../../http/server.ts'
import { createFactsLog, sinks, type Logger } from '../../infra/process/logger.ts'
import { systemClock } from '../../infra/process/system-clock.ts'
import type { RequestEnd } from '../../infra/processor/in-flight-requests.ts'
import { openProcessorPool, type ProcessorRequest } from '../../infra/processor/pool.ts'
import { createCachesWithoutRedis } from '../../infra/redis/without-redis.ts'
import type { WebServer } from '../../server/web-server.ts'
import { openProcessor, type Adapters } from '../adapters.ts'
import { createPitMetrics } from '../ops.ts'
import { becomesReady, createReadiness, ended } from '../readiness.ts'
import { partsOf, type WorkedWith } from '../settings.ts'
import { harmlessLedger, harmlessSettledSet, startHarmlessProcessor } from './harmless-ports.ts'

export interface InstanceParts {
  readonly adapters: Pick<Adapters, 'untraced' | 'settledSet' | 'names'>
  readonly webServer: WebServer
  readonly logger: Logger
}

type Report = (end: RequestEnd) => void

export interface RehearsalInstance {
  /** Posts a new payment as a client does. */
  post(report: Report): void
  /** Asks as a client does for what was settled in the last seconds. */
  askSummary(report: Report): void
  /** Called for each payment that is settled. */
  onSettled: () => void
  /** Rejects when the instance has failed. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Time for the instance's orderly stop, ms. */
const STOP_MS = 300

/** Resolves once the instance takes payments; nothing is left running when it rejects. */
export async function startInstance(
  config: Config,
  parts: InstanceParts,
): Promise<RehearsalInstance> {
  const stops: Stops = []
  const stop = async (): Promise<void> => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne()
  }
  try {
    return await setUp(config, parts, { stops, stop })
  } catch (error) {
    await stop()
    throw error
  }
}

/** What takes down what was put up, first things first. */
type Stops = (() => void | Promise<void>)[]

async function setUp(
  config: Config,
  parts: InstanceParts,
  { stops, stop }: { readonly stops: Stops; readonly stop: () => Promise<void> },
): Promise<RehearsalInstance> {
  const { webServer, logger } = parts
  const adapters = await openAdapters(config, parts, stops)
  const metrics = createPitMetrics(config)
  const counters = createCounters(() => 0)
  const telemetry = sinks(
    createFactsLog(logger.child({}, { level: 'silent' })),
    totalsTelemetry(createTotals()),
    metrics.telemetry,
    counters.telemetry,
    { emit: (fact) => void (fact.type === 'payment.settled' && instance.onSettled()) },
  )
  const settings = { ...config, shutdownDeadlineMs: STOP_MS }
  const supervisor = createSupervisor(partsOf(settings, adapters, telemetry))
  supervisor.start()
  const end = ended(supervisor)
  stops.push(() => {
    supervisor.send({ type: 'stop.requested', cause: 'the rehearsal is over' })
    return end.catch(() => undefined)
  })
  const readiness = createReadiness(adapters.fence, systemClock)
  await becomesReady(supervisor, { readiness, clock: systemClock })
  const record = (us: number): void => {
    metrics.latency.record(us)
    counters.latency.record(us)
  }
  const http = await startHttp({
    webServer,
    listen: { host: '127.0.0.1', port: 0 },
    supervisor,
    limits: { bodyBytesMax: config.httpBodyBytesMax, inFlightMax: config.httpInFlightMax },
    allowPurge: false,
    latency: { record },
  })
  stops.push(() => http.close())
  const instance: RehearsalInstance = {
    ...openClient(`http://127.0.0.1:${http.port}`, stops),
    onSettled: () => undefined,
    ended: end,
    stop,
  }
  return instance
}

/** The real ones where they do no harm, and processors of their own. */
async function openAdapters(
  config: Config,
  { adapters: { untraced, settledSet, names }, webServer }: InstanceParts,
  stops: Stops,
): Promise<WorkedWith> {
  const processor = await startHarmlessProcessor(webServer)
  stops.push(() => processor.close())
  const fence = new LeaseFence(systemClock)
  const open = (name: ProcessorName) => {
    const client = openProcessor(config, { fence, names }, [name, processor.url])
    stops.push(() => client.close())
    return client
  }
  return {
    ...createCachesWithoutRedis(),
    ledger: harmlessLedger(untraced, systemClock),
    settledSet: harmlessSettledSet(settledSet),
    fence,
    history: ONE_HISTORY,
    processors: { default: open('default'), fallback: open('fallback') },
  }
}

/** More than there are ever under way: a request has a connection to itself. */
const CONNECTIONS = 32

/** Bound on a connection, and on an answer, ms. */
const CLIENT_TIMEOUT_MS = 2_000

/** How far a summary goes back, ms. */
const SUMMARY_MS = 10_000

function openClient(url: string, stops: Stops): Pick<RehearsalInstance, 'post' | 'askSummary'> {
  const pool = openProcessorPool({
    url,
    connections: CONNECTIONS,
    connectTimeoutMs: CLIENT_TIMEOUT_MS,
    clock: systemClock,
  })
  stops.push(() => pool.close())
  const send = (request: Pick<ProcessorRequest, 'method' | 'path' | 'body' | 'report'>): void =>
    pool.send({ ...request, timeoutMs: CLIENT_TIMEOUT_MS, mayWrite: () => true, isOwn: () => true })
  return {
    post(report) {
      const body = `{"correlationId":"${crypto.randomUUID()}","amount":19.90}`
      send({ method: 'POST', path: '/payments', body, report })
    },
    askSummary(report) {
      const now = systemClock.wallNow()
      const [from, to] = [now - SUMMARY_MS, now].map((at) => new Date(at).toISOString())
      const path = `/payments-summary?from=${from}&to=${to}`
      send({ method: 'GET', path, body: null, report })
    },
  }
}
