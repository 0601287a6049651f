// The instances' figures in Redis, so that the console of each shows all of them.

import { REDIS_NOW } from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface FiguresCache {
  /** Replaces what this instance published before. Rejects with `CacheUnavailable`. */
  publish(text: string): Promise<void>
  /** By instance id; those older than the bound are left out. Rejects with `CacheUnavailable`. */
  readAll(): Promise<Readonly<Record<string, string>>>
}

/** Age beyond which an instance counts as gone, ms. */
const FIGURES_KEPT_MS = 5_000

export function createRedisFiguresCache(
  connection: RedisConnection,
  { instanceId }: { readonly instanceId: string },
): FiguresCache {
  const publish = connection.script('pitPublishFigures', PUBLISH)
  const readAll = connection.script('pitReadFigures', READ_ALL)
  return {
    async publish(text) {
      await connection.ask('publishFigures', publish(KEY, instanceId, text, FIGURES_KEPT_MS))
    },
    async readAll() {
      const reply = await connection.ask('readFigures', readAll(KEY))
      return readTexts(reply as Reply)
    },
  }
}

const KEY = 'pit:figures'

/** Redis' now, epoch ms, and fields and values by turns. */
type Reply = readonly [now: number, fieldsAndValues: readonly string[]]

// Fields of a hash do not expire by themselves: whoever publishes sweeps out what is too old.
const PUBLISH = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
local figures = redis.call('HGETALL', KEYS[1])
for i = 1, #figures, 2 do
  local at = tonumber(string.match(figures[i + 1], '^%d+'))
  if at == nil or at + ARGV[3] <= now then redis.call('HDEL', KEYS[1], figures[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. '|' .. ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`,
}

const READ_ALL = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
return { now, redis.call('HGETALL', KEYS[1]) }`,
}

function readTexts([now, fieldsAndValues]: Reply): Readonly<Record<string, string>> {
  const texts = new Map<string, string>()
  for (let index = 0; index + 1 < fieldsAndValues.length; index += 2) {
    const value = fieldsAndValues[index + 1] ?? ''
    const bar = value.indexOf('|')
    if (now - Number(value.slice(0, bar)) >= FIGURES_KEPT_MS) continue
    texts.set(fieldsAndValues[index] ?? '', value.slice(bar + 1))
  }
  return Object.fromEntries(texts)
}
