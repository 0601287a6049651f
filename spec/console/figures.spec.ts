// The figures behind the console: what is counted, how it is added up, and who sees it.

import { WebSocket } from 'undici'
import t from 'tap'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import {
  addedCounts,
  countsSince,
  createDurationCounter,
  createCounters,
  type Figures,
  figuresOf,
  parseFigures,
  percentileMs,
} from '../../src/console/figures.ts'
import { createInstances, createSeconds, type Frame } from '../../src/console/instances.ts'
import { createRecentPayments, RECENT_MAX } from '../../src/console/recent.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/infra/process/logger.ts'
import { startPit } from '../../src/app/pit.ts'
import { startPostgres } from '../support/postgres.ts'
import { NO_REDIS, startRedis } from '../support/redis.ts'
import { openPitClient } from '../support/system-client.ts'
import { startWorld } from '../support/system-world.ts'

/** What the payment port has refused. */
const none = (): number => 0

/** The fact of a batch that settled so many cents at each processor, a payment each. */
const recorded = (byDefault: number, fallback: number) => {
  const one = (cents: number) => ({ payments: cents === 0 ? 0 : 1, cents })
  const settled = { default: one(byDefault), fallback: one(fallback) }
  return { type: 'batch.recorded', outcomes: 2, settled, tookMs: 3 } as const
}

const REJECTED = { type: 'payment.rejected', processor: 'default', detail: 'http 400' } as const

const postgres = await startPostgres(t)
const redis = await startRedis(t)

t.test('percentiles are exact to a tenth, for one instance and for several added up', async (t) => {
  const low = createDurationCounter()
  const high = createDurationCounter()
  for (let ms = 1; ms <= 500; ms += 1) low.record(ms)
  for (let ms = 501; ms <= 1_000; ms += 1) high.record(ms)

  const all = addedCounts([low.counts(), high.counts()])
  for (const [share, exact] of [
    [0.5, 500],
    [0.9, 900],
    [0.99, 990],
  ] as const) {
    const found = percentileMs(all, share) ?? 0
    t.ok(found >= exact && found <= exact * 1.1, `${share}: ${found} for ${exact}`)
  }
  t.equal(percentileMs([], 0.5), undefined, 'none of nothing')

  const before = low.counts()
  low.record(7)
  t.same(
    countsSince(low.counts(), before).map(([, count]) => count),
    [1],
  )
})

t.test('a settlement that comes late is no failed attempt', async (t) => {
  const counters = createCounters(none)
  const end = { correlationId: 'a', processor: 'default', reason: 'cheaper', tookMs: 1 } as const

  counters.telemetry.emit({ type: 'attempt.ended', ...end, outcome: 'inDoubt', detail: 'timeout' })
  counters.telemetry.emit({ type: 'attempt.ended', ...end, outcome: 'settled', detail: 'late' })

  t.equal(counters.counted().processors.default.failedAttempts, 1)
})

t.test('the last payments that ended are kept up to a limit, newest first', async (t) => {
  const recent = createRecentPayments(() => 5)
  for (let number = 0; number < RECENT_MAX + 3; number += 1) {
    const correlationId = String(number)
    recent.note({ ...REJECTED, correlationId })
  }

  const rejected = recent.list('rejected')
  t.equal(rejected.length, RECENT_MAX)
  t.same(rejected[0], { correlationId: String(RECENT_MAX + 2), at: 5, note: 'http 400' })
  t.same(recent.list('settled'), [])
})

t.test('a payment that ended is shown with its outcome', async (t) => {
  let now = 1_700_000_000_000
  const recent = createRecentPayments(() => (now += 1))
  const settled = { processor: 'default', amountCents: 1, attemptTookMs: 2 } as const
  recent.note({ type: 'payment.settled', correlationId: 'a', tookMs: 3.14, ...settled })
  recent.note({ type: 'payment.settled', correlationId: 'b', tookMs: 31.4, ...settled })
  recent.note({ type: 'payment.parked', correlationId: 'c', delayMs: 99.6, doubts: 0 })
  recent.note({ type: 'payment.parked', correlationId: 'd', delayMs: 0, doubts: 2 })
  recent.note({ type: 'payment.broken', correlationId: 'e', cause: 'a bug', error: 'a bug' })

  t.same(recent.list('settled'), [
    { correlationId: 'b', at: 1_700_000_000_002, note: 'default, after 31 ms' },
    { correlationId: 'a', at: 1_700_000_000_001, note: 'default, after 3.1 ms' },
  ])
  t.same(recent.list('parked'), [
    { correlationId: 'd', at: 1_700_000_000_004, note: 'in doubt, due at once' },
    { correlationId: 'c', at: 1_700_000_000_003, note: 'due after 100 ms' },
  ])
})

function figures(instanceId: string, counted = createCounters(none).counted()): Figures {
  return figuresOf({ instanceId, startedAt: 1 }, counted, { state: 'accepting', circuits: {} })
}

t.test(
  'an instance disappears after three missed answers of Redis in a row, and not after one',
  async (t) => {
    let isLate = false
    const instances = createInstances(() => figures('own'), {
      publish: () =>
        isLate
          ? Promise.reject(new Error('late'))
          : Promise.resolve({ other: JSON.stringify(figures('other')) }),
    })
    const seen = async (): Promise<number> => {
      await instances.sync()
      return instances.all().length
    }

    t.equal(await seen(), 2)
    isLate = true
    t.same([await seen(), await seen(), await seen()], [2, 2, 1])
    isLate = false
    t.equal(await seen(), 2)
    isLate = true
    t.equal(await seen(), 2, 'the count begins anew')
  },
)

t.test('a second counts what was rejected, paid and left in the database', async (t) => {
  const counters = createCounters(none)
  const seconds = createSeconds()
  const own = (): readonly Figures[] => [figures('own', counters.counted())]
  counters.telemetry.emit(recorded(500, 0))
  seconds.add(1_000, own())
  counters.telemetry.emit(recorded(1_990, 10))
  counters.telemetry.emit({ ...REJECTED, correlationId: 'any' })
  seconds.add(2_000, own(), 7)

  const [first, second] = seconds.since(0)
  t.match(first, { at: 1_000, centsDefault: 0, rejected: 0 })
  t.notOk(first !== undefined && 'parked' in first)
  t.match(second, { at: 2_000, rejected: 1, centsDefault: 1_990, centsFallback: 10, parked: 7 })
})

t.test('published figures are read as they were written', async (t) => {
  const counters = createCounters(none)
  counters.telemetry.emit(recorded(500, 0))
  const own = { ...figures('own', counters.counted()), transitions: { pending: { settled: 1 } } }

  t.strictSame(parseFigures(JSON.stringify(own)), JSON.parse(JSON.stringify(own)))
})

t.test('figures with a missing or malformed part are ignored', async (t) => {
  const own = figures('own')
  for (const name of Object.keys(own)) {
    const lacking = { ...own, [name]: undefined }
    t.equal(parseFigures(JSON.stringify(lacking)), undefined, `without ${name}`)
    const broken = { ...own, [name]: { of: [null] } }
    t.equal(parseFigures(JSON.stringify(broken)), undefined, `another ${name}`)
  }
  for (const text of ['no JSON', '[]', 'null', '{"instanceId":"old"}']) {
    t.equal(parseFigures(text), undefined, text)
  }
})

t.test('figures of version 0.1.0 are read with their transitions', async (t) => {
  const { transitions: _, ...others } = figures('old')
  const flows = { pending: { settled: 1 } }

  t.match(parseFigures(JSON.stringify({ ...others, flows })), { transitions: flows })
})

const skip = redis === undefined && NO_REDIS

t.test(
  'each instance’s console shows all instances, except one that is gone',
  { skip },
  async (t) => {
    if (redis === undefined) return
    const databaseUrl = await postgres.freshDatabase()
    const port = await freePort()
    const world = await startWorld(t, {
      databaseUrl,
      redisUrl: redis.url,
      env: { OPS_PORT: String(port) },
    })
    const config = readConfig({
      PORT: '0',
      OPS_PORT: '0',
      INSTANCE_ID: 'without-console',
      LEASE_TTL_MS: '1500',
      REDIS_URL: redis.url,
    })
    const second = await startPit(
      { ...config, opsPort: await freePort() },
      {
        databaseUrl,
        processorDefaultUrl: world.simulators.default.url,
        processorFallbackUrl: world.simulators.fallback.url,
      },
      createLogger({ level: 'silent', instanceId: config.instanceId }),
    )
    t.teardown(() => second.stop('the spec is over'))
    const latest = watch(t, port)
    const client = openPitClient(t, `http://127.0.0.1:${second.port}`)

    await client.postAll(20)

    const names = (): readonly string[] => latest().instances.map(({ instanceId }) => instanceId)
    await waitUntil({ what: 'both are shown' }, () => names().length === 2)
    await waitUntil({ what: 'the other one’s payments are' }, () => {
      // By whichever processor: on a slow machine the cheaper one may be late.
      const ends = Object.entries(latest().transitions).filter(([name]) =>
        name.endsWith('>settled'),
      )
      return ends.reduce((sum, [, count]) => sum + count, 0) === 20
    })
    t.same(names(), ['spec-1', 'without-console'], 'ours comes first')
    const [, other] = latest().instances
    t.match(other, { state: 'accepting', accepted: 20, circuits: { default: { state: 'closed' } } })

    await redis.own.kill()
    await waitUntil({ what: 'we are alone' }, () => names().length === 1)
    await redis.own.start()
    await waitUntil({ what: 'both are shown again' }, () => names().length === 2)
    await second.stop('it is enough')
    await waitUntil({ what: 'it dropped out' }, () => names().length === 1)
  },
)

/** The latest frame, or an empty one. */
function watch(t: Test, port: number): () => Pick<Frame, 'instances' | 'transitions'> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/console/ws`)
  t.teardown(() => socket.close())
  let latest: Pick<Frame, 'instances' | 'transitions'> = { instances: [], transitions: {} }
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Frame | { readonly type: 'hello' }
    if (message.type === 'frame') latest = message
  })
  return () => latest
}
