// Due times of parked payments: one sorted set, scored by Redis' clock.

import type { ParkedEntry, DelayedQueue } from '../../actors/model/ports.ts'
import {
  chunksOf,
  isCorrelationId,
  nothing,
  readInteger,
  readTexts,
  REDIS_NOW,
} from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

/** Entries kept at most, about 100 bytes each in Redis; the ledger has the others. */
const ENTRIES_MAX = 20_000

/** @param entriesMax given by specs alone. */
export function createRedisDelayedQueue(
  connection: RedisConnection,
  { entriesMax = ENTRIES_MAX }: { readonly entriesMax?: number } = {},
): DelayedQueue {
  const { redis, ask } = connection
  const key = connection.key('retry')
  const schedule = connection.script('pitScheduleRetries', SCHEDULE)
  const takeDue = connection.script('pitTakeDueRetries', TAKE_DUE)

  return {
    async schedule(entries) {
      const replies = chunksOf(entries).map((chunk) =>
        schedule(key, MARKER, entriesMax, ...chunk.flatMap(flatten)),
      )
      await ask('schedule', Promise.all(replies), nothing)
    },

    /**
     * What was taken by a call whose reply got lost is found again by way of the ledger. What is
     * no id is taken out and dropped: the ledger would refuse all that are named with it.
     */
    async takeDue(limit) {
      if (limit <= 0) return []
      return (await ask('takeDue', takeDue(key, limit), readTexts)).filter(isCorrelationId)
    },

    /** A claim whose reply got lost leaves the queue empty: due payments come from the ledger. */
    async claimRebuild() {
      const added = redis.zadd(key, 'NX', '+inf', MARKER)
      return (await ask('claimRebuild', added, readInteger)) === 1
    },
  }
}

/**
 * The member whose absence says that the queue was lost. It stands in the set itself, never due, so
 * that it goes exactly when the data go, by a flush as well as by an eviction.
 */
const MARKER = 'rebuilt'

function flatten(entry: ParkedEntry): [string, number] {
  return [entry.correlationId, Math.ceil(entry.dueInMs)]
}

const SCHEDULE = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
local size = redis.call('ZCARD', KEYS[1])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then size = size - 1 end
local capacity = ARGV[2] - size
for i = 3, #ARGV, 2 do
  local due = string.format('%.0f', now + ARGV[i + 1])
  if capacity > 0 then
    capacity = capacity - redis.call('ZADD', KEYS[1], due, ARGV[i])
  else
    redis.call('ZADD', KEYS[1], 'XX', due, ARGV[i])
  end
end
return capacity`,
}

const TAKE_DUE = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[1])
if #due > 0 then redis.call('ZREMRANGEBYRANK', KEYS[1], 0, #due - 1) end
return due`,
}
