// Whether the tables are those that this Pit needs, with the rights that it needs; at a start, after
// what is missing was applied.

import { codeOf, wordsOf } from '../../actors/model/errors.ts'
import type { PostgresConnection } from './connection.ts'
import {
  SchemaUnfit,
  applyMigrations,
  beforeServing,
  readState,
  withoutAPerson,
  type MigrationNews,
  type MigrationState,
} from './migrating.ts'
import type { Migration, Migrations } from './migrations.ts'
import { BOOLEAN, TEXT, readOnlyRow, readRows } from './rows.ts'
import type { Query } from './rows.ts'
import { isIndex, partsOf, partsRecorded, typedColumnsOf } from './schema-parts.ts'
import { arrayOf } from './sql.ts'

/** What Pit needs at each table; docs/DATABASE.md grants the same. */
const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  payments: ['SELECT', 'INSERT', 'UPDATE'],
  settled_totals: ['SELECT', 'INSERT', 'UPDATE'],
  leases: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  purges: ['SELECT'],
  histories: ['SELECT', 'INSERT'],
  renewals: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  commands: ['SELECT', 'INSERT', 'UPDATE'],
  archived_payments: ['SELECT'],
  known_payments: ['SELECT'],
  archive_progress: ['SELECT'],
}

export interface SchemaStart {
  readonly migrations: Migrations
  /** Whether this instance applies migrations, or finds that others have. */
  readonly migrate: 'at-start' | 'never'
  /** Handed what may take long: tables are made, or others who make them are waited for. */
  readonly migrating: <Value>(run: Promise<Value>) => Promise<Value>
  readonly onNews: (news: MigrationNews) => void
  /** Told which indexes are not there, or cannot be used, though they are recorded. */
  readonly onUnindexed: (indexes: readonly string[]) => void
}

/**
 * Applies what has to be there before this instance serves, and gives what is left. Instances that
 * start at once wait for one another. A role that may not make tables is enough where others have
 * applied what this code needs. Rejects with what PostgreSQL refused, with code 42501 and what is
 * missing, with code 42704 and what is recorded and yet missing (statements would fail for ever, or
 * take a payment twice), with code 42804 and what has another type (by such a column no payment at
 * all could be read), or with `SchemaUnfit`.
 */
export async function applySchema(
  connection: PostgresConnection,
  { migrations, migrate, migrating, onNews, onUnindexed }: SchemaStart,
): Promise<MigrationState> {
  const choose = (state: MigrationState): readonly Migration[] => beforeServing(state, migrations)
  let state = await readState(connection, migrations).catch(async (cause: unknown) => {
    if (!isForbidden(cause)) throw cause
    throw lacks(await read(connection, FIND_LACKING, [READ_RECORDS, ...rightsNeeded()]), cause)
  })
  let refusal: unknown
  if (migrate === 'at-start' && choose(state).length > 0) {
    const applying = applyMigrations(connection, { migrations, choose, onNews })
    await migrating(applying).catch((cause: unknown) => {
      if (!isForbidden(cause)) throw cause
      refusal = cause
    })
    state = await readState(connection, migrations)
  }
  await checkRequired(connection, { migrations, state, refusal })
  const missing = await read(connection, FIND_MISSING, partsRecorded(migrations, state))
  const gone = missing.filter((part) => !isIndex(part))
  if (gone.length > 0) throw refused({ code: UNDEFINED_OBJECT, what: GONE, names: gone })
  const altered = await read(connection, FIND_ALTERED, typedColumns(migrations))
  if (altered.length > 0) throw refused({ code: DATATYPE_MISMATCH, what: UNFIT, names: altered })
  const lacking = await read(connection, FIND_LACKING, rightsNeeded())
  if (lacking.length > 0) throw lacks(lacking)
  if (missing.length > 0) onUnindexed(missing)
  return state
}

/** The right to read what is applied. */
const READ_RECORDS = 'applied_migrations.SELECT'

function lacks(rights: readonly string[], cause?: unknown): Error {
  return forbidden('permission denied: the role lacks', rights, cause)
}

/**
 * Tables that nobody has recorded, as Pits before the records and their administrators made them,
 * count for the first migration where all of its parts are there.
 */
async function checkRequired(
  connection: PostgresConnection,
  {
    migrations,
    state,
    refusal,
  }: {
    readonly migrations: Migrations
    readonly state: MigrationState
    readonly refusal: unknown
  },
): Promise<void> {
  const needed = neededOf(state, migrations)
  if (needed.length === 0) return
  const said = refusal === undefined ? undefined : `${wordsOf(refusal)}, and`
  if (state.records.length === 0) {
    const missing = await read(connection, FIND_MISSING, firstParts(migrations))
    if (missing.length > 0 && said !== undefined) {
      throw forbidden(`${said} there is no`, missing, refusal)
    }
    if (missing.length === 0 && needed.length === 1) return
  }
  const names = needed.map(({ name }) => name)
  if (said !== undefined) throw forbidden(`${said} these are not applied:`, names, refusal)
  throw new SchemaUnfit(
    `the tables are too old for this Pit, which needs ${listOf(names)}: run pit migrate --apply`,
  )
}

function neededOf({ pending }: MigrationState, { required }: Migrations): readonly Migration[] {
  return pending.filter(({ number }) => number <= required)
}

function firstParts({ all: [first] }: Migrations): readonly string[] {
  return partsOf(first?.sql ?? '')
}

function typedColumns({ all }: Migrations): readonly string[] {
  return typedColumnsOf(all.map(({ sql }) => sql).join('\n'))
}

/** What `applySchema` would meet. */
export interface SchemaFindings {
  /** Why this Pit cannot run on these tables, whatever is applied. */
  readonly unfit: string | undefined
  /** Names of the migrations that are not applied. */
  readonly pending: readonly string[]
  /** Those of them that this code needs, and those that only a person applies. */
  readonly needed: readonly string[]
  readonly forAPerson: readonly string[]
  /** Parts of the first migration that are not there, where nothing is recorded; see `partsOf`. */
  readonly missing: readonly string[]
  /** Parts that are not there though they are recorded, and indexes of which the same is true. */
  readonly gone: readonly string[]
  readonly unindexed: readonly string[]
  /** Columns of another type. */
  readonly altered: readonly string[]
  /** Rights on the tables that the role lacks; none while a part is missing. */
  readonly lacking: readonly string[]
  /** Whether the role may make tables. */
  readonly mayCreate: boolean
}

/** Changes nothing. */
export async function inspectSchema(
  connection: PostgresConnection,
  migrations: Migrations,
): Promise<SchemaFindings> {
  const state = await readState(connection, migrations).catch((cause: unknown) => {
    if (cause instanceof SchemaUnfit || isForbidden(cause))
      return { records: [], pending: [], cause }
    throw cause
  })
  const { pending } = state
  const why = 'cause' in state ? state.cause : undefined
  const isRecorded = pending.length < migrations.all.length
  const missing = isRecorded ? [] : await read(connection, FIND_MISSING, firstParts(migrations))
  const recorded = why === undefined ? partsRecorded(migrations, state) : []
  const notThere = await read(connection, FIND_MISSING, recorded)
  const { may_create: mayCreate } = readOnlyRow(
    FIND_CREATE,
    await connection.query(FIND_CREATE, []),
  )
  const rights = isForbidden(why) ? [READ_RECORDS, ...rightsNeeded()] : rightsNeeded()
  const isAdopted = !isRecorded && missing.length === 0
  return {
    unfit: why instanceof SchemaUnfit ? why.message : undefined,
    pending: pending.map(({ name }) => name),
    needed: pending
      .filter(({ number }) => number <= migrations.required && !(isAdopted && number === 1))
      .map(({ name }) => name),
    forAPerson: pending.slice(withoutAPerson({ pending }).length).map(({ name }) => name),
    missing,
    gone: notThere.filter((part) => !isIndex(part)),
    unindexed: notThere.filter(isIndex),
    altered: await read(connection, FIND_ALTERED, typedColumns(migrations)),
    lacking: missing.length > 0 ? [] : await read(connection, FIND_LACKING, rights),
    mayCreate,
  }
}

/** As `table.RIGHT`. */
function rightsNeeded(): readonly string[] {
  return Object.entries(RIGHTS).flatMap(([table, all]) => all.map((one) => `${table}.${one}`))
}

async function read(
  connection: PostgresConnection,
  query: Query<{ name: typeof TEXT }>,
  names: readonly string[],
): Promise<readonly string[]> {
  const rows = await connection.query(query, [arrayOf(names, (name) => name)])
  return readRows(query, rows).map(({ name }) => name)
}

export const INSUFFICIENT_PRIVILEGE = '42501'
const UNDEFINED_OBJECT = '42704'
const DATATYPE_MISMATCH = '42804'

const UNFIT = 'the tables are not of this version of Pit:'
const GONE = 'the tables are not as applied_migrations says: there is no'

function isForbidden(cause: unknown): boolean {
  return codeOf(cause) === INSUFFICIENT_PRIVILEGE
}

/** Longest list of names in a message. */
const NAMED_MAX = 6

function forbidden(what: string, names: readonly string[], cause?: unknown): Error {
  return refused({ code: INSUFFICIENT_PRIVILEGE, what, names }, cause)
}

/** The error has the code with which PostgreSQL itself would refuse it. */
function refused(
  {
    code,
    what,
    names,
  }: { readonly code: string; readonly what: string; readonly names: readonly string[] },
  cause?: unknown,
): Error {
  const error = new Error(`${what} ${listOf(names)}; see docs/DATABASE.md`, { cause })
  return Object.assign(error, { code })
}

function listOf(names: readonly string[]): string {
  return `${names.slice(0, NAMED_MAX).join(', ')}${names.length > NAMED_MAX ? ' and more' : ''}`
}

/** Which of the parts $1, as `partsOf` names them, are not there. Any valid key over its columns will do. */
const FIND_MISSING = {
  name: 'findMissing',
  effect: 'reads',
  columns: { name: TEXT },
  text: `
  SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS part (name, place)
  WHERE NOT CASE
    WHEN name LIKE '%.%' THEN EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = to_regclass(split_part(name, '.', 1))
        AND attname = split_part(name, '.', 2) AND NOT attisdropped
    )
    WHEN name LIKE '%()' THEN EXISTS (
      SELECT FROM pg_proc WHERE proname = rtrim(name, '()') AND pg_function_is_visible(oid)
    )
    WHEN name LIKE '%(%' THEN EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = to_regclass(split_part(name, '(', 1))
        AND i.indisunique AND i.indimmediate AND i.indisvalid
        AND i.indpred IS NULL AND i.indexprs IS NULL
        AND split_part(rtrim(name, ')'), '(', 2) = (
          SELECT string_agg(attname::text, ' ' ORDER BY attname) FROM pg_attribute
          WHERE attrelid = i.indrelid
            AND attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
        )
    )
    ELSE EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(name) AND indisvalid)
  END
  ORDER BY place`,
} satisfies Query

const FIND_ALTERED = {
  name: 'findAltered',
  effect: 'reads',
  columns: { name: TEXT },
  text: `
  SELECT column_name || ' is not ' || type AS name
  FROM unnest($1::text[]) WITH ORDINALITY AS part (text, place)
  CROSS JOIN split_part(part.text, ':', 1) AS column_name
  CROSS JOIN split_part(part.text, ':', 2) AS type
  JOIN pg_attribute ON attrelid = to_regclass(split_part(column_name, '.', 1))
    AND attname = split_part(column_name, '.', 2) AND NOT attisdropped
  WHERE atttypid IS DISTINCT FROM to_regtype(type)
  ORDER BY part.place`,
} satisfies Query

const FIND_CREATE = {
  name: 'findCreate',
  effect: 'reads',
  columns: { may_create: BOOLEAN },
  text: `SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create`,
} satisfies Query

/**
 * Which of the rights $1, each as `table.RIGHT`, the role has not; and the tables among them of which
 * policies hide rows from it.
 */
export const FIND_LACKING = {
  name: 'findLacking',
  effect: 'reads',
  columns: { name: TEXT },
  text: `
  SELECT split_part(name, '.', 2) || ' on ' || split_part(name, '.', 1) AS name
  FROM unnest($1::text[]) AS needed (name)
  WHERE NOT has_table_privilege(to_regclass(split_part(name, '.', 1)), split_part(name, '.', 2))
  UNION ALL
  SELECT DISTINCT 'BYPASSRLS for ' || split_part(name, '.', 1)
  FROM unnest($1::text[]) AS needed (name)
  WHERE row_security_active(to_regclass(split_part(name, '.', 1))::oid)`,
} satisfies Query
