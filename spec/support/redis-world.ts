// Caches in a real Redis, as several instances have them, and their failures.

import assert from 'node:assert'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { GIVE_UP_MS, waitUntil } from '../../bench/layout/wait.ts'
import { CacheUnavailable } from '../../src/actors/model/errors.ts'
import { connectRedis } from '../../src/infra/redis/redis-connection.ts'
import type { RedisConnection } from '../../src/infra/redis/redis-connection.ts'
import type { RedisClient } from '../../src/infra/redis/redis-servers.ts'
import { createRedisCircuitCache } from '../../src/infra/redis/circuit-cache.ts'
import { createRedisDelayedQueue } from '../../src/infra/redis/delayed-queue.ts'
import { createRedisRenewalCache } from '../../src/infra/redis/renewal-cache.ts'
import { createRedisSettledSet } from '../../src/infra/redis/settled-set.ts'
import type { Caches, CacheWorld } from '../contracts/redis.ts'

/**
 * Empties the database that the URL names. Several connections, as several instances have.
 *
 * @param server of several the one that has the caches.
 */
export async function openWorld(t: Test, url: string, server = url): Promise<CacheWorld> {
  const world = new Redis(server)
  t.teardown(() => world.disconnect())
  await world.flushdb()
  const connections = await Promise.all([1, 2, 3].map(() => connectForTest(t, url)))
  const caches = new Map<string, Caches>()
  return {
    keptMs: KEPT_MS,
    retryEntriesMax: RETRY_ENTRIES_MAX,
    as: (instanceId) => {
      const known = caches.get(instanceId)
      if (known !== undefined) return known
      const connection = connections[caches.size % connections.length]
      assert(connection !== undefined)
      const opened = openCaches(connection, instanceId)
      caches.set(instanceId, opened)
      return opened
    },
    // By the clock of Redis, which decides when keys expire.
    pass: async (ms) => void (await world.blpop('{pit}:spec-nothing', (ms + 1) / 1_000)),
    lose: async () => void (await world.flushdb()),
  }
}

export function openCaches(connection: RedisConnection, instanceId: string): Caches {
  return {
    health: createRedisCircuitCache(connection, { instanceId, keptMs: KEPT_MS }),
    retry: createRedisDelayedQueue(connection, { entriesMax: RETRY_ENTRIES_MAX }),
    settled: createRedisSettledSet(connection),
    renewals: createRedisRenewalCache(connection),
  }
}

/** A long timeout, so that a slow machine is not taken for a failure. */
export async function connectForTest(
  t: Test,
  url: string,
  commandTimeoutMs = GIVE_UP_MS,
): Promise<RedisConnection> {
  const connection = connectRedis({ url, commandTimeoutMs })
  t.teardown(() => connection.close())
  await emitted(connection.redis, 'ready')
  // A cluster's client connects to a server when it is first asked, and refuses what comes meanwhile.
  await waitUntil({ what: 'the server that has the keys' }, () =>
    connection.redis.exists(connection.key('spec')).then(
      () => true,
      () => false,
    ),
  )
  return connection
}

/** Each call of each cache fails by itself, and not because its time is over. */
export async function failsEveryCall(t: Test, caches: Caches): Promise<void> {
  const { health, retry, settled } = caches
  const calls: Record<string, () => Promise<unknown>> = {
    takeProbeLease: () => health.takeProbeLease(1_000),
    publishHealth: () => health.publishHealth('default', { failing: false, minResponseMs: 1 }),
    readHealth: () => health.readHealth(),
    publishCircuit: () => health.publishCircuit({ processor: 'default', state: 'open', since: 1 }),
    readCircuits: () => health.readCircuits(),
    schedule: () => retry.schedule([{ correlationId: 'x', dueInMs: 0 }]),
    takeDue: () => retry.takeDue(1),
    claimRebuild: () => retry.claimRebuild(),
    add: () => settled.add([PAYMENT]),
    remove: () => settled.remove([PAYMENT.correlationId]),
    read: () => settled.read(),
    clear: () => settled.clear(),
  }
  for (const [name, call] of Object.entries(calls)) {
    const failure = await call().then(
      () => undefined,
      (error: unknown) => error,
    )
    t.ok(failure instanceof CacheUnavailable, `${name} fails`)
    t.notMatch(String(failure instanceof Error && failure.cause), /timed out/, `${name} at once`)
  }
}

/**
 * Unlike `once` of node:events it does not mind the errors in between. Rejects after `GIVE_UP_MS`.
 */
export function emitted(redis: RedisClient, event: 'ready' | 'close' | 'error'): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error(`no ${event} within ${GIVE_UP_MS} ms`))
    const timer = setTimeout(giveUp, GIVE_UP_MS)
    redis.once(event, (value: unknown) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}

const KEPT_MS = 400
const RETRY_ENTRIES_MAX = 100
export const PAYMENT = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  processor: 'default',
  requestedAt: 1_753_000_000_000,
  amountCents: 1_990,
} as const
