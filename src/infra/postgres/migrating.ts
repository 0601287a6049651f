// Brings the tables from what is recorded to what this Pit knows, one process at a time, in steps
// of which none holds up writers for long.

import { setTimeout as delay } from 'node:timers/promises'
import { codeOf } from '../../actors/model/errors.ts'
import { isRetriable, type PostgresConnection } from './connection.ts'
import {
  BATCH_MAX_MS,
  BATCH_ROWS,
  LOCK_KEY,
  REGISTRY,
  batchSql,
  recordOf,
  sessionBounds,
  transactionSql,
} from './migration-sql.ts'
import { concurrentIndexIn, contracts, statementsOf } from './migrations.ts'
import type { Migration, Migrations } from './migrations.ts'
import { BOOLEAN, INTEGER, TEXT, nullable, readOnlyRow, readRows } from './rows.ts'
import type { Query, Statement } from './rows.ts'

/** A migration as the database has it. */
export interface AppliedMigration {
  readonly number: number
  readonly name: string
  readonly digest: string
  readonly needsCode: number
  /** As `pit 0.1.0`. */
  readonly appliedBy: string
  /** ISO; null while its batches are under way. */
  readonly appliedAt: string | null
  /** Rows that its batches have changed. */
  readonly rows: number
}

export interface MigrationState {
  readonly records: readonly AppliedMigration[]
  /** Those that are not applied, or not to the end, by number. */
  readonly pending: readonly Migration[]
  /** Whether nothing of Pit is there at all. */
  readonly isEmpty: boolean
}

/** The tables are of another Pit. No waiting mends it. */
export class SchemaUnfit extends Error {
  override readonly name = 'SchemaUnfit'
  readonly code = 'schema_unfit'

  constructor(what: string) {
    super(`${what}; see docs/DATABASE.md`)
  }
}

/**
 * Changes nothing. Rejects with `SchemaUnfit` where an applied migration was altered since, or needs
 * newer code than this.
 */
export async function readState(
  connection: PostgresConnection,
  { all }: Migrations,
): Promise<MigrationState> {
  const found = readOnlyRow(FIND_TABLES, await connection.query(FIND_TABLES, []))
  const rows = found.records ? await connection.query(READ_RECORDS, []) : []
  const records = readRows(READ_RECORDS, rows).map((row) => ({
    number: row.number,
    name: row.name,
    digest: row.digest,
    needsCode: row.needs_code,
    appliedBy: row.applied_by,
    appliedAt: row.applied_at,
    rows: row.changed_rows,
  }))
  for (const record of records) checkRecord(record, all)
  const done = new Set(
    records.filter(({ appliedAt }) => appliedAt !== null).map((one) => one.number),
  )
  return {
    records,
    pending: all.filter(({ number }) => !done.has(number)),
    isEmpty: !found.records && !found.payments,
  }
}

function checkRecord(record: AppliedMigration, all: readonly Migration[]): void {
  const known = all[record.number - 1]
  if (record.needsCode > all.length) {
    throw new SchemaUnfit(
      `the tables are too new for this Pit: ${record.name} (by ${record.appliedBy}) needs one that ` +
        `knows migration ${record.needsCode}, and this one knows ${all.length}: start a newer Pit`,
    )
  }
  if (known !== undefined && known.digest !== record.digest) {
    throw new SchemaUnfit(
      `migration ${known.name} is not the ${record.name} that ${record.appliedBy} applied: ` +
        `the file was changed since (${known.digest.slice(0, 8)}, not ${record.digest.slice(0, 8)})`,
    )
  }
}

/**
 * What a start applies before it serves: all on an empty database; else, up to the first that only a
 * person applies, what this code needs, and what is quick after that.
 */
export function beforeServing(
  { pending, isEmpty }: MigrationState,
  { required }: Migrations,
): readonly Migration[] {
  if (isEmpty) return pending
  return takeUntil(
    pending,
    (one) => contracts(one) || (one.kind !== 'transaction' && one.number > required),
  )
}

/** What an instance applies by and by while it serves: up to the first that only a person applies. */
export function withoutAPerson({ pending }: Pick<MigrationState, 'pending'>): readonly Migration[] {
  return takeUntil(pending, contracts)
}

function takeUntil<Item>(items: readonly Item[], ends: (item: Item) => boolean): readonly Item[] {
  const end = items.findIndex(ends)
  return end < 0 ? items : items.slice(0, end)
}

/** Told of what is applied. */
export interface MigrationNews {
  /** Its name. */
  readonly migration: string
  readonly state: 'begun' | 'going on' | 'applied'
  /** Rows that batches have changed. */
  readonly rows: number
  /** Whether nothing of Pit was there before: all is applied then. */
  readonly onEmpty: boolean
}

export interface Applying {
  readonly migrations: Migrations
  /** Which of the pending ones, once the lock is held. */
  readonly choose: (state: MigrationState) => readonly Migration[]
  readonly onNews?: ((news: MigrationNews) => void) | undefined
  /** Told once where somebody else applies migrations now. */
  readonly onLocked?: (() => void) | undefined
  /** Ends it between two batches, or while the lock is waited for. */
  readonly signal?: AbortSignal | undefined
}

/** Between two tries for the lock, ms. */
const LOCK_RETRY_MS = 100

/**
 * Applies them in turn, in a session of its own, while nobody else does. The lock is tried for and
 * not waited for by PostgreSQL: a statement that waits has a snapshot, for whose end an index that
 * is made concurrently would wait. Rejects with what PostgreSQL said, or `SchemaUnfit`; what was
 * applied until then stays.
 */
export async function applyMigrations(
  connection: PostgresConnection,
  { migrations, choose, onNews, onLocked, signal }: Applying,
): Promise<void> {
  const isLocked = async (): Promise<boolean> =>
    readOnlyRow(TRY_LOCK, await connection.query(TRY_LOCK, [])).locked
  for (let tries = 1; !(await isLocked()); tries += 1) {
    if (tries === 1) onLocked?.()
    await delay(LOCK_RETRY_MS, undefined, { signal })
  }
  try {
    const found = await readState(connection, migrations)
    const onEmpty = found.isEmpty
    for (const migration of choose(found)) {
      signal?.throwIfAborted()
      const tell = (state: MigrationNews['state'], rows: number): void =>
        onNews?.({ migration: migration.name, state, rows, onEmpty })
      tell('begun', 0)
      const rows = await applyOne(connection, migration, { tell, signal })
      tell('applied', rows)
    }
  } finally {
    // A session that is lost has let go of it.
    await connection.query(UNLOCK, []).catch(() => undefined)
  }
}

interface Step {
  readonly tell: (state: MigrationNews['state'], rows: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Rows that its batches have changed. */
async function applyOne(
  connection: PostgresConnection,
  migration: Migration,
  step: Step,
): Promise<number> {
  switch (migration.kind) {
    case 'transaction':
      await connection.query(simple(await transactionOf(connection, migration)), [])
      return 0
    case 'statements':
      await runStatements(connection, migration)
      return 0
    case 'batches':
      return await runBatches(connection, migration, step)
  }
}

/**
 * The first migration is all that Pits had before they counted them. Where its very text is applied
 * already it is only recorded: even a statement with nothing to do locks tables against writers.
 */
async function transactionOf(
  connection: PostgresConnection,
  migration: Migration,
): Promise<string> {
  if (migration.number > 1) return transactionSql(migration)
  const { exists } = readOnlyRow(FIND_DIGEST, await connection.query(FIND_DIGEST, []))
  const isThere =
    exists &&
    readRows(READ_DIGEST, await connection.query(READ_DIGEST, []))[0]?.digest === migration.digest
  return `${REGISTRY} ${isThere ? recordOf(migration) : transactionSql(migration)}`
}

async function runStatements(connection: PostgresConnection, migration: Migration): Promise<void> {
  for (const statement of statementsOf(migration)) {
    const index = concurrentIndexIn(statement)
    if (index !== undefined) await dropInvalid(connection, index)
    await connection.query(simple(sessionBounds(statement)), [])
    await connection.query(simple(statement), [])
  }
  await connection.query(simple(recordOf(migration)), [])
}

/** What a build that was broken off has left. */
async function dropInvalid(connection: PostgresConnection, index: string): Promise<void> {
  const { invalid } = readOnlyRow(FIND_INVALID, await connection.query(FIND_INVALID, [index]))
  if (!invalid) return
  const drop = `DROP INDEX CONCURRENTLY IF EXISTS ${index}`
  await connection.query(simple(sessionBounds(drop)), [])
  await connection.query(simple(drop), [])
}

/** Rows of a batch at most, and how long one is to take, ms. */
const BATCH_ROWS_MAX = 5_000
const BATCH_MS = 60
/** Batches in a row that PostgreSQL may roll back before the whole is tried anew. */
const FAILURES_MAX = 20

/**
 * Each batch is a transaction, with how far it came. It is as large as takes `BATCH_MS`, and is
 * followed by a pause as long as it took: others have half of the time to themselves.
 */
async function runBatches(
  connection: PostgresConnection,
  migration: Migration,
  { tell, signal }: Step,
): Promise<number> {
  await connection.query(simple(recordOf(migration, 'begun')), [])
  let limit = BATCH_ROWS
  for (let failures = 0; ;) {
    signal?.throwIfAborted()
    const startedAt = performance.now()
    try {
      const batch = { ...BATCH, text: batchSql(migration, limit) }
      const { rows, done } = readOnlyRow(batch, await connection.query(batch, []))
      failures = 0
      if (done) return rows
      tell('going on', rows)
      const tookMs = performance.now() - startedAt
      if (tookMs < BATCH_MS) limit = Math.min(BATCH_ROWS_MAX, Math.ceil(limit * 1.2))
      else limit = Math.ceil(limit / 2)
      await delay(tookMs, undefined, { signal })
    } catch (cause) {
      failures += 1
      if (failures > FAILURES_MAX || !isPassing(cause)) throw cause
      limit = Math.ceil(limit / 2)
      await delay(BATCH_MAX_MS, undefined, { signal })
    }
  }
}

const QUERY_CANCELED = '57014'

function isPassing(cause: unknown): boolean {
  return isRetriable(cause) || codeOf(cause) === QUERY_CANCELED
}

function simple(text: string): Statement {
  return { name: 'migrate', effect: 'writes', protocol: 'simple', text }
}

const BATCH = {
  name: 'migrate',
  effect: 'writes',
  protocol: 'simple',
  columns: { rows: INTEGER, done: BOOLEAN },
} satisfies Omit<Query, 'text'>

const FIND_TABLES = {
  name: 'findSchema',
  effect: 'reads',
  columns: { records: BOOLEAN, payments: BOOLEAN },
  text: `SELECT to_regclass('applied_migrations') IS NOT NULL AS records,
    to_regclass('payments') IS NOT NULL AS payments`,
} satisfies Query

const READ_RECORDS = {
  name: 'readMigrations',
  effect: 'reads',
  columns: {
    number: INTEGER,
    name: TEXT,
    digest: TEXT,
    needs_code: INTEGER,
    applied_by: TEXT,
    applied_at: nullable(TEXT),
    changed_rows: INTEGER,
  },
  text: `
  SELECT number, name, digest, needs_code, applied_by, changed_rows,
    to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS applied_at
  FROM applied_migrations ORDER BY number`,
} satisfies Query

const FIND_DIGEST = {
  name: 'findDigest',
  effect: 'reads',
  columns: { exists: BOOLEAN },
  text: `SELECT to_regclass('applied_schema') IS NOT NULL AS exists`,
} satisfies Query

const READ_DIGEST = {
  name: 'readDigest',
  effect: 'reads',
  columns: { digest: TEXT },
  text: 'SELECT digest FROM applied_schema',
} satisfies Query

const FIND_INVALID = {
  name: 'findInvalid',
  effect: 'reads',
  columns: { invalid: BOOLEAN },
  text: `SELECT EXISTS (
    SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid
  ) AS invalid`,
} satisfies Query

const TRY_LOCK = {
  name: 'tryMigrationLock',
  effect: 'reads',
  columns: { locked: BOOLEAN },
  text: `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS locked`,
} satisfies Query

const UNLOCK = {
  name: 'unlockMigrations',
  effect: 'reads',
  text: `SELECT pg_advisory_unlock(${LOCK_KEY})`,
} satisfies Statement
