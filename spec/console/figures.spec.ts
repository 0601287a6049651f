// The figures behind the console: what is counted, how it is added up, and who sees it.

import { WebSocket } from 'undici'
import t from 'tap'
import type { Test } from 'tap'
import { freePort } from '../../bench/layout/ports.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { addedCounts, countsSince, createDurationTally } from '../../src/console/durations.ts'
import { percentileMs } from '../../src/console/durations.ts'
import type { Frame } from '../../src/console/frame.ts'
import { parseFigures } from '../../src/console/figures.ts'
import { createRecent, RECENT_MAX } from '../../src/console/recent.ts'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/infra/logger.ts'
import { startPit } from '../../src/pit.ts'
import { startPostgres } from '../support/postgres.ts'
import { NO_REDIS, startRedis } from '../support/redis.ts'
import { openPitClient } from '../support/system-client.ts'
import { startWorld } from '../support/system-world.ts'

const postgres = await startPostgres(t)
const redis = await startRedis(t)

t.test('percentiles are right to a tenth, alone and added up', async (t) => {
  const low = createDurationTally()
  const high = createDurationTally()
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

t.test('the payments that left last are remembered, bounded, newest first', async (t) => {
  const recent = createRecent(() => 5)
  for (let number = 0; number < RECENT_MAX + 3; number += 1) {
    const correlationId = String(number)
    recent.note({ type: 'payment.rejected', correlationId, detail: 'http 400' })
  }

  const rejected = recent.list('rejected')
  t.equal(rejected.length, RECENT_MAX)
  t.same(rejected[0], { correlationId: String(RECENT_MAX + 2), at: 5, note: 'http 400' })
  t.same(recent.list('settled'), [])
})

t.test('figures of another version are left out', async (t) => {
  t.equal(parseFigures('{"instanceId":"old"}'), undefined)
  t.equal(parseFigures('no JSON'), undefined)
})

const skip = redis === undefined && NO_REDIS

t.test('each instance’s console shows all, and one that is gone drops out', { skip }, async (t) => {
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
  await waitUntil({ what: 'both are shown', withinMs: 5_000 }, () => names().length === 2)
  await waitUntil({ what: 'the other one’s payments are', withinMs: 5_000 }, () => {
    return latest().flows['tryingDefault>settled'] === 20
  })
  t.same(names(), ['spec-1', 'without-console'], 'ours comes first')
  const [, other] = latest().instances
  t.match(other, { state: 'accepting', accepted: 20, circuits: { default: { state: 'closed' } } })

  await redis.own.kill()
  await waitUntil({ what: 'we are alone', withinMs: 5_000 }, () => names().length === 1)
  await redis.own.start()
  await waitUntil({ what: 'both are shown again', withinMs: 8_000 }, () => names().length === 2)
  await second.stop('it is enough')
  await waitUntil({ what: 'it dropped out', withinMs: 8_000 }, () => names().length === 1)
})

/** The latest frame, or an empty one. */
function watch(t: Test, port: number): () => Pick<Frame, 'instances' | 'flows'> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/console/ws`)
  t.teardown(() => socket.close())
  let latest: Pick<Frame, 'instances' | 'flows'> = { instances: [], flows: {} }
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Frame | { readonly type: 'hello' }
    if (message.type === 'frame') latest = message
  })
  return () => latest
}
