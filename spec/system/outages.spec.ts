import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import t from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { startOwnPostgres, startPostgres } from '../support/postgres.ts'
import { NO_REDIS, startRedis } from '../support/redis.ts'
import { answered, startLoad, unexpected, whileRefused } from '../support/system-client.ts'
import { HASTY, startWorld } from '../support/system-world.ts'

const postgres = await startPostgres(t)

t.test('an id is paid once, however often and whenever it is posted', async (t) => {
  const world = await startWorld(t, { databaseUrl: await postgres.freshDatabase() })
  const { simulators } = world
  const correlationId = randomUUID()
  const same = { correlationId, amountCents: 1_990 }
  const isRepeated = async (when: string): Promise<void> => {
    const upper = correlationId.toUpperCase()
    const body = `{"amount":1.99e1,"correlationId":"${upper}"}`
    const { client } = world
    const answers = [
      await whileRefused(() => client.post(same)),
      await whileRefused(() => client.status('POST', '/payments', body)),
      await whileRefused(() => client.post({ ...same, amountCents: 1_991 })),
    ]
    t.strictSame(answers, [202, 202, 409], `${when}: again, in capitals, with another amount`)
  }
  simulators.default.setDelay(300)

  const atOnce = await Promise.all(
    Array.from({ length: 30 }, () => whileRefused(() => world.client.post(same))),
  )
  t.strictSame([...new Set(atOnce)], [202], 'at once')
  await waitUntil({ what: 'it is sent' }, () => {
    return simulators.default.sends().received === 1
  })
  await isRepeated('in flight')
  await world.booksAgree(t)
  await isRepeated('once settled')
  await world.restart()
  await isRepeated('after a restart')

  await world.booksAgree(t)
  t.equal(simulators.default.sends().received, 1)
  t.equal(simulators.fallback.sends().received, 0)
})

t.test('one of two amounts posted at once for one id is accepted', async (t) => {
  const databaseUrl = await postgres.freshDatabase()
  const world = await startWorld(t, { databaseUrl, instances: 2 })
  const [first, second] = world.clients
  if (first === undefined || second === undefined) throw new Error('two instances run')

  for (let round = 0; round < 20; round += 1) {
    const correlationId = randomUUID()
    const answers = await Promise.all([
      whileRefused(() => first.post({ correlationId, amountCents: 100 })),
      whileRefused(() => second.post({ correlationId, amountCents: 200 })),
    ])
    t.strictSame(answers.toSorted(), [202, 409])
    // What the register has is the first one's; the taken amount may be the second one's.
    const amountCents = answers[0] === 202 ? 100 : 200
    world.client.register.set(correlationId, { amountCents, accepted: true })
  }

  await world.booksAgree(t)
})

t.test('a payment’s status is settled as soon as a summary counts it', async (t) => {
  // It is asked for before it is written.
  const env = { FLUSH_WINDOW_MS: '10000', ROUTE_SLOW_MS: '60000', ROUTE_WAIT_MAX_MS: '60000' }
  const { client } = await startWorld(t, { databaseUrl: await postgres.freshDatabase(), env })
  const [id = ''] = await client.postAll(1)

  await waitUntil({ what: 'a summary counts it' }, async () => {
    return (await client.summary({}))?.default.payments === 1
  })
  const paymentStatus = await client.paymentStatus(id)

  t.match(paymentStatus, { state: 'settled', processor: 'default', attempts: [] })
  t.type(typeof paymentStatus === 'object' ? paymentStatus.requestedAt : undefined, 'string')
})

t.test('two instances share a database without Redis', async (t) => {
  const databaseUrl = await postgres.freshDatabase()
  const world = await startWorld(t, { databaseUrl, instances: 2 })
  const twice = Array.from({ length: 60 }, () => ({ correlationId: randomUUID(), amountCents: 77 }))

  const load = startLoad(t, world.clients, 5)
  const answers = await Promise.all(
    twice.flatMap((payment) =>
      world.clients.map((client) => whileRefused(() => client.post(payment))),
    ),
  )
  await answered(load, 202, 150)
  await load.stop()

  t.strictSame([...new Set(answers)], [202])
  t.strictSame(unexpected(load), [])
  await world.booksAgree(t)
  const { default: first, fallback } = world.simulators
  t.equal(
    first.sends().outcomes.known + fallback.sends().outcomes.known,
    0,
    'nothing was sent twice',
  )
})

t.test('clients get 503 while PostgreSQL is down or hangs, and 202 afterwards', async (t) => {
  const server = await startOwnPostgres(t)
  const world = await startWorld(t, {
    databaseUrl: server.connectionString,
    env: { ...HASTY, LEASE_TTL_MS: '3000' },
  })
  const load = startLoad(t, [world.client], 10)

  for (const [end, begin] of [
    [server.stop, server.start],
    [server.crash, server.start],
    [server.freeze, server.thaw],
  ] as const) {
    await answered(load, 202, load.count(202) + 50)
    await end()
    // PostgreSQL comes back only after these answers, so none has waited for it.
    await answered(load, 503, load.count(503) + 50)
    await begin()
    await answered(load, 202, load.count(202) + 50)
  }
  await load.stop()

  t.strictSame(unexpected(load), [])
  await world.booksAgree(t)
})

t.test(
  'payments answered before the commit outlive an outage of PostgreSQL, up to a limit',
  async (t) => {
    const server = await startOwnPostgres(t)
    const env = { LOSE_ACCEPTED_PAYMENTS_ON_CRASH: 'on', HTTP_IN_FLIGHT_MAX: '20' }
    const world = await startWorld(t, { databaseUrl: server.connectionString, env })
    const { client, simulators } = world

    await client.postAll(10)
    await world.booksAgree(t)
    await server.crash()
    const answers: unknown[] = []
    for (let payment = 0; payment < 30; payment += 1) answers.push(await client.post())
    t.strictSame(answers, [...Array<number>(20).fill(202), ...Array<number>(10).fill(503)])
    t.equal(simulators.default.sends().received, 10, 'nothing is sent before its commit')
    await server.start()

    await world.booksAgree(t)
    await client.postAll(1)
    await world.booksAgree(t)
    t.equal(simulators.default.sends().received, 31)
  },
)

t.test('payments settle while Redis is emptied, killed and restarted', async (t) => {
  const redis = await startRedis(t)
  if (redis === undefined) {
    t.plan(0, NO_REDIS)
    return
  }
  const admin = new Redis(redis.url, { lazyConnect: true })
  admin.on('error', () => undefined)
  t.teardown(() => admin.disconnect())
  const databaseUrl = await postgres.freshDatabase()
  const world = await startWorld(t, { databaseUrl, redisUrl: redis.url, instances: 2 })
  const { simulators, clients } = world
  const load = startLoad(t, clients, 5)

  await answered(load, 202, 50)
  simulators.default.setFailure(true)
  await admin.flushall()
  await answered(load, 202, load.count(202) + 100)
  await redis.own.kill()
  await answered(load, 202, load.count(202) + 100)
  simulators.default.setFailure(false)
  await redis.own.start()
  await answered(load, 202, load.count(202) + 100)
  await load.stop()

  t.strictSame(unexpected(load), [])
  await world.booksAgree(t)
})
