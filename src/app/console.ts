// The console and the inspector of one instance, put together from their parts.

import type { WebApp } from '../server/web-server.ts'
import type { Fact, Telemetry } from '../actors/model/facts.ts'
import type { Read } from '../actors/messages.ts'
import type { ExactSummary, ProcessorName, TimeWindow } from '../actors/model/payment.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import type { Config } from '../config/config.ts'
import { Access } from '../console/access.ts'
import { isLoopback } from './listening.ts'
import { BEGINNING, type BooksSource, type RowsSource } from '../console/compared-books.ts'
import { type OnBug, untilItThrows } from '../console/contained.ts'
import { startConsole } from '../console/live-console.ts'
import type { Paced } from '../console/paced-orders.ts'
import type { ActorInspection } from '../console/inspection.ts'
import type { DevStackPanel, SendPayment } from '../console/simulators.ts'
import { createCounters } from '../console/figures.ts'
import type { Adapters, Addresses } from './adapters.ts'
import { countFinal } from '../infra/postgres/all-payments.ts'
import { openPaymentFinder } from '../infra/postgres/payment-finder.ts'
import { PostgresPool } from '../infra/postgres/pool.ts'
import { compareNextHour, findNext, type BucketsWanted } from '../infra/postgres/row-sums.ts'
import { openKeysFile, type KeysFile } from '../infra/process/keys-file.ts'
import { logBug, subsystemLogger, type Logger } from '../infra/process/logger.ts'
import type { Names } from '../infra/dns/names.ts'
import { ProcessorBooks } from '../infra/processor/books.ts'
import { systemClock } from '../infra/process/system-clock.ts'
import { createDifferingSearch, type DifferingSearch } from '../operator/differing-payments.ts'
import { carryOut, giveOrder } from '../operator/paced-command.ts'

export interface PitConsole {
  readonly telemetry: Telemetry
  readonly latency: { record(us: number): void }
  /**
   * Collects figures from now on; to be called once the supervisor runs. No operators’ port, none.
   */
  watch(supervisor: SupervisorActor, whyNotReady: () => string | undefined): Promise<void>
  /** How many bugs it has met since the start; each ends the part of the console that met it. */
  bugs(): number
  /** Adds the pages to the operators' port; after `watch`. */
  extend(app: WebApp): void
  stop(): Promise<void>
}

export interface PitConsoleParts {
  readonly addresses: Addresses
  readonly adapters: Adapters
  readonly logger: Logger
  /** Closed with the console; absent: there are none. */
  readonly keys: KeysFile | undefined
  /** Hears who signs in, and who was refused. */
  readonly hearing: Telemetry
  /** The port of the payment API; 0 while there is none, and on a unix socket. */
  readonly port: () => number
  /** Posts of payments answered 503 since the start. */
  readonly refused: () => number
}

/** Bound on a processor's answer about its books, ms. */
const BOOKS_TIMEOUT_MS = 2_000

export function createPitConsole(
  config: Config,
  { addresses, adapters, logger, keys, hearing, port, refused }: PitConsoleParts,
): PitConsole {
  const access = new Access({
    ...(keys === undefined ? {} : { keys }),
    isLoopback: isLoopback(config.opsHost),
    now: () => systemClock.now(),
    telemetry: hearing,
  })
  const counters = createCounters(refused)
  const log = subsystemLogger(logger, 'console')
  let bugs = 0
  const onBug: OnBug = (part, err) =>
    logBug(log, { part, bugs: (bugs += 1), err }, 'console.broken')
  const broken = new Set<string>()
  const contained = { part: 'counters', onBug, broken }
  let parts: readonly { extend(app: WebApp): void; stop(): void | Promise<void> }[] = []
  const tables = openTables(config, { addresses, names: adapters.names })
  const finder = openPaymentFinder({
    connectionString: addresses.databaseUrl,
    lookup: adapters.names.lookup,
    applicationName: `pit ${config.instanceId} finder`,
  })
  return {
    // Called by actors and by the payment port, which nothing of this may end.
    telemetry: { emit: untilItThrows((fact: Fact) => counters.telemetry.emit(fact), contained) },
    latency: { record: untilItThrows((us: number) => counters.latency.record(us), contained) },
    async watch(supervisor, whyNotReady) {
      if (config.opsPort === 0) return
      const inspection = await inspectionOf(config, supervisor, { logger, access, onBug, broken })
      const console = startConsole({
        instanceId: config.instanceId,
        access,
        clock: systemClock,
        supervisor,
        whyNotReady,
        counters,
        onBug,
        broken,
        ...(adapters.figures === undefined ? {} : { cache: adapters.figures }),
        ...(adapters.outages === undefined ? {} : { outagesCache: adapters.outages }),
        countRedisFailures: () => [...adapters.redisFailures.values()].reduce((a, b) => a + b, 0),
        countOpen: () => adapters.ledger.countOpen(),
        countFinal: () => countFinal(tables),
        commands: { ledger: adapters.ledger, telemetry: hearing, paced: pacedIn(tables) },
        books: {
          ...booksOf(config, { addresses, names: adapters.names }, supervisor),
          rows: rowsIn(tables),
        },
        ...differingOf(config, { addresses, names: adapters.names }, tables),
        finder,
        ...panelOf(config, addresses, port),
        fees: { default: config.processorDefaultFee, fallback: config.processorFallbackFee },
        ...(inspection === undefined ? {} : { inspection }),
      })
      parts = inspection === undefined ? [console] : [console, inspection]
    },
    bugs: () => bugs,
    extend: (app) => {
      for (const part of parts) part.extend(app)
    },
    stop: async () => {
      for (const part of parts) await part.stop()
      keys?.close()
      // Nobody waits for it: the statement that runs has its bound.
      void Promise.all([tables.close(), finder.close()])
    },
  }
}

/** Throws an error of one sentence where the file cannot be read. */
export function openKeys({ keysFile, opsPort }: Config, logger: Logger): KeysFile | undefined {
  if (keysFile === undefined || opsPort === 0) return undefined
  const log = subsystemLogger(logger, 'operators')
  return openKeysFile(keysFile, {
    onRead: (keys) => log.info({ file: keysFile, keys }, 'keys.read'),
    onFault: (fault) => log.error({ file: keysFile, fault }, 'keys.unread'),
  })
}

/** None on a unix socket, where a test payment could not be sent to. */
function panelOf(
  { listen }: Config,
  { simulators }: Addresses,
  port: () => number,
): { readonly panel?: DevStackPanel } {
  if (simulators === undefined || 'socket' in listen) return {}
  return { panel: { simulators, sendPayment: paymentSender(port) } }
}

/** Bound on an answer to a test payment, ms. */
const TEST_PAYMENT_TIMEOUT_MS = 5_000

/** The largest amount of one, in cents; the smallest is one cent. */
const TEST_AMOUNT_CENTS_MAX = 10_000

/** What sends a payment to this instance as a client does; its port is known once it listens. */
export function paymentSender(port: () => number): SendPayment {
  return async () => {
    const correlationId = crypto.randomUUID()
    const amount = (1 + Math.floor(Math.random() * TEST_AMOUNT_CENTS_MAX)) / 100
    const response = await fetch(`http://127.0.0.1:${port()}/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ correlationId, amount }),
      signal: AbortSignal.timeout(TEST_PAYMENT_TIMEOUT_MS),
    })
    await response.arrayBuffer()
    return { correlationId, status: response.status }
  }
}

/** Bound on comparing an hour of rows, ms; the server's own is a little shorter. */
const ROWS_TIMEOUT_MS = 5_000
const ROWS_STATEMENT_TIMEOUT_MS = 4_000

/** A connection of its own, made when it is needed: payments never wait behind it. */
function openTables(
  { instanceId }: Config,
  { addresses, names }: { readonly addresses: Addresses; readonly names: Names },
): PostgresPool {
  return new PostgresPool({
    connectionString: addresses.databaseUrl,
    lookup: names.lookup,
    applicationName: `pit ${instanceId} console`,
    connectTimeoutMs: 1_000,
    size: 1,
    timeoutMs: ROWS_TIMEOUT_MS,
    statementTimeoutMs: ROWS_STATEMENT_TIMEOUT_MS,
    commits: 'onDisk',
  })
}

function pacedIn(tables: PostgresPool): Paced {
  return {
    give: (order) => giveOrder(tables, order),
    carryOut: (order) => carryOut(tables, order),
  }
}

/** All widths of buckets, and as many differences as are worth counting. */
const BUCKETS: BucketsWanted = { levels: [0, 1, 2, 3], limit: 1_000 }

function rowsIn(tables: PostgresPool): RowsSource {
  return {
    first: async (from) => (await findNext(tables, from)).row,
    compare: async (window) => {
      const hour = await compareNextHour(tables, window, BUCKETS)
      if (hour === undefined) return undefined
      const count = (number: number): number =>
        hour.buckets.filter(({ processor }) => processor === number).length
      return { to: hour.to, differing: { default: count(1), fallback: count(2) } }
    },
  }
}

/** Loaded only when it is on: Stately's package takes 11 MB. */
async function inspectionOf(
  { inspect, inspectSample: oneIn }: Config,
  supervisor: SupervisorActor,
  {
    logger,
    ...bugs
  }: {
    readonly logger: Logger
    readonly access: Access
    readonly onBug: OnBug
    readonly broken: Set<string>
  },
): Promise<ActorInspection | undefined> {
  if (!inspect) return undefined
  const { createInspection } = await import('../console/inspection.ts')
  const log = subsystemLogger(logger, 'inspection')
  const now = (): number => systemClock.now()
  const onDropped = (messages: number): void => log.warn({ messages }, 'inspection.thinned')
  return createInspection({ supervisor, oneIn, now, onDropped, ...bugs })
}

function differingOf(
  config: Config,
  { addresses, names: { lookup } }: { readonly addresses: Addresses; readonly names: Names },
  tables: PostgresPool,
): { readonly differing?: DifferingSearch } {
  const token = config.processorToken ?? addresses.processorToken
  if (token === undefined) return {}
  const urls = { default: addresses.processorDefaultUrl, fallback: addresses.processorFallbackUrl }
  const of = (name: ProcessorName) => ({ name, url: urls[name], token, lookup })
  const books = { default: of('default'), fallback: of('fallback') }
  return { differing: createDifferingSearch({ tables, books }) }
}

function booksOf(
  config: Config,
  { addresses, names }: { readonly addresses: Addresses; readonly names: Names },
  supervisor: SupervisorActor,
): Omit<BooksSource, 'rows'> {
  const from = addresses.booksFrom ?? BEGINNING
  const token = config.processorToken ?? addresses.processorToken
  const urls = { default: addresses.processorDefaultUrl, fallback: addresses.processorFallbackUrl }
  const readOurs = (window: TimeWindow): Promise<ExactSummary | undefined> =>
    new Promise((resolve) => {
      const replyTo = (answer: Read<ExactSummary>): void =>
        resolve(answer.kind === 'found' ? answer.value : undefined)
      supervisor.send({ type: 'summary.requested', window, replyTo })
    })
  if (token === undefined) return { from, readOurs }
  const { lookup } = names
  const open = (name: ProcessorName): ProcessorBooks =>
    new ProcessorBooks({ name, url: urls[name], token, timeoutMs: BOOKS_TIMEOUT_MS, lookup })
  const theirs = { default: open('default'), fallback: open('fallback') }
  return {
    from,
    readOurs,
    readTheirs: async (name, window) => {
      const answer = await theirs[name].total(window)
      if (answer.kind !== 'answered') return undefined
      // The page draws numbers: beyond 2^53 cents they are rounded.
      const { payments, cents } = answer.value
      return { payments: Number(payments), cents: Number(cents) }
    },
  }
}
