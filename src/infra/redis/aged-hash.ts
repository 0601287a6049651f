// A hash in Redis by instance: what each publishes about itself, forgotten when it falls silent.

import { integerIn, readFields, readTimed, REDIS_NOW } from './redis-connection.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface AgedHash {
  /** Replaces what was published under this field, and gives what `readAll` does, in one call. */
  publish(field: string, text: string): Promise<Entries>
  /**
   * Fields with their texts that are young enough, and have the form of this hash. Rejects with
   * `CacheUnavailable`.
   */
  readAll(): Promise<Entries>
}

type Entries = readonly (readonly [field: string, text: string])[]

export interface AgedHashOptions {
  /** Name of the key, without the prefix. */
  readonly name: string
  /** Names of the operations, for failures. */
  readonly operations: { readonly publish: string; readonly readAll: string }
  /** Age beyond which a text is forgotten, ms. */
  readonly keptMs: number
}

export function createAgedHash(
  connection: RedisConnection,
  { name, operations, keptMs }: AgedHashOptions,
): AgedHash {
  const key = connection.key(name)
  const publish = connection.script('pitPublish', PUBLISH)
  const readAll = connection.script('pitReadAll', READ_ALL)
  const read = (reply: unknown): Entries => young(reply, keptMs)
  return {
    publish: (field, text) =>
      connection.ask(operations.publish, publish(key, field, text, keptMs), read),
    readAll: () => connection.ask(operations.readAll, readAll(key), read),
  }
}

// Fields of a hash do not expire by themselves: each publisher sweeps out what is too old.
const PUBLISH = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
local texts = redis.call('HGETALL', KEYS[1])
for i = 1, #texts, 2 do
  local at = tonumber(string.match(texts[i + 1], '^%d+'))
  if at == nil or at + ARGV[3] <= now then redis.call('HDEL', KEYS[1], texts[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. '|' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { now, redis.call('HGETALL', KEYS[1]) }`,
}

const READ_ALL = {
  numberOfKeys: 1,
  lua: `${REDIS_NOW}
return { now, redis.call('HGETALL', KEYS[1]) }`,
}

function young(reply: unknown, keptMs: number): Entries {
  const { now, value } = readTimed(reply)
  const found: (readonly [string, string])[] = []
  for (const [field, stamped] of readFields(value)) {
    const bar = stamped.indexOf('|')
    const at = integerIn(stamped.slice(0, Math.max(bar, 0)))
    // What another version of Pit wrote in another form counts as not there.
    if (at !== undefined && now - at < keptMs) found.push([field, stamped.slice(bar + 1)])
  }
  return found
}
