// One pass of the archiver: settled payments of days gone by move out of the hot tables, totals of
// seconds are joined, what is too old is dropped.

import { setTimeout as delay } from 'node:timers/promises'
import { codeOf } from '../../actors/model/errors.ts'
import {
  DAY_MS,
  dropPartitions,
  ensurePartition,
  type DroppedPartitions,
} from './archive-partitions.ts'
import { findUnjoined, joinTotals } from './archive-totals.ts'
import { isRetriable, type PostgresConnection } from './connection.ts'
import { BOOLEAN, FLOAT, INTEGER, TEXT, nullable, readOnlyRow, readRows } from './rows.ts'
import type { Query, Statement } from './rows.ts'
import { FIND_LACKING } from './schema.ts'
import { arrayOf, isKnown } from './sql.ts'

export interface ArchiveSettings {
  /** Age, by its instant and by its acceptance, from which a settled payment is archived, ms. */
  readonly afterMs: number
  /** Payments a second at most; 0: none are archived. */
  readonly rateMax: number
  /** How old an archived payment may get, ms, and for how long its id is known; undefined: for ever. */
  readonly keepMs: number | undefined
  readonly knownMs: number | undefined
}

/** What one pass has done. */
export interface ArchivePass {
  readonly payments: number
  readonly tookMs: number
  /** Age of the oldest settled payment that is left in the hot tables, ms; 0 without any. */
  readonly oldestMs: number
}

export interface ArchivePassOptions extends ArchiveSettings {
  /** Told of what a pass drops, once for each table, also where it is broken off. */
  readonly onDropped?: (dropped: DroppedPartitions) => void
  /** Breaks it off. */
  readonly signal?: AbortSignal
  /** This machine's time of day, epoch ms; default `Date.now`. */
  readonly timeOfDay?: () => number
}

/** Payments cannot be archived yet, for a reason that PostgreSQL does not have. */
class ArchiveWaits extends Error {
  override readonly name = 'ArchiveWaits'
  readonly code = 'archive_waits'
}

/**
 * One pass, from the oldest payment to the youngest that is old enough; undefined: another session
 * is at it. Rejects with what PostgreSQL said, or with why it has to wait; what is moved stays moved.
 */
export async function archiveOnce(
  connection: PostgresConnection,
  { signal, onDropped = () => undefined, timeOfDay = Date.now, ...settings }: ArchivePassOptions,
): Promise<ArchivePass | undefined> {
  await connection.query(BOUNDS, [])
  const { locked } = readOnlyRow(TRY_LOCK, await connection.query(TRY_LOCK, []))
  if (!locked) return undefined
  const startedAt = performance.now()
  try {
    let payments = 0
    const first = await findNext(connection, { from: 0, ...settings })
    const { before } = first
    let { next } = first
    checkClocks(before + settings.afterMs, timeOfDay())
    if (next !== null || (await findUnjoined(connection, before)) !== null) {
      await checkReadiness(connection)
    }
    while (next !== null) {
      const widthMs = knownWidth(settings)
      const known = { table: 'known_payments', at: next, widthMs } as const
      const day = { table: 'archived_payments', at: next, widthMs: DAY_MS } as const
      const ends = [
        await ensurePartition(connection, known),
        await ensurePartition(connection, day),
      ]
      const dayEnd = next - (next % DAY_MS) + DAY_MS
      const span = { from: next, to: Math.min(before, dayEnd, ...ends.map(({ to }) => to)) }
      payments += await moveAll(connection, span, { before, signal, ...settings })
      ;({ next } = await findNext(connection, { ...settings, from: span.to, before }))
    }
    await joinTotals(connection, { before, signal })
    const now = before + settings.afterMs
    const { keepMs = Infinity, knownMs = Infinity } = settings
    const [days, ids] = [{ before: now - keepMs }, { before: now - knownMs }]
    await dropPartitions(connection, { table: 'archived_payments', ...days, onDropped })
    await dropPartitions(connection, { table: 'known_payments', ...ids, onDropped })
    const { oldest_ms: oldestMs } = readOnlyRow(OLDEST, await connection.query(OLDEST, []))
    return { payments, tookMs: performance.now() - startedAt, oldestMs }
  } finally {
    // A session that is lost has let go of it.
    await connection.query(UNLOCK, []).catch(() => undefined)
  }
}

/**
 * Every accept asks each of these partitions, for 10 µs: there are five at most, or one for each year.
 */
function knownWidth({ knownMs }: ArchiveSettings): number {
  return knownMs === undefined
    ? 366 * DAY_MS
    : DAY_MS * Math.max(1, Math.ceil(knownMs / 3 / DAY_MS))
}

/** How far PostgreSQL's clock and this machine's may be apart, ms; ages are days and hours. */
const CLOCKS_APART_MS = 60_000

/** What is too old is told by PostgreSQL's clock, and dropped for good: two have to agree on it. */
function checkClocks(ledgerNow: number, now: number): void {
  const aheadMs = ledgerNow - now
  if (Math.abs(aheadMs) <= CLOCKS_APART_MS) return
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const side = aheadMs > 0 ? 'ahead of' : 'behind'
  throw new ArchiveWaits(`PostgreSQL's clock is ${seconds} s ${side} this machine's`)
}

/** The instant of the first payment from `from` on that is old enough, and what is old enough. */
async function findNext(
  connection: PostgresConnection,
  { from, afterMs, before }: { from: number; afterMs: number; before?: number },
): Promise<{ readonly before: number; readonly next: number | null }> {
  const rows = await connection.query(NEXT, [from, afterMs, before ?? null])
  return readOnlyRow(NEXT, rows)
}

/**
 * From the first payment on that is archived, code that does not know of it would take a repeat of it
 * for new: none may run, and none may start.
 */
async function checkReadiness(connection: PostgresConnection): Promise<void> {
  const rights = arrayOf(RIGHTS, (right) => right)
  const lacking = readRows(FIND_LACKING, await connection.query(FIND_LACKING, [rights]))
  if (lacking.length > 0) {
    const names = lacking.map(({ name }) => name).join(', ')
    throw new ArchiveWaits(`the role lacks ${names}; see docs/DATABASE.md`)
  }
  const raised = await connection.query(NEED_CODE, [CODE])
  if (raised.length > 0) {
    throw new ArchiveWaits('older Pits no longer start; those that are starting now are waited for')
  }
  const older = readRows(FIND_OLDER, await connection.query(FIND_OLDER, [CODE]))
  if (older.length === 0) return
  const names = older.map(({ instance_id: name }) => name).join(', ')
  throw new ArchiveWaits(`these would take repeats of archived payments for new: ${names}`)
}

/** The migration that code has to know. */
const CODE = 3

/** docs/DATABASE.md grants the same. */
const RIGHTS = [
  'payments.DELETE',
  'settled_totals.DELETE',
  'archived_payments.INSERT',
  'known_payments.INSERT',
  'applied_migrations.UPDATE',
  'archive_progress.UPDATE',
]

/** Payments of a batch at first, at least and at most, and how long one is to take, ms. */
const BATCH = { first: 100, min: 20, max: 5_000, ms: 12 } as const
/** A smallest batch that takes longer says that PostgreSQL has more to do than it can, ms. */
const LOADED_MS = 60
/** Pause after such a batch, ms. */
const LOAD_PAUSE_MS = 2_000
/** Batches in a row that PostgreSQL may roll back before the pass ends. */
const FAILURES_MAX = 20

interface Moving extends ArchiveSettings {
  /** What is old enough, epoch ms. */
  readonly before: number
  readonly signal: AbortSignal | undefined
}

/**
 * Moves what is old enough of a span within one day. A batch is as large as takes `BATCH.ms`, which
 * is what a commit beside it may have to wait for. Waits and pauses are as long as the work, or as
 * the rate demands: others have half of the time.
 */
async function moveAll(
  connection: PostgresConnection,
  span: { readonly from: number; readonly to: number },
  { before, signal, rateMax }: Moving,
): Promise<number> {
  let { from } = span
  let limit: number = BATCH.first
  let moved = 0
  for (let failures = 0; ;) {
    signal?.throwIfAborted()
    try {
      const batch = await moveBatch(connection, { from, to: span.to, before, limit, signal })
      if (batch === undefined) return moved
      moved += batch.payments
      // What was noted and is not moved was altered meanwhile, and is left for the next pass.
      from = batch.payments === 0 ? batch.last + 1 : batch.last
      failures = 0
      const { tookMs, waitedMs } = batch
      const isLoaded = tookMs > LOADED_MS && limit === BATCH.min
      limit = tookMs < BATCH.ms ? Math.ceil(limit * 1.2) : Math.ceil(limit / 2)
      limit = Math.min(BATCH.max, Math.max(BATCH.min, limit))
      const idleMs = Math.max(tookMs, (batch.payments / rateMax) * 1_000 - tookMs)
      const pauseMs = isLoaded ? LOAD_PAUSE_MS : Math.max(0, idleMs - waitedMs)
      await delay(pauseMs, undefined, { signal })
    } catch (cause) {
      failures += 1
      if (failures > FAILURES_MAX || !isPassing(cause)) throw cause
      limit = BATCH.min
      await delay(LOAD_PAUSE_MS, undefined, { signal })
    }
  }
}

const QUERY_CANCELED = '57014'

function isPassing(cause: unknown): boolean {
  return isRetriable(cause) || codeOf(cause) === QUERY_CANCELED
}

interface MovedBatch {
  readonly payments: number
  /** Instant of the youngest. */
  readonly last: number
  /** Its statements, and the time between them in which it only waited for others. */
  readonly tookMs: number
  readonly waitedMs: number
}

/**
 * First the ids become known. An accept that began before that has not seen it; it may be waiting
 * for the very row, and would insert it anew once that is deleted. So each transaction that writes
 * payments is waited for, and only then the rows move, in one statement. Broken off in between,
 * payments are known and not moved: that changes nothing, and the next batch takes them.
 */
async function moveBatch(
  connection: PostgresConnection,
  batch: {
    readonly from: number
    readonly to: number
    readonly before: number
    readonly limit: number
    readonly signal: AbortSignal | undefined
  },
): Promise<MovedBatch | undefined> {
  const { from, to, before, limit, signal } = batch
  const startedAt = performance.now()
  const noted = readOnlyRow(NOTE, await connection.query(NOTE, [from, to, before, limit]))
  if (noted.last === null) return undefined
  const notedAt = performance.now()
  await passFence(connection, signal)
  const passedAt = performance.now()
  const moved = readOnlyRow(MOVE, await connection.query(MOVE, [from, noted.last, before]))
  const waitedMs = passedAt - notedAt
  const tookMs = performance.now() - startedAt - waitedMs
  return { payments: moved.payments, last: noted.last, tookMs, waitedMs }
}

/** Bound on the fence, ms: a transaction that somebody left open holds up the archive alone. */
const FENCE_MAX_MS = 30_000
/** Between two looks, ms: an accept takes about as long. */
const FENCE_PAUSE_MS = 2

/** Waits until each transaction is over that may write payments now. */
async function passFence(
  connection: PostgresConnection,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + FENCE_MAX_MS
  const writers = async (): Promise<readonly string[]> =>
    readRows(FIND_WRITERS, await connection.query(FIND_WRITERS, [])).map((row) => row.transaction)
  const before = new Set(await writers())
  for (let now: readonly string[] = [...before]; now.some((one) => before.has(one));) {
    if (performance.now() > deadline) {
      throw new ArchiveWaits(
        `a transaction has had payments for more than ${FENCE_MAX_MS / 1000} s`,
      )
    }
    await delay(FENCE_PAUSE_MS, undefined, { signal })
    now = await writers()
  }
}

/** Any constant that nothing else in the database locks. */
const LOCK_KEY = 7_052_030

const TRY_LOCK = {
  name: 'tryArchiveLock',
  effect: 'reads',
  columns: { locked: BOOLEAN },
  text: `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS locked`,
} satisfies Query

const UNLOCK: Statement = {
  name: 'unlockArchive',
  effect: 'reads',
  text: `SELECT pg_advisory_unlock(${LOCK_KEY})`,
}

// Commits need not be on disk: a crash that forgets a move forgets all that came after it.
const BOUNDS: Statement = {
  name: 'boundArchive',
  effect: 'reads',
  protocol: 'simple',
  text: `SET lock_timeout = 400; SET statement_timeout = 2000; SET synchronous_commit = off`,
}

// By PostgreSQL's clock, once for a pass.
const NEXT = {
  name: 'nextToArchive',
  effect: 'reads',
  columns: { before: INTEGER, next: nullable(INTEGER) },
  text: `
  SELECT old.before, (
    SELECT p.requested_at_ms FROM payments p
    WHERE p.state = 1 AND p.requested_at_ms >= $1::bigint AND p.requested_at_ms < old.before
      AND p.accepted_at < to_timestamp(old.before / 1000.0)
    ORDER BY p.requested_at_ms LIMIT 1
  ) AS next
  FROM (
    SELECT coalesce($3::bigint, (extract(epoch FROM now()) * 1000)::bigint - $2::bigint) AS before
  ) AS old`,
} satisfies Query

const NEED_CODE: Statement = {
  name: 'needCode',
  effect: 'writes',
  text: `UPDATE applied_migrations SET needs_code = $1 WHERE number = $1 AND needs_code < $1
    RETURNING number`,
}

const FIND_OLDER = {
  name: 'findOlder',
  effect: 'reads',
  columns: { instance_id: TEXT },
  text: `SELECT instance_id FROM leases WHERE NOT revoked AND coalesce(code, 0) < $1 ORDER BY id`,
} satisfies Query

/** Makes the oldest $4 payments from $1 to before $2 known; `last` is the youngest of them. */
const NOTE = {
  name: 'noteArchived',
  effect: 'writes',
  columns: { last: nullable(INTEGER) },
  text: `
  WITH batch AS MATERIALIZED (
    SELECT correlation_id, requested_at_ms, amount_cents FROM payments
    WHERE state = 1 AND requested_at_ms >= $1::bigint AND requested_at_ms < $2::bigint
      AND accepted_at < to_timestamp($3::bigint / 1000.0)
    ORDER BY requested_at_ms LIMIT $4
  ), noted AS (
    INSERT INTO known_payments (correlation_id, requested_at_ms, amount_cents)
    SELECT b.* FROM batch b WHERE NOT ${isKnown('b.correlation_id')}
  )
  SELECT max(requested_at_ms) AS last FROM batch`,
} satisfies Query

const FIND_WRITERS = {
  name: 'findWriters',
  effect: 'reads',
  columns: { transaction: TEXT },
  text: `
  SELECT DISTINCT virtualtransaction AS transaction FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'
    AND relation = to_regclass('payments')
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid IS DISTINCT FROM pg_backend_pid()`,
} satisfies Query

/** Moves what is known of the payments from $1 to $2, both inclusive. */
const MOVE = {
  name: 'moveToArchive',
  effect: 'writes',
  columns: { payments: INTEGER },
  text: `
  WITH moved AS (
    DELETE FROM payments p
    WHERE p.state = 1 AND p.requested_at_ms >= $1::bigint AND p.requested_at_ms <= $2::bigint
      AND p.accepted_at < to_timestamp($3::bigint / 1000.0) AND ${isKnown('p.correlation_id')}
    RETURNING p.requested_at_ms, p.amount_cents, p.accepted_at, p.correlation_id, p.processor,
      p.attempts
  ), kept AS (
    INSERT INTO archived_payments
      (requested_at_ms, amount_cents, accepted_at, correlation_id, processor, attempts)
    SELECT * FROM moved
  )
  SELECT count(*) AS payments FROM moved`,
} satisfies Query

const OLDEST = {
  name: 'oldestSettled',
  effect: 'reads',
  columns: { oldest_ms: FLOAT },
  text: `
  SELECT greatest(0, coalesce(extract(epoch FROM now()) * 1000 - (
    SELECT min(requested_at_ms) FROM payments WHERE state = 1 AND requested_at_ms >= 0
  ), 0))::float8 AS oldest_ms`,
} satisfies Query
