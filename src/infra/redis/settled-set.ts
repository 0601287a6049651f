// Settled payments that are not committed yet: one hash by correlationId, shared by all instances.

import type { SettledPayment } from '../../actors/model/payment.ts'
import type { SettledSet } from '../../actors/model/ports.ts'
import { chunksOf, integerIn, isCorrelationId, nothing, readText } from './redis-connection.ts'
import { UnreadableReply } from './redis-failures.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface RedisSettledSetOptions {
  /** The set expires when nothing has been added to it for this long, ms; given by specs alone. */
  readonly keptMs?: number
  /** Entries kept at most, about 100 bytes each; beyond it `add` fails. Given by specs alone. */
  readonly entriesMax?: number
}

/** Far longer than a commit takes, far shorter than Redis' memory lasts. */
const SETTLED_KEPT_MS = 3_600_000
const SETTLED_ENTRIES_MAX = 100_000

/**
 * All calls keep their order on the one connection: an entry that is added and then removed is not
 * there. What a dead instance left is removed by the next reader, who asks the ledger.
 */
export function createRedisSettledSet(
  connection: RedisConnection,
  { keptMs = SETTLED_KEPT_MS, entriesMax = SETTLED_ENTRIES_MAX }: RedisSettledSetOptions = {},
): SettledSet {
  const { redis, ask } = connection
  const key = connection.key('settled')
  const add = connection.script('pitAddSettled', ADD)

  return {
    async add(entries) {
      const replies = chunksOf(entries).map((chunk) =>
        add(key, keptMs, entriesMax, ...chunk.flatMap(flatten)),
      )
      await ask('addSettled', Promise.all(replies), nothing)
    },

    async remove(correlationIds) {
      const replies = chunksOf(correlationIds).map((chunk) => redis.hdel(key, ...chunk))
      await ask('removeSettled', Promise.all(replies), nothing)
    },

    read: () => ask('readSettled', redis.hgetall(key), entriesIn),

    clear: () => ask('clearSettled', redis.unlink(key), nothing),
  }
}

const ADD = {
  numberOfKeys: 1,
  lua: `
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then return redis.error_reply('FULL settled set') end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`,
}

function flatten({ correlationId, processor, requestedAt, amountCents }: SettledPayment): string[] {
  return [correlationId, `${processor}|${requestedAt}|${amountCents}`]
}

function entriesIn(reply: unknown): readonly SettledPayment[] {
  if (typeof reply !== 'object' || reply === null) throw new UnreadableReply('the reply is no hash')
  return Object.entries(reply).flatMap(([field, value]) => entryIn(field, readText(value)))
}

/**
 * What another version of Pit wrote in another form is left out: a summary with the other entries
 * is nearer to the truth than one without any. What is no id must not get into the ledger's
 * statement, which would fail for all.
 */
function entryIn(correlationId: string, text: string): readonly SettledPayment[] {
  const [processor, requestedAtText, amountText] = text.split('|')
  const requestedAt = integerIn(requestedAtText)
  const amountCents = integerIn(amountText)
  if (processor !== 'default' && processor !== 'fallback') return []
  if (requestedAt === undefined || amountCents === undefined) return []
  return isCorrelationId(correlationId)
    ? [{ correlationId, processor, requestedAt, amountCents }]
    : []
}
