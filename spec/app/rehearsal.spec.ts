import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type { Clock, Ledger } from '../../src/actors/model/ports.ts'
import { createAdapters } from '../../src/app/adapters.ts'
import { startPit, type Pit } from '../../src/app/pit.ts'
import { rehearse } from '../../src/app/rehearsal/rehearsal.ts'
import { readConfig } from '../../src/config/config.ts'
import { createNames } from '../../src/infra/dns/names.ts'
import { createLogger, type Logger } from '../../src/infra/process/logger.ts'
import { systemClock } from '../../src/infra/process/system-clock.ts'
import { createCachesWithoutRedis } from '../../src/infra/redis/without-redis.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import { settled } from '../support/actor-system.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { CHARGE } from '../support/processor.ts'
import { answer, startRawProcessor } from '../support/raw-processor.ts'
import { openRedis } from '../support/redis.ts'
import { scriptedPort } from '../support/scripted-port.ts'
import { StandingTime } from '../support/standing-time.ts'

const server = await startPostgres(t)
const redis = await openRedis(t)
const webServer = await loadWebServer('auto')

/** So long that no rehearsal of a spec ends by it. */
const NEVER = { WARM_UP_MS: '60000' }

t.test(
  'a rehearsal leaves nothing in PostgreSQL, Redis, traces and log, and calls no processor',
  async (t) => {
    const collector = await startRawProcessor(t, answer(200))
    const processor = await startRawProcessor(t, answer(200))
    const databaseUrl = await server.freshDatabase()
    const config = readConfig({
      ...NEVER,
      ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      TRACE_SAMPLE: '1',
    })
    const { logger, lines, events } = recordingLogger()
    const addresses = {
      databaseUrl,
      processorDefaultUrl: processor.url,
      processorFallbackUrl: processor.url,
    }
    const adapters = await createAdapters(config, addresses, {
      logger,
      telemetry: { emit: () => undefined },
    })
    const begun = lines().length
    const settledByOthers = { ...CHARGE, processor: 'default' } as const
    await adapters.settledSet.add([settledByOthers])
    const before = await keysIn(redis?.url)
    const added: unknown[] = []
    const { settledSet } = adapters
    const watched = { ...settledSet, add: async (entries: unknown) => void added.push(entries) }
    const watching = { ...adapters, settledSet: watched }

    const parts = { adapters: watching, webServer, clock: systemClock, logger, payments: 120 }

    // On a slow machine a commit may take longer than a client is let wait for it.
    await waitUntil({ what: 'a rehearsal to its end' }, async () => {
      await rehearse(config, parts)
      return events().includes('rehearsal.ended')
    })

    // A Redis that is slow is told of.
    const others = lines()
      .slice(begun)
      .filter(({ subsystem }) => subsystem !== 'rehearsal' && subsystem !== 'redis')
    t.strictSame(others, [])
    t.strictSame(await rowsIn(databaseUrl), { payments: 0, totals: 0, leases: 0, purges: 0 })
    t.strictSame(await keysIn(redis?.url), before)
    t.strictSame(added, [], 'nor was anything there for a moment')
    if (redis !== undefined) t.strictSame(await adapters.settledSet.read(), [settledByOthers])
    await adapters.settledSet.clear()
    await adapters.close()
    t.strictSame(collector.requests, [])
    t.strictSame(processor.requests, [])
  },
)

t.test('an instance is ready once its rehearsal is over, and counts none of it', async (t) => {
  const { starting, opsPort, events } = await startRehearsing(t, { WARM_UP_MS: '1500' })
  await waitUntil({ what: '/readyz answers 200' }, async () => {
    const status = await statusOf(`http://127.0.0.1:${opsPort}/readyz`)
    return status === 200
  })

  t.match(events(), [/^rehearsal\.(?:ended|failed)$/])
  const pit = await starting
  const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()
  const counted = metrics.split('\n').filter((line) => COUNTER.test(line) && !line.endsWith(' 0'))
  t.strictSame(counted, [])
  const summary = await (await fetch(`http://127.0.0.1:${pit.port}/payments-summary`)).json()
  const none = { totalRequests: 0, totalAmount: 0 }
  t.strictSame(summary, { default: none, fallback: none })
})

t.test(
  'a rehearsal that has no time fails, and the instance takes payments all the same',
  async (t) => {
    const { starting, events } = await startRehearsing(t, { WARM_UP_MS: '1' })

    const { port } = await starting

    t.strictSame(events(), ['rehearsal.failed'])
    t.equal(await post(port), 202)
  },
)

t.test('where payments are open a start rehearses nothing', async (t) => {
  const ledger = scriptedPort<Ledger>()
  const { rehearsing, events } = await beginRehearsal(t, ledger.port, { clock: systemClock })
  ;(await ledger.called('countOpen')).answer({ parked: 0, owned: 1 })

  await rehearsing

  t.strictSame(events(), ['rehearsal.skipped'])
  t.strictSame(ledger.waiting, [])
})

t.test('without a time for it a start rehearses nothing', async (t) => {
  const ledger = scriptedPort<Ledger>()
  const clock = systemClock
  const { rehearsing, events } = await beginRehearsal(t, ledger.port, { clock, WARM_UP_MS: '0' })

  await rehearsing

  t.strictSame(events(), [])
  t.strictSame(ledger.waiting, [])
})

t.test('a rehearsal ends within its bound whatever PostgreSQL does not answer', async (t) => {
  const clock = new StandingTime()
  const ledger = scriptedPort<Ledger>()
  const { rehearsing, events } = await beginRehearsal(t, ledger.port, { clock })
  let isOver = false
  void rehearsing.then(() => (isOver = true))

  await ledger.called('countOpen')
  clock.increment(59_999)
  await settled()
  t.notOk(isOver)
  clock.increment(1)

  await rehearsing
  t.strictSame(events(), ['rehearsal.failed'])
})

t.test('a rehearsal whose commits hang is taken down before its bound', async (t) => {
  const clock = new StandingTime()
  const ledger = scriptedPort<Ledger>()
  const { rehearsing, events } = await beginRehearsal(t, ledger.port, { clock })

  ;(await ledger.called('countOpen')).answer({ parked: 0, owned: 0 })
  await ledger.called('accept')
  clock.increment(54_000)

  await rehearsing
  t.strictSame(events(), ['rehearsal.ended'])
})

t.test('a rehearsal goes on after a commit that failed, and ends where all fail', async (t) => {
  const ledger = scriptedPort<Ledger>()
  const { rehearsing, lines } = await beginRehearsal(t, ledger.port, { clock: systemClock })
  ;(await ledger.called('countOpen')).answer({ parked: 0, owned: 0 })
  let isOver = false
  void rehearsing.then(() => (isOver = true))

  let commits = 0
  const failAll = async (): Promise<void> => {
    while (!isOver) {
      ;(await ledger.called('accept')).fail(new LedgerUnavailable('accept', 'none', 'a lock'))
      commits += 1
    }
  }
  void failAll()

  await rehearsing
  t.ok(commits > 1)
  const cause = 'requests were answered 503, not 202'
  t.match(lines(), [{ level: 'warn', msg: 'rehearsal.failed', cause }])
})

/** A counter in Prometheus' text. */
const COUNTER = /^pit_\w+(?:_total|_count)\b/

/** Begins with this ledger, and no Redis. */
async function beginRehearsal(
  t: Test,
  untraced: Ledger,
  { clock, ...env }: { readonly clock: Clock; readonly WARM_UP_MS?: string },
): Promise<Recording & { readonly rehearsing: Promise<void> }> {
  const recording = recordingLogger()
  const names = createNames()
  t.teardown(() => names.close())
  const adapters = { untraced, settledSet: createCachesWithoutRedis().settledSet, names }
  const parts = { adapters, webServer, clock, logger: recording.logger }
  return { ...recording, rehearsing: rehearse(readConfig({ ...NEVER, ...env }), parts) }
}

/** A whole instance on an empty database. */
async function startRehearsing(
  t: Test,
  env: { readonly WARM_UP_MS: string },
): Promise<Recording & { readonly starting: Promise<Pit>; readonly opsPort: number }> {
  const recording = recordingLogger()
  const processor = await startRawProcessor(t, answer(200))
  const opsPort = await freePort()
  const config = readConfig({ ...env, PORT: '0', OPS_PORT: String(opsPort) })
  const addresses = {
    databaseUrl: await server.freshDatabase(),
    processorDefaultUrl: processor.url,
    processorFallbackUrl: processor.url,
  }
  const starting = startPit(config, addresses, recording.logger)
  t.teardown(async () => (await starting).stop('the spec is over'))
  return { ...recording, starting, opsPort }
}

interface Recording {
  readonly logger: Logger
  /** What was logged so far. */
  lines(): readonly Record<string, unknown>[]
  /** The lines of it that say what became of the rehearsal. */
  events(): readonly unknown[]
}

function recordingLogger(): Recording {
  const written: Record<string, unknown>[] = []
  const destination = {
    write: (line: string) => void written.push(JSON.parse(line) as Record<string, unknown>),
  }
  const logger = createLogger({ level: 'trace', instanceId: 'spec', destination })
  const ofRehearsal = (): typeof written =>
    written.filter(({ subsystem }) => subsystem === 'rehearsal')
  return { logger, lines: () => written, events: () => ofRehearsal().map(({ msg }) => msg) }
}

async function rowsIn(databaseUrl: string): Promise<unknown> {
  const [row] = await runSql(
    databaseUrl,
    `SELECT (SELECT count(*)::int FROM payments) AS payments,
      (SELECT count(*)::int FROM settled_totals) AS totals,
      (SELECT count(*)::int FROM leases) AS leases,
      (SELECT sum(count)::int FROM purges) AS purges`,
  )
  return row
}

/** The keys that Redis has; none without one. */
async function keysIn(url: string | undefined): Promise<readonly string[]> {
  if (url === undefined) return []
  const client = new Redis(url)
  const keys = await client.keys('*')
  client.disconnect()
  return keys
}

/** Undefined while nothing listens there. */
function statusOf(url: string): Promise<number | undefined> {
  return fetch(url).then(
    ({ status }) => status,
    () => undefined,
  )
}

async function post(port: number): Promise<number> {
  const { status } = await fetch(`http://127.0.0.1:${port}/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ correlationId: CHARGE.correlationId, amount: 19.9 }),
  })
  return status
}
