// What `pit doctor` finds out about Redis: whether it does all that Pit asks of it. It is asked as an
// instance asks, by the same adapters, on keys of its own that are deleted afterwards.

import { setTimeout as pause } from 'node:timers/promises'
import { CacheUnavailable } from '../../actors/model/errors.ts'
import { createRedisCircuitCache } from './circuit-cache.ts'
import { createRedisDelayedQueue } from './delayed-queue.ts'
import { createRedisFiguresCache } from './figures-cache.ts'
import { createRedisOutagesCache } from './outages-cache.ts'
import { connectRedis, firstRefusal, type RedisConnection } from './redis-connection.ts'
import { failureOf, type RedisFailure } from './redis-failures.ts'
import { createRedisRenewalCache } from './renewal-cache.ts'
import { createRedisSettledSet } from './settled-set.ts'

export interface RedisFindings {
  /** What no waiting mends: a start ends with it. */
  readonly refusal?: Error
  /** Why the connection does not come about; absent: Redis answers. */
  readonly silence?: RedisFailure
  /** Absent where it is not told. */
  readonly version?: string
  /** What Redis did not do, each failure once, with the operations that met it. */
  readonly failures: readonly FailedOperations[]
  /** Keys of Pit's that hold what is not Pit's. */
  readonly foreign: readonly ForeignKey[]
}

export interface FailedOperations {
  readonly failure: RedisFailure
  readonly operations: readonly string[]
}

export interface ForeignKey {
  readonly key: string
  readonly type: string
  readonly expected: string
}

/** The type of each key of Pit's, by its name without the prefix. */
export const KEY_TYPES: Readonly<Record<string, string>> = {
  'probe-lease': 'string',
  'health:default': 'string',
  'health:fallback': 'string',
  circuits: 'hash',
  retry: 'zset',
  settled: 'hash',
  renewal: 'string',
  figures: 'hash',
  outages: 'hash',
}

/** Longest wait for one reply, ms: a check is in no hurry, and it begins with a cold connection. */
const REPLY_MS = 1_000

/** Rejects with bugs alone; ends within some seconds. */
export async function inspectRedis(
  url: string,
  { keyPrefix }: { readonly keyPrefix: string },
): Promise<RedisFindings> {
  const told: RedisFailure[] = []
  const connection = connectRedis({
    url,
    keyPrefix,
    commandTimeoutMs: REPLY_MS,
    onFailure: (failure) => told.push(failure),
  })
  // A cluster's client tells of its servers by themselves.
  connection.redis.on('node error', (error: unknown) => told.push(failureOf(error)))
  try {
    const refusal = await firstRefusal(connection)
    if (refusal !== undefined) return { refusal, failures: [], foreign: [] }
    return await inspectConnection(connection, told)
  } finally {
    await connection.close()
  }
}

async function inspectConnection(
  connection: RedisConnection,
  told: readonly RedisFailure[],
): Promise<RedisFindings> {
  const failure = await firstFailure(connection, told)
  if (failure !== undefined && !isReady(connection)) {
    return { silence: failure, failures: [], foreign: [] }
  }
  const failures =
    failure === undefined
      ? await tryAll(connection)
      : [{ failure: wordsAlone(failure), operations: ['clearSettled'] }]
  const [version, foreign] = await Promise.all([versionOf(connection), foreignKeys(connection)])
  return { ...(version === undefined ? {} : { version }), failures, foreign }
}

function isReady({ redis }: RedisConnection): boolean {
  return redis.status === 'ready'
}

const CONNECTED_WITHIN_MS = 1_000
const ASK_AGAIN_MS = 50

/**
 * Deletes what an earlier check may have left, as Pit deletes: what Redis refuses there comes before
 * anything is written. A connection that is not there yet is waited for, unless Redis has said why.
 */
async function firstFailure(
  { redis, key }: RedisConnection,
  told: readonly RedisFailure[],
): Promise<RedisFailure | undefined> {
  const until = performance.now() + CONNECTED_WITHIN_MS
  for (;;) {
    try {
      await redis.unlink(...TRIED.map(key))
      return undefined
    } catch (error) {
      const failure = failureOf(error)
      if (failure.kind !== 'unavailable') return failure
      const said = told.findLast(({ kind }) => kind !== 'unavailable')
      if (said !== undefined) return said
      if (performance.now() >= until) return told.at(-1) ?? failure
      await pause(ASK_AGAIN_MS)
    }
  }
}

/** Behind the prefix with Pit's tag, so that scripts find them in one slot, and rights fit them. */
const OWN = 'doctor:'
const TRIED = Object.keys(KEY_TYPES).map((name) => OWN + name)

async function tryAll(connection: RedisConnection): Promise<readonly FailedOperations[]> {
  const { redis, key } = connection
  const calls = callsOf({ ...connection, key: (name) => key(OWN + name) })
  const tried = Object.entries(calls).map(async ([operation, call]) => ({
    operation,
    error: await call().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    ),
  }))
  const met = new Map<string, { failure: RedisFailure; operations: string[] }>()
  for (const { operation, error } of await Promise.all(tried)) {
    if (error === undefined) continue
    if (!(error instanceof CacheUnavailable)) throw error
    const failure = wordsAlone(failureOf(error.cause))
    const known = met.get(failure.cause) ?? { failure, operations: [] }
    known.operations.push(operation)
    met.set(failure.cause, known)
  }
  // It was allowed a moment ago; what stays is small, and the next check deletes it.
  await redis.unlink(...TRIED.map(key)).catch(() => undefined)
  return [...met.values()]
}

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'
const KEPT_MS = 10_000
const PAYMENT = { correlationId: ID, processor: 'default', requestedAt: 1, amountCents: 1 } as const
const RENEWAL = { systemIdentifier: null, generation: 0, run: ID, count: 0 }

/** Each call that an instance makes, writes before what reads them and what takes them away. */
function callsOf(connection: RedisConnection): Readonly<Record<string, () => Promise<unknown>>> {
  const instance = { instanceId: 'doctor', keptMs: KEPT_MS }
  const circuits = createRedisCircuitCache(connection, instance)
  const delayed = createRedisDelayedQueue(connection)
  const settled = createRedisSettledSet(connection, { keptMs: KEPT_MS })
  const renewals = createRedisRenewalCache(connection)
  const figures = createRedisFiguresCache(connection, instance)
  const outages = createRedisOutagesCache(connection)
  return {
    takeProbeLease: () => circuits.takeProbeLease(KEPT_MS),
    publishHealth: () => circuits.publishHealth('default', { failing: false, minResponseMs: 0 }),
    readHealth: () => circuits.readHealth(),
    publishCircuit: () =>
      circuits.publishCircuit({ processor: 'default', state: 'closed', since: 0 }),
    readCircuits: () => circuits.readCircuits(),
    claimRebuild: () => delayed.claimRebuild(),
    schedule: () => delayed.schedule([{ correlationId: ID, dueInMs: 0 }]),
    takeDue: () => delayed.takeDue(1),
    addSettled: () => settled.add([PAYMENT]),
    readSettled: () => settled.read(),
    removeSettled: () => settled.remove([ID]),
    clearSettled: () => settled.clear(),
    publishRenewal: () => renewals.publish(RENEWAL),
    readRenewal: () => renewals.read(),
    publishFigures: () => figures.publish('{}'),
    keepOutage: () => outages.keep({ id: ID, from: 0, text: '{}' }),
    readOutages: () => outages.readAll(),
  }
}

// Behind Redis' words stand the command's arguments, or the number of the script that met them.
const BEHIND_WORDS = /,? (?:with args beginning with:|script: [\da-f]{40}).*$/s

function wordsAlone({ kind, cause }: RedisFailure): RedisFailure {
  return { kind, cause: cause.replace(BEHIND_WORDS, '') }
}

/** Pit does not need it, so that a user who may not ask for it is none that is told. */
async function versionOf({ redis }: RedisConnection): Promise<string | undefined> {
  const info = await redis.info('server').catch(() => '')
  return /redis_version:(\S+)/.exec(info)?.[1]
}

/** Keys of another type than Pit's, as far as the user may ask for it. */
async function foreignKeys({ redis, key }: RedisConnection): Promise<readonly ForeignKey[]> {
  const found = Object.entries(KEY_TYPES).map(async ([name, expected]) => {
    const type = await redis.type(key(name)).catch(() => 'none')
    return type === 'none' || type === expected ? [] : [{ key: key(name), type, expected }]
  })
  return (await Promise.all(found)).flat()
}
