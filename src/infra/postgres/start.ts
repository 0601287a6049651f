// The start over PostgreSQL: waits for a server that is still to come, ends at once for what no
// waiting mends, and leaves the tables as this version of Pit needs them.

import { setTimeout as delay } from 'node:timers/promises'
import { LedgerUnavailable, codeOf, isBug, wordsOf } from '../../actors/model/errors.ts'
import { SharedSession } from './connection.ts'
import { PostgresReconnector } from './reconnector.ts'
import type { ServersConfig } from './reconnector.ts'
import { SchemaUnfit, applyMigrations } from './migrating.ts'
import type { Applying, MigrationNews, MigrationState } from './migrating.ts'
import { MIGRATION_TIMEOUT_MS } from './migration-sql.ts'
import type { Migrations } from './migrations.ts'
import { applySchema, type SchemaStart } from './schema.ts'

export interface Waiting {
  /** How long PostgreSQL is waited for, ms. */
  readonly timeoutMs: number
  /** Told why, at first, whenever that changes, and every `REMINDER_MS`. */
  readonly onWaiting: (reason: string) => void
  /** Told each `REMINDER_MS` for how long the tables are being brought up to date already. */
  readonly onMigrating: (seconds: number) => void
  /** Told of each migration that is applied. */
  readonly onNews: (news: MigrationNews) => void
  /** Told once which indexes are missing. */
  readonly onUnindexed: SchemaStart['onUnindexed']
  readonly migrations: Migrations
  readonly migrate: SchemaStart['migrate']
}

/** How long a start waits for a PostgreSQL to come up, and then for a lease there, ms. */
export const START_TIMEOUT_MS = 30_000

const RETRY_MS = 250
const REMINDER_MS = 5_000

/**
 * Resolves once the tables are there, which may take `MIGRATION_TIMEOUT_MS` more, with what is left
 * to apply. Rejects with `LedgerUnavailable`, whose cause has the server's words: at once when they
 * are about what a person has to change.
 */
export async function prepareLedger(
  config: ServersConfig,
  waiting: Waiting,
): Promise<MigrationState> {
  const { onWaiting } = waiting
  const deadline = performance.now() + waiting.timeoutMs
  const told = { reason: '', at: 0 }
  for (;;) {
    try {
      return await prepareOnce(config, { ...waiting, timeoutMs: deadline - performance.now() })
    } catch (cause) {
      const now = performance.now()
      if (isForAPerson(cause) || now + RETRY_MS >= deadline) {
        throw new LedgerUnavailable('start', 'none', cause)
      }
      const reason = wordsOf(cause)
      if (reason !== told.reason || now >= told.at + REMINDER_MS) {
        Object.assign(told, { reason, at: now })
        onWaiting(reason)
      }
      await delay(RETRY_MS)
    }
  }
}

async function prepareOnce(
  config: ServersConfig,
  { timeoutMs, onMigrating, ...schema }: Waiting,
): Promise<MigrationState> {
  const first = new PostgresReconnector(config)
  const second = new PostgresReconnector(config)
  const endAfter = (ms: number) => setTimeout(() => first.destroy(), Math.max(1, ms))
  let timer = endAfter(timeoutMs)
  const migrating = async <Value>(run: Promise<Value>): Promise<Value> => {
    clearTimeout(timer)
    timer = endAfter(MIGRATION_TIMEOUT_MS)
    const startedAt = performance.now()
    const reminder = setInterval(
      () => onMigrating(Math.round((performance.now() - startedAt) / 1000)),
      REMINDER_MS,
    )
    try {
      return await run
    } finally {
      clearInterval(reminder)
      clearTimeout(timer)
      timer = endAfter(timeoutMs)
    }
  }
  try {
    const connection = await first.connect()
    // Two that are open at once have a session each, unless a pooler lends one to both in turn.
    const { session } = await second.connect()
    if (session.backend === connection.session.backend) throw new SharedSession()
    return await applySchema(connection, { ...schema, migrating })
  } finally {
    clearTimeout(timer)
    await Promise.all([first.end(), second.end()])
  }
}

/** Between two tries to go on with migrations that could not, ms. */
const MIGRATE_AGAIN_MS = 2_000

/**
 * Applies migrations until they are done, over lost connections, locks that others hold and servers
 * that restart, for which `onWaiting` has the reason. Rejects with what a person has to change, and
 * when `signal` ends it: after the statement that runs, or with it where that takes long.
 */
export async function migrateToTheEnd(
  config: ServersConfig,
  applying: Applying & {
    readonly onWaiting: Waiting['onWaiting']
    /** How long nothing may succeed, ms. Default for ever. */
    readonly giveUpMs?: number
  },
): Promise<void> {
  const { signal, onWaiting, giveUpMs = Infinity } = applying
  let succeededAt = performance.now()
  const onNews: Applying['onNews'] = (news) => {
    succeededAt = performance.now()
    applying.onNews?.(news)
  }
  for (;;) {
    const reconnector = new PostgresReconnector(config)
    const stop = (): void => reconnector.destroy()
    signal?.addEventListener('abort', stop)
    try {
      signal?.throwIfAborted()
      await applyMigrations(await reconnector.connect(), { ...applying, onNews })
      return
    } catch (cause) {
      if (signal?.aborted === true || isBug(cause) || isForAPerson(cause)) throw cause
      if (performance.now() > succeededAt + giveUpMs) throw cause
      onWaiting(wordsOf(cause))
      await delay(MIGRATE_AGAIN_MS, undefined, { signal })
    } finally {
      signal?.removeEventListener('abort', stop)
      await reconnector.end()
    }
  }
}

// What was refused for what it is: password, database, right, statement, value, constraint.
const REFUSED_CLASSES = new Set(['0A', '22', '23', '28', '3D', '3F', '42'])

/** A database that takes no connections, such as template0. */
const CLOSED_DATABASE = '55000'

/** Certificates that are not trusted, TLS that cannot be agreed on. */
const TLS_CODES = /^(?:CERT_|DEPTH_|ERR_SSL_|ERR_TLS_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA$)/

/** A folder in the place of a file, a parameter `port` that is no port. */
const UNUSABLE_CODES = new Set(['EISDIR', 'ERR_SOCKET_BAD_PORT'])

/** What pg throws without a code: it cannot log in, or the server has no TLS. */
const PG_REFUSALS = /^SASL: |asks for a password|does not support SSL|sslnegotiation|sslmode=/

/**
 * Whether no waiting mends it. Everything else may heal: a server that is not there, starts up, is
 * full, or cannot be written to yet, and a name that is not resolved.
 */
export function isForAPerson(cause: unknown): boolean {
  if (cause instanceof AggregateError) return cause.errors.every(isForAPerson)
  // A URL or a file of a certificate that cannot be read. A socket's file may still come.
  if (cause instanceof TypeError || cause instanceof URIError) return true
  if (cause instanceof SharedSession || cause instanceof SchemaUnfit) return true
  const code = codeOf(cause)
  if (/^[0-9A-Z]{5}$/.test(code)) {
    return code === CLOSED_DATABASE || REFUSED_CLASSES.has(code.slice(0, 2))
  }
  if (TLS_CODES.test(code)) return true
  if (UNUSABLE_CODES.has(code)) return true
  if (cause instanceof Error && 'syscall' in cause) return cause.syscall === 'open'
  return code === '' && cause instanceof Error && PG_REFUSALS.test(cause.message)
}
