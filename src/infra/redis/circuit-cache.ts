// Processor health in Redis: who may ask the processors, what they said, what instances believe.

import type { CircuitReport, CircuitCache, ProbedHealth } from '../../actors/model/ports.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'
import { createAgedHash } from './aged-hash.ts'
import {
  integerIn,
  nothing,
  numberIn,
  readList,
  readText,
  readTimed,
  REDIS_NOW,
} from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface RedisCircuitCacheOptions {
  /** Unique among all instances that share this Redis. */
  readonly instanceId: string
  /** How long reports are kept, ms; given by specs alone. */
  readonly keptMs?: number
}

const HEALTH_KEPT_MS = 60_000

export function createRedisCircuitCache(
  connection: RedisConnection,
  { instanceId, keptMs = HEALTH_KEPT_MS }: RedisCircuitCacheOptions,
): CircuitCache {
  const { redis, ask, key } = connection
  const leaseKey = key('probe-lease')
  const healthKey = (processor: ProcessorName): string => key(`health:${processor}`)
  const publishHealth = connection.script('pitPublishHealth', PUBLISH_HEALTH)
  const readHealth = connection.script('pitReadHealth', READ_HEALTH)
  const circuits = createAgedHash(connection, {
    name: 'circuits',
    operations: { publish: 'publishCircuit', readAll: 'readCircuits' },
    keptMs,
  })

  return {
    takeProbeLease(ttlMs) {
      const reply = redis.set(leaseKey, instanceId, 'PX', Math.ceil(ttlMs), 'NX')
      return ask('takeProbeLease', reply, (text) => text !== null && readText(text) === 'OK')
    },

    publishHealth(processor, { failing, minResponseMs }) {
      const health = `${failing ? 1 : 0}|${minResponseMs}`
      const reply = publishHealth(healthKey(processor), health, keptMs)
      return ask('publishHealth', reply, nothing)
    },

    readHealth: () => ask('readHealth', readHealth(...PROCESSORS.map(healthKey)), healthsIn),

    async publishCircuit({ processor, state, since }) {
      await circuits.publish(`${processor}:${instanceId}`, `${state}|${since}`)
    },

    async readCircuits() {
      const reports = new Map<string, CircuitReport[]>()
      for (const entry of await circuits.readAll()) {
        const [publisher, report] = reportIn(entry) ?? []
        if (publisher === undefined || report === undefined) continue
        reports.set(publisher, [...(reports.get(publisher) ?? []), report])
      }
      return Object.fromEntries(reports)
    },
  }
}

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']
const STATES: readonly string[] = ['closed', 'open', 'halfOpen'] satisfies CircuitReport['state'][]

const PUBLISH_HEALTH = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
return redis.call('SET', KEYS[1], string.format('%.0f', now) .. '|' .. ARGV[1], 'PX', ARGV[2])`,
}

/** Redis' now, and the values in the order of `PROCESSORS`. */
const READ_HEALTH = {
  numberOfKeys: 2,
  lua: `${REDIS_NOW}
return { now, redis.call('MGET', KEYS[1], KEYS[2]) }`,
}

function healthsIn(reply: unknown): Partial<Record<ProcessorName, ProbedHealth>> {
  const { now, value } = readTimed(reply)
  const texts = readList(value)
  const healths: Partial<Record<ProcessorName, ProbedHealth>> = {}
  for (const [index, processor] of PROCESSORS.entries()) {
    const text = texts[index]
    // Null: nobody has published. What another version of Pit wrote in another form counts the
    // same.
    const [at, failing, minResponseMs] = typeof text === 'string' ? text.split('|') : []
    const published = integerIn(at)
    const minimum = numberIn(minResponseMs)
    if (published === undefined || minimum === undefined) continue
    if (failing !== '0' && failing !== '1') continue
    const ageMs = Math.max(0, now - published)
    healths[processor] = { failing: failing === '1', minResponseMs: minimum, ageMs }
  }
  return healths
}

/** The instance and what it believes; undefined for what has another form. */
function reportIn([field, text]: readonly [string, string]): [string, CircuitReport] | undefined {
  const processor = PROCESSORS.find((name) => field.startsWith(`${name}:`))
  const [state, sinceText] = text.split('|')
  const since = integerIn(sinceText)
  if (processor === undefined || !isState(state) || since === undefined) return undefined
  return [field.slice(processor.length + 1), { processor, state, since }]
}

function isState(state: string | undefined): state is CircuitReport['state'] {
  return state !== undefined && STATES.includes(state)
}
