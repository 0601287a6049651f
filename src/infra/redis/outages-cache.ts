// Outages in Redis, so that the console of each instance shows those of all, also of a process that
// is gone: so many at most, for so many days.

import { nothing, readTexts } from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface RedisOutagesCacheOptions {
  /** Outages kept; given by specs alone. */
  readonly outagesMax?: number
}

const OUTAGES_MAX = 200

/** Kept after the last one that was written, ms. */
const KEPT_MS = 14 * 24 * 3_600_000

/** The console's `OutagesCache`. Each call rejects with `CacheUnavailable`. */
export function createRedisOutagesCache(
  { redis, ask, key, script }: RedisConnection,
  { outagesMax = OUTAGES_MAX }: RedisOutagesCacheOptions = {},
) {
  const outages = key('outages')
  const keep = script('pitKeepOutage', KEEP)
  return {
    keep: ({
      id,
      from,
      text,
    }: {
      readonly id: string
      readonly from: number
      readonly text: string
    }) => ask('keepOutage', keep(outages, id, `${from}|${text}`, outagesMax, KEPT_MS), nothing),
    readAll: () => ask('readOutages', redis.hvals(outages).then(withoutFrom), readTexts),
  }
}

/** Each text has its beginning before it, by which the oldest is known. */
function withoutFrom(texts: readonly string[]): readonly string[] {
  return texts.map((text) => text.slice(text.indexOf('|') + 1))
}

// What has another form than Pit's own is the first to go.
const KEEP = {
  numberOfKeys: 1,
  lua: `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
for _ = 1, redis.call('HLEN', KEYS[1]) - ARGV[3] do
  local outages = redis.call('HGETALL', KEYS[1])
  local oldest, first
  for i = 1, #outages, 2 do
    local from = tonumber(string.match(outages[i + 1], '^%d+')) or -1
    if first == nil or from < first then oldest, first = outages[i], from end
  end
  redis.call('HDEL', KEYS[1], oldest)
end
return 1`,
}
