// How far PostgreSQL was known to have come, for instances that start after all of them have ended.

import type { KnownPosition, PositionCache } from '../../actors/model/ports.ts'
import { integerIn, nothing, readText } from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export function createRedisPositionCache(connection: RedisConnection): PositionCache {
  const { redis, ask } = connection
  const key = connection.key('position')
  const publish = connection.script('pitPublishPosition', PUBLISH)
  return {
    read: () => ask('readPosition', redis.get(key), (reply) => knownIn(reply)),
    async publish({ systemIdentifier, generation, position }) {
      await ask(
        'publishPosition',
        publish(key, systemIdentifier ?? '', generation, position),
        nothing,
      )
    },
  }
}

// What is there of another server goes, and of the same one the older generation, or position.
const PUBLISH = {
  numberOfKeys: 1,
  lua: `
local system, generation, position = string.match(redis.call('GET', KEYS[1]) or '', '^(.*)|(%d+)|(%d+)$')
if system == ARGV[1] then
  generation, position = tonumber(generation), tonumber(position)
  if generation > tonumber(ARGV[2]) then return 0 end
  if generation == tonumber(ARGV[2]) and position > tonumber(ARGV[3]) then return 0 end
end
redis.call('SET', KEYS[1], table.concat(ARGV, '|'))
return 1`,
}

function knownIn(reply: unknown): KnownPosition | undefined {
  const [system, generationText, positionText] = reply === null ? [] : readText(reply).split('|')
  const generation = integerIn(generationText)
  const position = integerIn(positionText)
  if (system === undefined || generation === undefined || position === undefined) return undefined
  return { systemIdentifier: system === '' ? null : system, generation, position }
}
