import t from 'tap'
import type { Test } from 'tap'
import { createCachesWithoutRedis } from '../../../src/infra/redis/without-redis.ts'
import {
  connectRedis,
  readInteger,
  readText,
  readTexts,
  readTimed,
} from '../../../src/infra/redis/redis-connection.ts'
import { createRedisFiguresCache } from '../../../src/infra/redis/figures-cache.ts'
import { createRedisCircuitCache } from '../../../src/infra/redis/circuit-cache.ts'
import { createRedisDelayedQueue } from '../../../src/infra/redis/delayed-queue.ts'
import { createRedisSettledSet } from '../../../src/infra/redis/settled-set.ts'
import { cacheContracts } from '../../contracts/redis.ts'
import type { RedisFailure } from '../../../src/infra/redis/redis-failures.ts'
import { GIVE_UP_MS } from '../../../bench/layout/wait.ts'
import { NO_REDIS, openRedis, startRedis } from '../../support/redis.ts'
import type { OwnRedis } from '../../support/redis.ts'
import {
  connectForTest,
  emitted,
  failsEveryCall,
  openCaches,
  openWorld,
  PAYMENT,
} from '../../support/redis-world.ts'

const redis = await openRedis(t)

if (redis === undefined) {
  t.test('the caches in Redis', { skip: NO_REDIS }, () => {})
} else {
  t.test('the caches in Redis', (t) => cacheContracts(t, (t) => openWorld(t, redis.url)))
  t.test('keys expire after their configured time', (t) => keysExpire(t, redis.url))
  t.test('a value of unknown form is ignored', (t) => leavesOut(t, redis.url))
  t.test('a text in place of a number is ignored, and never read as NaN', (t) =>
    noNaN(t, redis.url),
  )
  t.test('an entry that is no payment id never reaches the ledger', (t) => onlyIds(t, redis.url))
  t.test('a call that meets a key of another type fails with the call’s name', (t) =>
    otherTypes(t, redis.url),
  )
  t.test('a call whose reply has another form fails', (t) => otherForms(t, redis.url))
}

t.test('calls without a Redis fail at once, and succeed once it is there', absentRedis)
t.test('calls fail while Redis is killed, and succeed after its restart', killedRedis)
t.test('a Redis that falls silent is given up before three calls have timed out', silentRedis)
t.test('calls to a frozen Redis fail after their timeout, and later ones at once', frozenRedis)
t.test('a full Redis fails only the calls that need memory', fullRedis)
t.test('a full settled set refuses what is added', fullSettledSet)

t.test('a bug in a call to Redis is told as it is, and not as an outage', async (t) => {
  const connection = connectRedis({ url: 'redis://127.0.0.1:1' })
  t.teardown(() => connection.close())
  const bug = new TypeError('a planted bug')
  const broken = (): never => {
    throw bug
  }

  await t.rejects(connection.ask('read', Promise.resolve('x'), broken), bug)
  await t.rejects(connection.ask('read', Promise.reject(bug), readText), bug)
  await t.rejects(connection.ask('read', Promise.resolve(1), readText), {
    name: 'CacheUnavailable',
  })
})

t.test('an instance without Redis may always probe, and shares nothing', async (t) => {
  const { circuitCache, delayedQueue, settledSet } = createCachesWithoutRedis()

  await circuitCache.publishHealth('default', { failing: false, minResponseMs: 1 })
  await circuitCache.publishCircuit({ processor: 'default', state: 'open', since: 1 })
  await delayedQueue.schedule([{ correlationId: 'x', dueInMs: 0 }])
  await settledSet.add([PAYMENT])
  await settledSet.remove([])
  await settledSet.clear()

  t.equal(await circuitCache.takeProbeLease(60_000), true)
  t.equal(await circuitCache.takeProbeLease(60_000), true)
  t.same(await circuitCache.readHealth(), {})
  t.same(await circuitCache.readCircuits(), {})
  t.same(await delayedQueue.takeDue(10), [])
  t.equal(await delayedQueue.claimRebuild(), false)
  t.same(await settledSet.read(), [])
})

async function keysExpire(t: Test, url: string): Promise<void> {
  const { redis, ...rest } = await connectForTest(t, url)
  await redis.flushdb()
  const connection = { redis, ...rest }
  const health = createRedisCircuitCache(connection, { instanceId: 'a' })
  await health.publishHealth('default', { failing: false, minResponseMs: 1 })
  await health.publishCircuit({ processor: 'default', state: 'open', since: 1 })
  await createRedisSettledSet(connection).add([PAYMENT])
  await createRedisDelayedQueue(connection).claimRebuild()

  t.equal(Math.ceil((await redis.pttl('{pit}:health:default')) / 1_000), 60)
  t.equal(Math.ceil((await redis.pttl('{pit}:circuits')) / 1_000), 60)
  t.equal(Math.ceil((await redis.pttl('{pit}:settled')) / 1_000), 3_600)
  t.equal(await redis.pttl('{pit}:retry'), -1, 'the mark of a built cache never expires')
}

async function leavesOut(t: Test, url: string): Promise<void> {
  const connection = await connectForTest(t, url)
  await connection.redis.flushdb()
  const { health, settled } = openCaches(connection, 'a')

  await connection.redis.set('{pit}:health:default', 'x')
  await connection.redis.hset('{pit}:circuits', 'default:b', 'x', 'other:c', '1|open|1')
  await connection.redis.hset('{pit}:settled', 'x', 'x', 'y', 'default|1')

  t.same(await health.readHealth(), {})
  t.same(await health.readCircuits(), {})
  t.same(await settled.read(), [])
  await health.publishCircuit({ processor: 'default', state: 'open', since: 1 })
  t.same(await connection.redis.hkeys('{pit}:circuits'), ['default:a'])
}

async function noNaN(t: Test, url: string): Promise<void> {
  const connection = await connectForTest(t, url)
  const { redis } = connection
  await redis.flushdb()
  const { health, settled } = openCaches(connection, 'a')
  const figures = createRedisFiguresCache(connection, { instanceId: 'a' })
  const [seconds = 0] = await redis.time()
  const now = seconds * 1_000
  const id = PAYMENT.correlationId

  for (const text of ['x|0|5', `${now}|2|5`, `${now}|0|x`, `${now}|0|`, `-1|0|5`]) {
    await redis.set('{pit}:health:default', text)
    t.same(await health.readHealth(), {}, text)
  }
  for (const text of ['x|open|1', '|open|1', `${now}|open|x`, `${now}|shut|1`, `${now}|open`]) {
    await redis.hset('{pit}:circuits', 'default:b', text)
    t.same(await health.readCircuits(), {}, text)
  }
  for (const text of ['default|x|1', 'default|1|x', 'default|1|1.5', 'default||1', 'other|1|1']) {
    await redis.hset('{pit}:settled', id, text)
    t.same(await settled.read(), [], text)
  }
  await redis.hset('{pit}:figures', 'b', 'x|{}', 'c', '{}', 'd', `${now}|{}`)
  t.same(await figures.publish('[]'), { a: '[]', d: '{}' })
}

async function onlyIds(t: Test, url: string): Promise<void> {
  const connection = await connectForTest(t, url)
  const { redis } = connection
  await redis.flushdb()
  const { retry, settled } = openCaches(connection, 'a')
  await settled.add([PAYMENT])
  await retry.schedule([{ correlationId: PAYMENT.correlationId, dueInMs: 0 }])

  for (const text of ['x', '', 'null', `${PAYMENT.correlationId}0`, 'a,b}']) {
    await redis.hset('{pit}:settled', text, 'default|1|1')
    await redis.zadd('{pit}:retry', 0, text)
  }

  t.same(await settled.read(), [PAYMENT])
  t.same(await retry.takeDue(10), [PAYMENT.correlationId])
  t.same(await retry.takeDue(10), [], 'the others are gone')
}

async function otherTypes(t: Test, url: string): Promise<void> {
  const connection = await connectForTest(t, url)
  const { redis } = connection
  await redis.flushdb()
  const { health, retry, settled } = openCaches(connection, 'a')
  const figures = createRedisFiguresCache(connection, { instanceId: 'a' })
  for (const key of ['circuits', 'retry', 'settled', 'figures'])
    await redis.lpush(`{pit}:${key}`, 'x')

  const calls: Record<string, () => Promise<unknown>> = {
    publishCircuit: () => health.publishCircuit({ processor: 'default', state: 'open', since: 1 }),
    readCircuits: () => health.readCircuits(),
    schedule: () => retry.schedule([{ correlationId: PAYMENT.correlationId, dueInMs: 0 }]),
    takeDue: () => retry.takeDue(1),
    claimRebuild: () => retry.claimRebuild(),
    addSettled: () => settled.add([PAYMENT]),
    removeSettled: () => settled.remove([PAYMENT.correlationId]),
    readSettled: () => settled.read(),
    publishFigures: () => figures.publish('{}'),
  }
  for (const [operation, call] of Object.entries(calls)) {
    const message = `redis: ${operation} failed`
    await t.rejects(call(), { ...UNAVAILABLE, message, cause: { message: /WRONGTYPE/ } })
  }
}

async function otherForms(t: Test, url: string): Promise<void> {
  const { ask } = await connectForTest(t, url)
  const replies: readonly (readonly [reply: unknown, read: (reply: unknown) => unknown])[] = [
    [null, readText],
    [1, readText],
    ['x', readTexts],
    [['x', null], readTexts],
    ['1', readInteger],
    [null, readInteger],
    [NaN, readInteger],
    ['x', readTimed],
    [[1], readTimed],
    [['x', []], readTimed],
  ]
  for (const [reply, read] of replies) {
    const message = 'redis: anything failed'
    const cause = { message: /^the reply is no / }
    const asking = ask('anything', Promise.resolve(reply), read)
    await t.rejects(asking, { ...UNAVAILABLE, message, cause }, `${read.name} of ${String(reply)}`)
  }
}

async function absentRedis(t: Test): Promise<void> {
  const own = await startOwn(t)
  if (own === undefined) return
  await own.kill()
  const failures: RedisFailure[] = []
  const connection = connectRedis({
    url: own.url,
    commandTimeoutMs: GIVE_UP_MS,
    onFailure: (failure) => failures.push(failure),
  })
  t.teardown(() => connection.close())

  await failsEveryCall(t, openCaches(connection, 'a'))
  await emitted(connection.redis, 'error')
  await failsEveryCall(t, openCaches(connection, 'a'))
  t.same(new Set(failures.map(({ kind }) => kind)), new Set(['unavailable']))
  t.ok(failures.some(({ cause }) => cause.includes('ECONNREFUSED')))

  await Promise.all([emitted(connection.redis, 'ready'), own.start()])
  t.equal(await openCaches(connection, 'a').health.takeProbeLease(60_000), true)
}

async function killedRedis(t: Test): Promise<void> {
  const own = await startOwn(t)
  if (own === undefined) return
  const connection = await connectForTest(t, own.url)
  const { health, retry, settled } = openCaches(connection, 'a')
  t.equal(await retry.claimRebuild(), true)
  await settled.add([PAYMENT])
  await health.takeProbeLease(60_000)

  own.freeze()
  await Promise.all([
    t.rejects(settled.add([PAYMENT]), UNAVAILABLE),
    t.rejects(retry.schedule([{ correlationId: 'x', dueInMs: 0 }]), UNAVAILABLE),
    own.kill(),
  ])
  await failsEveryCall(t, openCaches(connection, 'a'))

  await Promise.all([emitted(connection.redis, 'ready'), own.start()])
  t.same(await settled.read(), [])
  t.equal(await health.takeProbeLease(60_000), true)
  t.equal(await retry.claimRebuild(), true)
  t.same(await retry.takeDue(10), [], 'nothing of the lost connection was sent again')
}

async function frozenRedis(t: Test): Promise<void> {
  const own = await startOwn(t)
  if (own === undefined) return
  const connection = await connectForTest(t, own.url, 1_000)
  const { settled } = openCaches(connection, 'a')

  own.freeze()
  await t.rejects(settled.add([PAYMENT]), UNAVAILABLE)
  // The silent connection is given up: from now on a call costs no more than its failure.
  await emitted(connection.redis, 'close')
  await failsEveryCall(t, openCaches(connection, 'a'))

  own.thaw()
  await emitted(connection.redis, 'ready')
  await settled.add([PAYMENT])
  t.same(await settled.read(), [PAYMENT])

  own.freeze()
  await t.resolves(connection.close(), 'closing does not wait for it either')
}

// Both times are of one event loop, so their order does not depend on how fast the machine is.
async function silentRedis(t: Test): Promise<void> {
  const own = await startOwn(t)
  if (own === undefined) return
  const connection = await connectForTest(t, own.url, 500)
  const { settled } = openCaches(connection, 'a')

  own.freeze()
  const timedOut: unknown[] = []
  for (let calls = 0; calls < 4; calls += 1) {
    const failure: unknown = await settled.read().catch((error: unknown) => error)
    if (failure instanceof Error && /timed out/.test(String(failure.cause))) timedOut.push(failure)
  }

  t.ok(timedOut.length <= 2, `${timedOut.length} of 4 calls have timed out`)
}

async function fullRedis(t: Test): Promise<void> {
  const own = await startOwn(t)
  if (own === undefined) return
  const connection = await connectForTest(t, own.url)
  const { retry, settled, health } = openCaches(connection, 'a')
  await settled.add([PAYMENT])
  await retry.schedule([{ correlationId: PAYMENT.correlationId, dueInMs: 0 }])

  await connection.redis.config('SET', 'maxmemory', '1')
  await t.rejects(settled.add([PAYMENT]), UNAVAILABLE)
  await t.rejects(retry.schedule([{ correlationId: 'y', dueInMs: 0 }]), UNAVAILABLE)
  await t.rejects(health.takeProbeLease(60_000), UNAVAILABLE)
  t.same(await settled.read(), [PAYMENT])
  t.same(await retry.takeDue(10), [PAYMENT.correlationId])
  await settled.remove([PAYMENT.correlationId])

  await connection.redis.config('SET', 'maxmemory', '0')
  await settled.add([PAYMENT])
  t.same(await settled.read(), [PAYMENT])
}

async function fullSettledSet(t: Test): Promise<void> {
  const own = await startOwn(t)
  if (own === undefined) return
  const settled = createRedisSettledSet(await connectForTest(t, own.url), { entriesMax: 1 })
  await settled.add([PAYMENT])

  await t.rejects(settled.add([{ ...PAYMENT, correlationId: 'another' }]), UNAVAILABLE)

  t.same(await settled.read(), [PAYMENT])
}

const UNAVAILABLE = { name: 'CacheUnavailable', code: 'cache_unavailable' }

async function startOwn(t: Test): Promise<(OwnRedis & { url: string }) | undefined> {
  const server = await startRedis(t)
  if (server === undefined) {
    t.pass(NO_REDIS, { skip: NO_REDIS })
    return undefined
  }
  return { ...server.own, url: server.url }
}
