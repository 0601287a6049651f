// The one connection to Redis that all caches share. Redis only helps: what it cannot do at once
// fails at once, and nothing is queued for its return.

import assert from 'node:assert'
import type { LookupFunction } from 'node:net'
import { CacheUnavailable, isBug } from '../../actors/model/errors.ts'
import { failureOf, UnreadableReply, type RedisFailure } from './redis-failures.ts'
import { openClient, type RedisClient } from './redis-servers.ts'

export interface RedisConnectionOptions {
  /**
   * `redis://[user:password@]host:port[/database]`, `unix:///path/of/the.sock`,
   * `redis+sentinel://[user:password@]host:port,host:port/name[/database]` with the Sentinels' hosts,
   * or `redis+cluster://[user:password@]host:port,host:port`, all percent-encoded.
   */
  readonly url: string
  /** What the name of each key begins with. */
  readonly keyPrefix?: string
  /** Resolves the name of a single server; absent: Node's own. */
  readonly lookup?: LookupFunction | undefined
  /** Longest wait for one reply, ms; given by specs alone. */
  readonly commandTimeoutMs?: number
  /** Called for each call and each connection that failed. */
  readonly onFailure?: (failure: RedisFailure) => void
}

/** Arguments behind the keys are sent as text. */
export type RedisScript = (...keysAndArguments: (string | number)[]) => Promise<unknown>

export interface ScriptDefinition {
  readonly numberOfKeys: number
  readonly lua: string
}

export interface RedisConnection {
  /** Commands are executed in the order of the calls. */
  readonly redis: RedisClient
  /**
   * The name of one of Pit's keys. All of them have one tag, so that they share a slot: a script may
   * use several, also in a cluster.
   */
  readonly key: (name: string) => string
  /**
   * What `read` makes of the reply. Rejects with `CacheUnavailable` that names the operation,
   * whatever went wrong, be it that `read` could not read the reply. A bug rejects as it is.
   */
  readonly ask: <Value>(
    operation: string,
    reply: Promise<unknown>,
    read: (reply: unknown) => Value,
  ) => Promise<Value>
  /** Names a Lua script; it runs atomically and sees Redis' own clock. */
  readonly script: (name: string, definition: ScriptDefinition) => RedisScript
  /** Lets commands that were sent finish within the command timeout. */
  readonly close: () => Promise<void>
}

const COMMAND_TIMEOUT_MS = 100

/** Begins to connect and returns; until Redis is there, and whenever it is not, each call fails. */
export function connectRedis({
  url,
  keyPrefix = 'pit',
  lookup,
  commandTimeoutMs = COMMAND_TIMEOUT_MS,
  onFailure = ignore,
}: RedisConnectionOptions): RedisConnection {
  const redis = openClient(url, { lookup, commandTimeoutMs })
  const report = (error: unknown): void => onFailure(failureOf(error))
  redis.on('error', (error: Error) => {
    report(error)
    // A database that there is not: the library would go on in database 0, among others' keys.
    if (NO_DATABASE.test(error.message)) redis.disconnect(true)
  })

  return {
    redis,

    key: (name) => `{${keyPrefix}}:${name}`,

    async ask(operation, reply, read) {
      try {
        return read(await reply)
      } catch (cause) {
        if (isBug(cause)) throw cause
        report(cause)
        throw new CacheUnavailable(operation, cause)
      }
    },

    script(name, definition) {
      redis.defineCommand(name, definition)
      const command: unknown = Reflect.get(redis, name)
      assert(typeof command === 'function')
      return (...keysAndArguments) => Reflect.apply(command, redis, keysAndArguments)
    },

    async close() {
      await redis.quit().catch(ignore)
      redis.disconnect()
    },
  }
}

/** Bound on the first answer, ms. */
const FIRST_ANSWER_MS = 1_000

const NO_DATABASE = /^ERR (?:invalid )?DB index/
const NO_LOGIN = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR Client sent AUTH)\b/

/**
 * What Redis answers to a new connection that no waiting mends: a wrong password, a database that
 * there is not. Undefined when it takes the connection, or cannot be reached now.
 */
export function firstRefusal({ redis }: RedisConnection): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const end = (refusal: Error | undefined): void => {
      clearTimeout(timer)
      redis.off('ready', onReady).off('error', onError)
      resolve(refusal)
    }
    const onReady = (): void => end(undefined)
    const onError = (error: Error): void => {
      const isRefusal = NO_DATABASE.test(error.message) || NO_LOGIN.test(error.message)
      end(isRefusal ? error : undefined)
    }
    const timer = setTimeout(onReady, FIRST_ANSWER_MS)
    redis.on('ready', onReady).on('error', onError)
  })
}

/** Redis' clock in a script, epoch ms: hosts' clocks are never compared. */
export const REDIS_NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * Many entries as several calls, to be sent all at once so that nothing else comes between them.
 * 500 keep one call at about a millisecond of Redis' time; Lua unpacks some 8,000 arguments.
 */
export function chunksOf<Item>(items: readonly Item[]): (readonly Item[])[] {
  const chunks: (readonly Item[])[] = []
  for (let from = 0; from < items.length; from += 500) chunks.push(items.slice(from, from + 500))
  return chunks
}

// Replies are what Redis holds under Pit's keys, and Redis is shared: another version of Pit, or
// anybody, may have written there. What has another form than Pit's own is refused.

/** Reads the reply to a write: that there is one says all. */
export function nothing(): void {
  // Nothing is read.
}

export function readText(reply: unknown): string {
  if (typeof reply !== 'string') throw new UnreadableReply('the reply is no text')
  return reply
}

export function readList(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new UnreadableReply('the reply is no list')
  return reply
}

export function readTexts(reply: unknown): readonly string[] {
  return readList(reply).map(readText)
}

/** The fields of a hash with their texts, which HGETALL gives as one list. */
export function readFields(reply: unknown): readonly (readonly [field: string, text: string])[] {
  const texts = readTexts(reply)
  const fields: (readonly [string, string])[] = []
  for (let index = 0; index < texts.length; index += 2) {
    const [field, text] = texts.slice(index, index + 2)
    if (field === undefined || text === undefined) throw new UnreadableReply('a field has no text')
    fields.push([field, text])
  }
  return fields
}

/** A whole number, as Redis' own integers are. */
export function readInteger(reply: unknown): number {
  if (!isInteger(reply)) throw new UnreadableReply('the reply is no whole number')
  return reply
}

/** Redis' now, epoch ms, and what a script gives with it. */
export function readTimed(reply: unknown): { readonly now: number; readonly value: unknown } {
  if (!Array.isArray(reply) || reply.length !== 2) throw new UnreadableReply('the reply is no pair')
  return { now: readInteger(reply[0]), value: reply[1] }
}

/** The number, 0 or more, that a text inside an entry has in digits; undefined: it has none. */
export function numberIn(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d/.test(text)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}

/** The same for a whole number that is exact. */
export function integerIn(text: string | undefined): number | undefined {
  const number = numberIn(text)
  return isInteger(number) ? number : undefined
}

/**
 * Whether PostgreSQL will take a text for an id of a payment; one that is none fails a statement.
 */
export function isCorrelationId(text: string): boolean {
  return CORRELATION_ID.test(text)
}

const CORRELATION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function ignore(): void {
  // Nothing hangs on it: each command reports its own failure.
}
