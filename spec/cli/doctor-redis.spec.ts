// What doctor says of a Redis that answers and does not do what Pit asks of it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedises } from '../../bench/cluster/cluster.ts'
import type { Part } from '../../bench/layout/part.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { checkRedis } from '../../src/cli/checks/stores.ts'
import { readConfig } from '../../src/config/config.ts'
import { createRedisFiguresCache } from '../../src/infra/redis/figures-cache.ts'
import { KEY_TYPES } from '../../src/infra/redis/inspect-redis.ts'
import { createRedisOutagesCache } from '../../src/infra/redis/outages-cache.ts'
import { NO_REDIS, startRedis } from '../support/redis.ts'
import { connectForTest, openCaches, PAYMENT } from '../support/redis-world.ts'
import { CLI, runPit } from '../support/system-process.ts'

const skip = (await startRedis(t)) === undefined ? NO_REDIS : false
const dir = mkdtempSync(join(tmpdir(), 'pit-doctor-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

async function start(t: Test, settings: readonly string[] = []) {
  const server = await startRedis(t, settings)
  if (server === undefined) throw new Error(NO_REDIS)
  const admin = new Redis(server.url)
  t.teardown(() => admin.disconnect())
  return { url: server.url, admin }
}

const told = async (url: string): Promise<readonly string[]> =>
  (await checkRedis(readConfig({ REDIS_URL: url }))).map(({ result, text }) => `${result}: ${text}`)

const ALL_IS_WELL = [/^ok: Redis \d\S+, does all that Pit asks of it$/]

/** All that a running Pit keeps in Redis. */
async function fill(t: Test, url: string): Promise<void> {
  const connection = await connectForTest(t, url)
  const { health, retry, settled, renewals } = openCaches(connection, 'a')
  await health.takeProbeLease(60_000)
  for (const name of ['default', 'fallback'] as const) {
    await health.publishHealth(name, { failing: false, minResponseMs: 1 })
  }
  await health.publishCircuit({ processor: 'default', state: 'open', since: 1 })
  await retry.claimRebuild()
  await settled.add([PAYMENT])
  const run = PAYMENT.correlationId
  await renewals.publish({ systemIdentifier: null, generation: 1, run, count: 1 })
  await createRedisFiguresCache(connection, { instanceId: 'a' }).publish('{}')
  await createRedisOutagesCache(connection).keep({ id: 'a', from: 1, text: '{}' })
  // What the spec compares stays for as long as the spec needs.
  for (const key of Object.keys(KEY_TYPES)) await connection.redis.persist(connection.key(key))
}

t.test('a Redis that does all is ok, and is left as it was', { skip }, async (t) => {
  const { url, admin } = await start(t)
  await fill(t, url)
  const kept = async () => {
    const keys = (await admin.keys('*')).toSorted()
    const entries = keys.map(async (key) => [key, await admin.type(key), await admin.dump(key)])
    return await Promise.all(entries)
  }
  const before = await kept()

  t.match(await told(url), ALL_IS_WELL)

  t.same(await kept(), before)
  const types = Object.entries(KEY_TYPES).map(([name, type]) => [`{pit}:${name}`, type])
  t.same(
    before.map(([key, type]) => [key, type]),
    types.toSorted(),
    'each key of Pit is known',
  )
})

t.test('scripts that are renamed away are told', { skip }, async (t) => {
  const renamed = ['EVAL', 'EVALSHA', 'SCRIPT'].flatMap((name) => [
    '--rename-command',
    name,
    `NO${name}`,
  ])
  const { url, admin } = await start(t, renamed)

  t.match(await told(url), [/^warn: Redis \d\S+ refuses publishHealth.* more: ERR unknown command/])
  t.notMatch(String(await told(url)), /args beginning/)
  t.equal(await admin.dbsize(), 0)
})

t.test('a memory that is full is told', { skip }, async (t) => {
  const { url } = await start(t, ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'])

  t.match((await told(url))[0], /^warn: Redis \d\S+ refuses takeProbeLease.*: OOM command not all/)
})

t.test('keys of another type under the prefix of Pit are told', { skip }, async (t) => {
  const { url, admin } = await start(t)
  await admin.set('{pit}:retry', 'x')
  await admin.lpush('{pit}:renewal', 'x')

  t.same(await told(url), [
    "warn: {pit}:retry is a string, and Pit's is a zset: delete it, or set REDIS_KEY_PREFIX",
    "warn: {pit}:renewal is a list, and Pit's is a string: delete it, or set REDIS_KEY_PREFIX",
  ])
  t.same((await admin.keys('*')).toSorted(), ['{pit}:renewal', '{pit}:retry'])
})

t.test('a user without rights is told in the words of Redis', { skip }, async (t) => {
  const { url, admin } = await start(t)
  await admin.call('ACL', 'SETUSER', 'poor', 'on', '>poor', '~*', '-@all')
  await admin.call('ACL', 'SETUSER', 'reader', 'on', '>reader', '~*', '+@all', '-zadd')
  await admin.call('ACL', 'SETUSER', 'elsewhere', 'on', '>elsewhere', '~other:*', '+@all')
  const as = (name: string): string => url.replace('//', `//${name}:${name}@`)

  const poor = await told(as('poor'))
  const reader = String(await told(as('reader')))
  const elsewhere = String(await told(as('elsewhere')))

  t.match(poor, [/^warn: Redis, whose version is not told refuses clearSettled: NOPERM/])
  t.match(reader, /^warn: Redis \d\S+ refuses claimRebuild: NOPERM/)
  t.match(reader, /refuses schedule: .*can't run this command|refuses schedule: .*ACL failure/)
  t.match(elsewhere, /^warn: Redis \d\S+ refuses clearSettled: NOPERM/)
  t.equal(await admin.dbsize(), 0)
})

t.test('INFO that is forbidden is no fault, and prints nothing', { skip }, async (t) => {
  const { url, admin } = await start(t)
  await admin.call('ACL', 'SETUSER', 'quiet', 'on', '>quiet', '~*', '+@all', '-info')
  const REDIS_URL = url.replace('//', '//quiet:quiet@')

  const env = { REDIS_URL, DATA_DIR: join(dir, 'data'), PORT: '0', OPS_PORT: '0' }
  const { out, err } = await runPit(t, { program: CLI, args: ['doctor'], env }).ended()

  t.equal(err, '')
  t.match(out, /^ok +Redis +Redis, whose version is not told, does all that Pit asks of it$/m)
})

t.test('INFO that is renamed away keeps Pit from Redis, and is told', { skip }, async (t) => {
  const server = await startRedis(t, ['--rename-command', 'INFO', 'NOINFO'])

  t.match(await told(server?.url ?? ''), [
    /^warn: REDIS_URL: it refuses the connection: ERR unknown command .*; Pit runs without, each/,
  ])
})

t.test('a replica is told in the words of Redis', { skip }, async (t) => {
  const { url, admin } = await start(t)
  await admin.replicaof('127.0.0.1', 1)

  t.match(await told(url), [/^warn: Redis \d\S+ refuses clearSettled: READONLY/])
})

t.test('what a Redis behind Sentinels refuses is told', { skip }, async (t) => {
  const started = async <Kind extends Part>(part: Kind): Promise<Kind> => {
    t.teardown(() => part.stop())
    await part.start()
    return part
  }
  const { redis } = await startRedises({ dir, started })
  const admin = new Redis(redis.port)
  t.teardown(() => admin.disconnect())

  t.match(await told(redis.url), ALL_IS_WELL)
  await admin.config('SET', 'maxmemory', '1')
  t.match((await told(redis.url))[0], /^warn: Redis \d\S+ refuses takeProbeLease.*: OOM command/)
})

t.test('what a cluster refuses is told', { skip }, async (t) => {
  const file = join(dir, 'nodes.conf')
  const clustered = ['--cluster-enabled', 'yes', '--cluster-config-file', file]
  const { url, admin } = await start(t, [...clustered, '--cluster-announce-ip', '127.0.0.1'])
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  await waitUntil({ what: 'the cluster' }, async () =>
    /cluster_state:ok/.test(String(await admin.call('CLUSTER', 'INFO'))),
  )
  const cluster = `redis+cluster://${new URL(url).host}`

  t.match(await told(cluster), ALL_IS_WELL)
  t.equal(await admin.dbsize(), 0)
  await admin.config('SET', 'maxmemory', '1')
  t.match((await told(cluster))[0], /^warn: Redis \d\S+ refuses takeProbeLease.*: OOM command/)
  await admin.call('ACL', 'SETUSER', 'poor', 'on', '>poor', '~*', '-@all')
  t.match(await told(cluster.replace('//', '//poor:poor@')), [/^warn: .* refuses .*: NOPERM/])
})
