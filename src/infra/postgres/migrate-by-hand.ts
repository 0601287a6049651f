// What `pit migrate` asks of a database and does there, beside instances that run.

import { withoutAPerson, beforeServing, readState, type Applying } from './migrating.ts'
import type { AppliedMigration, MigrationState } from './migrating.ts'
import { scriptOf } from './migration-sql.ts'
import { readMigrations, tableOf, type Migration } from './migrations.ts'
import type { MigrationsSource } from './migrations.ts'
import type { PostgresConnection } from './connection.ts'
import { PostgresReconnector, type ServersConfig } from './reconnector.ts'
import { INTEGER, nullable, readOnlyRow, type Query } from './rows.ts'
import { migrateToTheEnd } from './start.ts'

export interface MigrationPlan {
  /** Those that are applied, and those whose batches are under way, by number. */
  readonly records: readonly AppliedMigration[]
  readonly pending: readonly PendingMigration[]
  /** Applies those that are pending, by psql. */
  readonly script: string
}

export interface PendingMigration extends Pick<Migration, 'name' | 'kind' | 'needsCode'> {
  /** Who applies it, unless somebody does so by hand. */
  readonly appliedBy: 'start' | 'instance' | 'person'
  /** The table that it works on, with about so many rows; undefined where that is not known. */
  readonly table: { readonly name: string; readonly rows: number } | undefined
}

/** Bounds on connecting and on each question, ms. */
const CONNECT_TIMEOUT_MS = 3_000
const STATEMENT_TIMEOUT_MS = 10_000
/** How long nothing may succeed before applying is given up, ms. */
const GIVE_UP_MS = 600_000

function serversOf(connectionString: string): ServersConfig {
  return {
    connectionString,
    applicationName: 'pit migrate',
    target: 'read-write',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  }
}

/**
 * Changes nothing. Rejects with `SchemaUnfit`, or with the cause where the database cannot be
 * reached or refuses.
 */
export async function planMigrations(
  connectionString: string,
  source?: MigrationsSource,
): Promise<MigrationPlan> {
  const migrations = await readMigrations(source)
  const reconnector = new PostgresReconnector(serversOf(connectionString))
  try {
    const connection = await reconnector.connect()
    const state = await readState(connection, migrations)
    const byStart = beforeServing(state, migrations)
    const byInstance = withoutAPerson(state)
    const pending: PendingMigration[] = []
    for (const each of state.pending) {
      const appliedBy = byInstance.includes(each) ? 'instance' : 'person'
      pending.push({
        ...each,
        appliedBy: byStart.includes(each) ? 'start' : appliedBy,
        table: await sizeOf(connection, each),
      })
    }
    return { records: state.records, pending, script: scriptOf(state.pending) }
  } finally {
    await reconnector.end()
  }
}

async function sizeOf(
  connection: PostgresConnection,
  migration: Migration,
): Promise<PendingMigration['table']> {
  const name = tableOf(migration)
  if (name === undefined) return undefined
  const { rows } = readOnlyRow(COUNT_ROWS, await connection.query(COUNT_ROWS, [name]))
  return rows === null ? undefined : { name, rows: Math.max(0, rows) }
}

/**
 * Applies all that are pending, those that contract included. Rejects with what a person has to
 * change, with the last cause once nothing has succeeded for ten minutes, or when `signal` ends it.
 */
export async function applyByHand(
  connectionString: string,
  options: Pick<Applying, 'onNews' | 'onLocked' | 'signal'> & {
    readonly onWaiting: (reason: string) => void
    readonly source?: MigrationsSource | undefined
  },
): Promise<void> {
  const migrations = await readMigrations(options.source)
  const choose = ({ pending }: MigrationState): readonly Migration[] => pending
  const applying = { ...options, migrations, choose, giveUpMs: GIVE_UP_MS }
  await migrateToTheEnd(serversOf(connectionString), applying)
}

const COUNT_ROWS = {
  name: 'countAbout',
  effect: 'reads',
  columns: { rows: nullable(INTEGER) },
  text: `SELECT (SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)) AS rows`,
} satisfies Query
