// The caches in a Redis of several servers: behind Sentinels, and in a cluster.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedises } from '../../../bench/cluster/cluster.ts'
import type { Part } from '../../../bench/layout/part.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { cacheContracts } from '../../contracts/redis.ts'
import { NO_REDIS, startRedis } from '../../support/redis.ts'
import { connectForTest, openCaches, openWorld } from '../../support/redis-world.ts'

const skip = (await startRedis(t)) === undefined ? NO_REDIS : false
const dir = mkdtempSync(join(tmpdir(), 'pit-redis-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

t.test('Sentinels lead to the primary, also to the next one', { skip }, async (t) => {
  const started = async <Kind extends Part>(part: Kind): Promise<Kind> => {
    t.teardown(() => part.stop())
    await part.start()
    return part
  }
  const { redis } = await startRedises({ dir, started })
  const server = `redis://127.0.0.1:${redis.port}`
  await t.test('the caches', (t) => cacheContracts(t, (t) => openWorld(t, redis.url, server)))

  const { health } = openCaches(await connectForTest(t, redis.url), 'a')
  redis.kill('SIGKILL')
  await redis.ended()
  await t.rejects(health.takeProbeLease(1_000), { name: 'CacheUnavailable' })
  await waitUntil({ what: 'the replica as primary' }, () =>
    health.takeProbeLease(60_000).catch(() => false),
  )
  t.equal(await health.takeProbeLease(60_000), false, 'it is kept there')
})

t.test('a cluster is asked where the keys are', { skip }, async (t) => {
  const { owner, other } = await startCluster(t)
  const url = `redis+cluster://${new URL(other).host}`

  await cacheContracts(t, (t) => openWorld(t, url, owner))
})

const SLOTS = 16_384

/** Two servers with half of the slots each: the one that has those of Pit's keys, and the other. */
async function startCluster(t: Test): Promise<{ readonly owner: string; readonly other: string }> {
  const urls: string[] = []
  for (const name of ['a', 'b']) {
    const file = join(dir, `nodes-${name}.conf`)
    const server = await startRedis(t, ['--cluster-enabled', 'yes', '--cluster-config-file', file])
    if (server === undefined) throw new Error(NO_REDIS)
    urls.push(server.url)
  }
  const [firstUrl = '', secondUrl = ''] = urls
  const [first, second] = [new Redis(firstUrl), new Redis(secondUrl)]
  const clients = [first, second]
  for (const client of clients) t.teardown(() => client.disconnect())
  await first.call('CLUSTER', 'ADDSLOTSRANGE', 0, SLOTS / 2 - 1)
  await second.call('CLUSTER', 'ADDSLOTSRANGE', SLOTS / 2, SLOTS - 1)
  await first.call('CLUSTER', 'MEET', '127.0.0.1', new URL(secondUrl).port)
  await waitUntil({ what: 'the cluster' }, async () => {
    const states = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))
    return states.every((state) => /cluster_state:ok/.test(String(state)))
  })
  const slot = Number(await first.call('CLUSTER', 'KEYSLOT', '{pit}'))
  return slot < SLOTS / 2
    ? { owner: firstUrl, other: secondUrl }
    : { owner: secondUrl, other: firstUrl }
}
