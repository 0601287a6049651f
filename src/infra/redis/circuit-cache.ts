// Processor health in Redis: who may ask the processors, what they said, what instances believe.

import type { CircuitReport, CircuitCache, ProbedHealth } from '../../actors/model/ports.ts'
import type { ProcessorName } from '../../actors/model/payment.ts'
import { REDIS_NOW } from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface RedisCircuitCacheOptions {
  /** Unique among all instances that share this Redis. */
  readonly instanceId: string
  /** How long reports are kept, ms. */
  readonly keptMs?: number
}

export const HEALTH_KEPT_MS = 60_000

export function createRedisCircuitCache(
  connection: RedisConnection,
  { instanceId, keptMs = HEALTH_KEPT_MS }: RedisCircuitCacheOptions,
): CircuitCache {
  const { redis, ask } = connection
  const publishHealth = connection.script('pitPublishHealth', PUBLISH_HEALTH)
  const readHealth = connection.script('pitReadHealth', READ_HEALTH)
  const publishCircuit = connection.script('pitPublishCircuit', PUBLISH_CIRCUIT)
  const readCircuits = connection.script('pitReadCircuits', READ_CIRCUITS)

  return {
    async takeProbeLease(ttlMs) {
      const reply = redis.set(LEASE_KEY, instanceId, 'PX', Math.ceil(ttlMs), 'NX')
      return (await ask('takeProbeLease', reply)) === 'OK'
    },

    async publishHealth(processor, { failing, minResponseMs }) {
      const health = `${failing ? 1 : 0}|${minResponseMs}`
      await ask('publishHealth', publishHealth(healthKey(processor), health, keptMs))
    },

    async readHealth() {
      const reply = await ask('readHealth', readHealth(...PROCESSORS.map(healthKey)))
      return readHealths(reply as HealthReply)
    },

    async publishCircuit({ processor, state, since }) {
      const field = `${processor}:${instanceId}`
      await ask('publishCircuit', publishCircuit(CIRCUITS_KEY, field, `${state}|${since}`, keptMs))
    },

    async readCircuits() {
      const reply = await ask('readCircuits', readCircuits(CIRCUITS_KEY))
      return readReports(reply as CircuitsReply, keptMs)
    },
  }
}

const LEASE_KEY = 'pit:probe-lease'
const CIRCUITS_KEY = 'pit:circuits'
const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']
const STATES: readonly string[] = ['closed', 'open', 'halfOpen'] satisfies CircuitReport['state'][]

/** Redis' now, epoch ms, and the values in the order of `PROCESSORS`. */
type HealthReply = readonly [now: number, values: readonly (string | null)[]]
/** Redis' now, epoch ms, and fields and values by turns. */
type CircuitsReply = readonly [now: number, fieldsAndValues: readonly string[]]

const PUBLISH_HEALTH = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
return redis.call('SET', KEYS[1], string.format('%.0f', now) .. '|' .. ARGV[1], 'PX', ARGV[2])`,
}

const READ_HEALTH = {
  numberOfKeys: 2,
  lua: `${REDIS_NOW}
return { now, redis.call('MGET', KEYS[1], KEYS[2]) }`,
}

// Fields of a hash do not expire by themselves: whoever publishes sweeps out what is too old.
const PUBLISH_CIRCUIT = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
local reports = redis.call('HGETALL', KEYS[1])
for i = 1, #reports, 2 do
  local at = tonumber(string.match(reports[i + 1], '^%d+'))
  if at == nil or at + ARGV[3] <= now then redis.call('HDEL', KEYS[1], reports[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. '|' .. ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`,
}

const READ_CIRCUITS = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
return { now, redis.call('HGETALL', KEYS[1]) }`,
}

function healthKey(processor: ProcessorName): string {
  return `pit:health:${processor}`
}

function readHealths([now, values]: HealthReply): Partial<Record<ProcessorName, ProbedHealth>> {
  const healths: Partial<Record<ProcessorName, ProbedHealth>> = {}
  for (const [index, processor] of PROCESSORS.entries()) {
    const [at, failing, minResponseMs] = values[index]?.split('|') ?? []
    // What another version of Pit wrote in another form counts as not there.
    if (at === undefined || failing === undefined || minResponseMs === undefined) continue
    healths[processor] = {
      failing: failing === '1',
      minResponseMs: Number(minResponseMs),
      ageMs: Math.max(0, now - Number(at)),
    }
  }
  return healths
}

function readReports(
  [now, fieldsAndValues]: CircuitsReply,
  keptMs: number,
): Readonly<Record<string, readonly CircuitReport[]>> {
  const reports = new Map<string, CircuitReport[]>()
  for (let index = 0; index + 1 < fieldsAndValues.length; index += 2) {
    const field = fieldsAndValues[index] ?? ''
    const [at, state, since] = fieldsAndValues[index + 1]?.split('|') ?? []
    const processor = PROCESSORS.find((name) => field.startsWith(`${name}:`))
    if (processor === undefined || !isState(state) || now - Number(at) >= keptMs) continue
    const instanceId = field.slice(processor.length + 1)
    const report = { processor, state, since: Number(since) }
    reports.set(instanceId, [...(reports.get(instanceId) ?? []), report])
  }
  return Object.fromEntries(reports)
}

function isState(state: string | undefined): state is CircuitReport['state'] {
  return state !== undefined && STATES.includes(state)
}
