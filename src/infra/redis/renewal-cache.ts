// The last renewal that PostgreSQL was known to have, for instances that start after all of them have
// ended.

import type { KnownRenewal, RenewalCache } from '../../actors/model/ports.ts'
import { integerIn, nothing, readText } from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export function createRedisRenewalCache(connection: RedisConnection): RenewalCache {
  const { redis, ask } = connection
  const key = connection.key('renewal')
  const publish = connection.script('pitPublishRenewal', PUBLISH)
  return {
    read: () => ask('readRenewal', redis.get(key), (reply) => knownIn(reply)),
    async publish({ systemIdentifier, generation, run, count }) {
      await ask(
        'publishRenewal',
        publish(key, systemIdentifier ?? '', generation, run, count),
        nothing,
      )
    },
  }
}

// What is there of another server goes, and of the same one what is of an older generation.
const PUBLISH = {
  numberOfKeys: 1,
  lua: `
local system, generation = string.match(redis.call('GET', KEYS[1]) or '', '^(.-)|(%d+)|')
if system == ARGV[1] and tonumber(generation) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], table.concat(ARGV, '|'))
return 1`,
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

function knownIn(reply: unknown): KnownRenewal | undefined {
  const [system, generationText, run = '', countText] =
    reply === null ? [] : readText(reply).split('|')
  const generation = integerIn(generationText)
  const count = integerIn(countText)
  if (system === undefined || generation === undefined || count === undefined) return undefined
  if (!UUID.test(run)) return undefined
  return { systemIdentifier: system === '' ? null : system, generation, run, count }
}
