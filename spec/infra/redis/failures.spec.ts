import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { CacheUnavailable } from '../../../src/actors/model/errors.ts'
import { createRedisCircuitCache } from '../../../src/infra/redis/circuit-cache.ts'
import { createRedisFiguresCache } from '../../../src/infra/redis/figures-cache.ts'
import {
  createRedisFailureCounts,
  WARN_AGAIN_MS,
  type RedisFailure,
  type RedisFailureKind,
} from '../../../src/infra/redis/redis-failures.ts'
import { connectRedis, readText } from '../../../src/infra/redis/redis-connection.ts'
import type { Caches } from '../../contracts/redis.ts'
import { GIVE_UP_MS } from '../../../bench/layout/wait.ts'
import { NO_REDIS, startRedis } from '../../support/redis.ts'
import { emitted, openCaches, PAYMENT } from '../../support/redis-world.ts'

t.test('a write that a replica refuses is counted as readonly; it can be read', async (t) => {
  const server = await redisWith(t, ['--replicaof', '127.0.0.1 1'])
  if (server === undefined) return
  const { caches, seen } = await opened(t, server)

  t.same(await caches.settled.read(), [])
  for (const write of writesOf(caches)) await fails(t, write, { seen, kind: 'readonly' })
  t.match(seen[0]?.cause, /READONLY You can't write against a read only replica/)
})

t.test('each write and each script works at a node of a cluster, in one slot', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pit-cluster-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const server = await redisWith(t, ['--cluster-enabled', 'yes', '--dir', folder])
  if (server === undefined) return
  const { caches, seen, admin } = await opened(t, server)

  for (const write of writesOf(caches)) await fails(t, write, { seen, kind: 'cluster' })
  t.match(seen[0]?.cause, /CLUSTERDOWN/)
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await untilWritten(caches)

  for (const write of writesOf(caches)) await write()
  t.match(await caches.health.readHealth(), { default: { failing: false } })
  const slots = new Set<unknown>()
  for (const key of await admin.keys('*')) slots.add(await admin.call('CLUSTER', 'KEYSLOT', key))
  t.equal(slots.size, 1)
})

t.test('what its user may not do is counted as permission, by Redis’ own words', async (t) => {
  const server = await redisWith(t, '--user default on nopass ~* +@all -hset -zadd -set'.split(' '))
  if (server === undefined) return
  const { caches, seen } = await opened(t, server)

  for (const write of writesOf(caches)) await fails(t, write, { seen, kind: 'permission' })
  t.match(seen[0]?.cause, /no permissions|can't run this command/)
})

t.test('a missing or wrong password is counted as login', async (t) => {
  const server = await redisWith(t, ['--requirepass', 'secret'])
  if (server === undefined) return
  for (const url of [server, server.replace('//', '//:wrong@')]) {
    const seen: RedisFailure[] = []
    const connection = connectRedis({ url, onFailure: (failure) => seen.push(failure) })
    t.teardown(() => connection.close())
    await emitted(connection.redis, 'error')

    t.match(seen[0], { kind: 'login', cause: /NOAUTH|WRONGPASS/ })
  }
})

t.test('another system’s entry under a key of Pit is counted, and hurts nobody else', async (t) => {
  const url = await redisWith(t, [])
  if (url === undefined) return
  const { caches, seen, admin, ask } = await opened(t, url)
  await admin.lpush('{pit}:retry', 'x')

  await fails(t, () => caches.retry.takeDue(1), { seen, kind: 'refused' })
  await fails(t, () => ask('spec', Promise.resolve(1), readText), { seen, kind: 'unreadable' })
  t.match(seen[0]?.cause, /WRONGTYPE/)
  await caches.settled.add([PAYMENT])
  t.same(await caches.settled.read(), [PAYMENT])
})

t.test(
  'two systems with prefixes of their own share a Redis and see nothing of one another',
  async (t) => {
    const url = await redisWith(t, [])
    if (url === undefined) return
    const ours = await opened(t, url)
    const theirs = await opened(t, url, 'other')

    for (const write of writesOf(ours.caches)) await write()
    await ours.figures.publish('{}')

    t.same(await theirs.caches.settled.read(), [])
    t.same(await theirs.caches.retry.takeDue(9), [])
    t.same(await theirs.caches.health.readHealth(), {})
    t.same(await theirs.caches.health.readCircuits(), {})
    t.same(await theirs.figures.publish('[]'), { a: '[]' })
    t.equal(await theirs.caches.health.takeProbeLease(60_000), true)
    const keys = await ours.admin.keys('*')
    t.equal(keys.filter((key) => !/^\{(pit|other)\}:/.test(key)).length, 0)
    t.equal(keys.filter((key) => key.startsWith('{pit}:')).length, 6)
  },
)

t.test('failures are warned about once a minute, each kind by itself', async (t) => {
  let now = 0
  const warned: unknown[] = []
  const { counts, record } = createRedisFailureCounts({
    now: () => now,
    warn: (failure) => warned.push(failure),
  })
  const readonly = { kind: 'readonly', cause: 'READONLY first' } as const

  record(readonly)
  now += WARN_AGAIN_MS - 1
  record({ ...readonly, cause: 'READONLY second' })
  record({ kind: 'login', cause: 'NOAUTH' })
  now += 1
  record({ ...readonly, cause: 'READONLY third' })

  t.same(warned, [
    { ...readonly, failures: 1 },
    { kind: 'login', cause: 'NOAUTH', failures: 1 },
    { kind: 'readonly', cause: 'READONLY third', failures: 3 },
  ])
  t.same(
    [...counts].filter(([, failures]) => failures > 0),
    [
      ['readonly', 3],
      ['login', 1],
    ],
  )
  t.equal(counts.get('unavailable'), 0, 'a kind that has not failed yet is there too')
})

async function redisWith(t: Test, settings: readonly string[]): Promise<string | undefined> {
  const server = await startRedis(t, settings)
  if (server === undefined) t.pass(NO_REDIS, { skip: NO_REDIS })
  return server?.url
}

async function opened(t: Test, url: string, keyPrefix = 'pit') {
  const seen: RedisFailure[] = []
  const connection = connectRedis({
    url,
    keyPrefix,
    commandTimeoutMs: GIVE_UP_MS,
    onFailure: (failure) => seen.push(failure),
  })
  t.teardown(() => connection.close())
  const admin = new Redis(url)
  t.teardown(() => admin.disconnect())
  await emitted(connection.redis, 'ready')
  const figures = createRedisFiguresCache(connection, { instanceId: 'a' })
  const caches = {
    ...openCaches(connection, 'a'),
    health: createRedisCircuitCache(connection, { instanceId: 'a' }),
  }
  return { caches, figures, seen, admin, ask: connection.ask }
}

/** Each kind of write, with and without a script. */
function writesOf({ health, retry, settled }: Caches): readonly (() => Promise<unknown>)[] {
  return [
    () => settled.add([PAYMENT]),
    () => retry.schedule([{ correlationId: PAYMENT.correlationId, dueInMs: 60_000 }]),
    () => retry.claimRebuild(),
    () => health.publishHealth('default', { failing: false, minResponseMs: 1 }),
    () => health.publishCircuit({ processor: 'default', state: 'open', since: 1 }),
    () => health.takeProbeLease(60_000),
  ]
}

interface Expected {
  readonly seen: readonly RedisFailure[]
  readonly kind: RedisFailureKind
}

async function fails(t: Test, call: () => Promise<unknown>, { seen, kind }: Expected) {
  const before = seen.length
  await t.rejects(call(), CacheUnavailable)
  t.match(seen.slice(before), [{ kind }], String(call))
}

/** A cluster takes a moment to see that it is whole. */
async function untilWritten({ settled }: Caches): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS
  for (;;) {
    const failure = await settled.add([PAYMENT]).catch((error: unknown) => error)
    if (failure === undefined) return
    if (performance.now() > deadline) throw failure
    await new Promise(setImmediate)
  }
}
