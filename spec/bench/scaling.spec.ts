import t from 'tap'
import { PostgresWatch, WATCHED, waitsOf, workBetween } from '../../bench/scaling/postgres-work.ts'
import {
  costsOf,
  formatWalls,
  lineThrough,
  wallsOf,
  type Sample,
  type Server,
} from '../../bench/scaling/walls.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { acceptMany, DELAYS, lease, request, settled, TTL_MS } from '../contracts/ledger-words.ts'
import { LEDGER, startPostgres } from '../support/postgres.ts'

const server = await startPostgres(t, WATCHED)

t.test('what a ledger has PostgreSQL do is told by what it is for', async (t) => {
  const connectionString = server.pitDatabase
  const applicationName = 'pit spec'
  const ledger = await createPostgresLedger({ ...LEDGER, applicationName, connectionString })
  t.teardown(() => ledger.close())
  const watch = await PostgresWatch.open(connectionString)
  t.teardown(() => watch.close())
  const mine = await lease(ledger)
  const start = await watch.read()

  await acceptMany(ledger, { ...mine, count: 2 })
  await ledger.accept([request(3)], { ...mine, parked: false })
  await ledger.record([settled(1), settled(2)], mine)
  await ledger.renewLease({ ...mine, ttlMs: TTL_MS })
  await ledger.claimDue({ ...mine, limit: 1, ...DELAYS })
  await ledger.takeOver({ ...mine, limit: 1, settleByMs: 1, expired: [] })
  await ledger.listOwned({ ...mine, limit: 9 })
  await ledger.summarize({}, [])
  const work = workBetween(start, await watch.read())

  t.equal(work['accept']?.['calls'], 2)
  t.equal(work['settle']?.['calls'], 1)
  t.equal(work['renewal']?.['calls'], 1)
  t.equal(work['sweep']?.['calls'], 3)
  t.ok((work['accept']?.['walBytes'] ?? 0) > 0)
  t.ok((work['reads']?.['calls'] ?? 0) >= 1)
  t.ok('checkpointer' in work, 'its background is told by kind')
})

t.test('sessions are told by what they wait for', async (t) => {
  const waits = new Map([
    ['CPU', 4],
    ['IO:WalSync', 3],
    ['LWLock:WALWrite', 1],
    ['IPC:SyncRep', 6],
    ['Lock:transactionid', 2],
    ['LWLock:BufferContent', 1],
  ])

  t.same(waitsOf(waits, 2), {
    sessionsOnCpu: 2,
    sessionsAtWal: 2,
    sessionsAtStandby: 3,
    sessionsAtLocks: 1,
    sessionsAtOthers: 0.5,
  })
  t.equal(waitsOf(new Map(), 0)['sessionsOnCpu'], 0)
})

t.test('a line tells what a call costs from what a payment in it costs', async (t) => {
  const points = [1, 0.5, 0.1].map((callsPerPayment) => {
    return { callsPerPayment, costPerPayment: 130 * callsPerPayment + 20 }
  })

  const { perCall, perPayment } = lineThrough(points)
  t.ok(Math.abs(perCall - 130) < 1e-9)
  t.ok(Math.abs(perPayment - 20) < 1e-9)
  t.same(lineThrough(points.slice(0, 1)), { perCall: 0, perPayment: 150 })
})

/** Accepting costs 100 µs a call and 10 a payment, settling 200 and 20, the background 5. */
function sample(change: Pick<Sample, 'instances' | 'load' | 'perSecond'>, calls: number): Sample {
  const { instances, perSecond } = change
  const [acceptUs, settleUs] = [10 + (100 * calls) / perSecond, 20 + (200 * calls) / perSecond]
  const session = { callsPerSecond: calls }
  return {
    ...change,
    services: {
      pits: { cpus: instances * 0.03, cpuUsPerPayment: 100 },
      redis: { cpuUsPerPayment: 5 },
      nginx: { cpuUsPerPayment: 25 },
      postgres: {
        cpus: 0.01 + instances * 0.002,
        cpuUsPerPayment: acceptUs + settleUs + 5,
        walBytesPerPayment: 1_000,
      },
      'postgres: accept': { ...session, cpuUsPerPayment: acceptUs },
      'postgres: settle': { ...session, cpuUsPerPayment: settleUs },
    },
  }
}

const SAMPLES: readonly Sample[] = [
  sample({ instances: 1, load: 'idle', perSecond: 0 }, 0),
  sample({ instances: 4, load: 'idle', perSecond: 0 }, 0),
  sample({ instances: 1, load: 'steady', perSecond: 500 }, 250),
  sample({ instances: 4, load: 'saturation', perSecond: 5_000 }, 400),
]

const SERVER: Server = {
  cores: 10,
  commitMs: 0.8,
  sessions: 20,
  sessionsPerInstance: 8,
  archivedPerSecond: 3_000,
  linkBytesPerSecond: 1e9,
  acceptsPerSecond: 500,
  flushesPerSecond: 50,
  batchMax: 100,
  shards: 16,
}

t.test('costs come from runs without payments, at a rate and at saturation', async (t) => {
  const costs = costsOf(SAMPLES)

  t.match(costs, { pitUs: 100, redisUs: 5, nginxUs: 25, walBytes: 1_000, replayUs: undefined })
  const near = (found: number | undefined, wanted: number): boolean =>
    t.ok(Math.abs((found ?? 0) - wanted) < 1e-6, `${found} is ${wanted}`)
  near(costs?.acceptUs.perCall, 100)
  near(costs?.acceptUs.perPayment, 10)
  near(costs?.settleUs.perCall, 200)
  near(costs?.settleUs.perPayment, 20)
  near(costs?.backgroundUs, 5)
  near(costs?.idleUs.postgres, 2_000)
  near(costs?.idleUs.pit, 30_000)
  for (const load of ['idle', 'steady', 'saturation']) {
    t.equal(costsOf(SAMPLES.filter((each) => each.load !== load)), undefined, `without ${load}`)
  }
})

t.test('walls stand in order, each with its formula', async (t) => {
  const [full] = SAMPLES.slice(-1)
  const replayed = {
    ...sample({ instances: 4, load: 'saturation', perSecond: 5_000 }, 400),
    services: { ...full?.services, standby: {}, 'standby: startup': { cpuUsPerPayment: 8 } },
  }
  const costs = costsOf([...SAMPLES, replayed])
  if (costs === undefined) throw new Error('each load is there')

  const walls = wallsOf(costs, SERVER)

  const found = Object.fromEntries(
    walls.map(({ what, perSecond }) => [what.split(',')[0], Math.round(perSecond)]),
  )
  t.same(found, {
    'the archive': 3_000,
    // Two instances of 10,000 payments/s each.
    'sessions of PostgreSQL': 20_000,
    nginx: 40_000,
    // 100 payments in 0.8 + 0.1 + 1 ms.
    'one connection for accepts': 52_632,
    'a standby that replays the log': 125_000,
    Redis: 200_000,
    // 10 s / (10 + 20 + 5 + (50,000 + 10,000 + 2,000) / 10,000) µs.
    PostgreSQL: 242_718,
    'the log over the link to a standby': 1_000_000,
    // 20 of 1,000 flushes a second fit into each of 16 rows.
    'rows of totals': 3_200_000,
  })
  t.strictSame(
    walls.map(({ perSecond }) => perSecond),
    walls.map(({ perSecond }) => perSecond).toSorted((one, other) => one - other),
  )
  t.match(formatWalls(costs, walls), /accepted 100 µs \+ 10.0 µs × n.*\n\n\| wall/)
})
