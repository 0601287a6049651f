// Brings the tables to what compose/schema.sql says, one instance at a time; or, without the right
// to, makes sure that somebody else has.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { codeOf, wordsOf } from '../../actors/model/errors.ts'
import type { PostgresConnection } from './connection.ts'
import { BOOLEAN, TEXT, readOnlyRow, readRows } from './rows.ts'
import type { Query, Statement } from './rows.ts'
import { arrayOf } from './sql.ts'
import { projectFile } from '../process/project-file.ts'

/** What Pit needs at each table; docs/DATABASE.md grants the same. */
const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  payments: ['SELECT', 'INSERT', 'UPDATE'],
  settled_totals: ['SELECT', 'INSERT', 'UPDATE'],
  leases: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  purges: ['SELECT'],
}

/**
 * Brings the tables to what `compose/schema.sql` says, in one transaction. Instances that start at
 * once wait for one another. An unchanged schema is not applied again: even a statement with
 * nothing to do would lock tables against the writers of other instances. A role that may not make
 * tables is enough where all of them are there, with all their columns and indexes. Rejects with
 * what PostgreSQL refused, with code 42501 and what is missing, or with code 42804 and what has
 * another type: by such a column no payment at all could be read. `migrating` is handed what may
 * take long: the tables of others' payments are rewritten in it.
 */
export async function applySchema(
  connection: PostgresConnection,
  migrating: <Value>(run: Promise<Value>) => Promise<Value>,
): Promise<void> {
  const schema = await readFile(projectFile('compose/schema.sql'), 'utf8')
  const digest = createHash('sha256').update(schema).digest('hex')
  if (!(await isApplied(connection, digest))) {
    const applying = connection.query(simple(migration(schema, digest)), [])
    await migrating(applying).catch(async (cause: unknown) => {
      if (!isForbidden(cause)) throw cause
      const missing = await read(connection, FIND_MISSING, partsOf(schema))
      if (missing.length > 0) throw forbidden(`${wordsOf(cause)}, and there is no`, missing, cause)
    })
  }
  const altered = await read(connection, FIND_ALTERED, typedColumnsOf(schema))
  if (altered.length > 0) throw refused({ code: DATATYPE_MISMATCH, what: UNFIT, names: altered })
  const lacking = await read(connection, FIND_LACKING, rightsNeeded())
  if (lacking.length > 0) throw forbidden('permission denied: the role lacks', lacking)
}

/** What `applySchema` would meet. */
export interface SchemaFindings {
  /** Whether the tables are those of this version; else a start applies the script. */
  readonly isApplied: boolean
  /** Tables with their columns, and indexes, that are not there. */
  readonly missing: readonly string[]
  /** Columns of another type. */
  readonly altered: readonly string[]
  /** Rights on the tables that the role lacks; none while a part is missing. */
  readonly lacking: readonly string[]
  /** Whether the role may make tables. */
  readonly mayCreate: boolean
}

/** Changes nothing. */
export async function inspectSchema(connection: PostgresConnection): Promise<SchemaFindings> {
  const schema = await readFile(projectFile('compose/schema.sql'), 'utf8')
  const digest = createHash('sha256').update(schema).digest('hex')
  const missing = await read(connection, FIND_MISSING, partsOf(schema))
  const { may_create: mayCreate } = readOnlyRow(
    FIND_CREATE,
    await connection.query(FIND_CREATE, []),
  )
  return {
    isApplied: await isApplied(connection, digest),
    missing,
    altered: await read(connection, FIND_ALTERED, typedColumnsOf(schema)),
    lacking: missing.length > 0 ? [] : await read(connection, FIND_LACKING, rightsNeeded()),
    mayCreate,
  }
}

/** As `table.RIGHT`. */
function rightsNeeded(): readonly string[] {
  return Object.entries(RIGHTS).flatMap(([table, all]) => all.map((one) => `${table}.${one}`))
}

/**
 * Tables with their columns, as `table.column`, and indexes, by their names: what a schema makes,
 * read from the form that compose/schema.sql has.
 */
export function partsOf(schema: string): readonly string[] {
  const columns = typedColumnsOf(schema).map((column) => column.replace(/:.*/, ''))
  const indexes = [...schema.matchAll(/CREATE (?:UNIQUE )?INDEX IF NOT EXISTS (\w+)/g)]
  return [...columns, ...indexes.map(([, index = '']) => index)]
}

/** As `table.column:type`. */
function typedColumnsOf(schema: string): readonly string[] {
  const tables = [...schema.matchAll(/CREATE TABLE IF NOT EXISTS (\w+) \(\n([^]*?)\n\)/g)]
  const made = tables.flatMap(([, table, body = '']) =>
    [...body.matchAll(/^ {2}([a-z]\w*) (\w+)/gm)].map(
      ([, name, type]) => `${table}.${name}:${type}`,
    ),
  )
  const changed = [...schema.matchAll(/ALTER TABLE (?:IF EXISTS )?(\w+)([^;]*);/g)]
  const added = changed.flatMap(([, table, changes = '']) =>
    [...changes.matchAll(/ADD COLUMN IF NOT EXISTS (\w+) (\w+)/g)].map(
      ([, name, type]) => `${table}.${name}:${type}`,
    ),
  )
  return [...new Set([...made, ...added])]
}

async function isApplied(connection: PostgresConnection, digest: string): Promise<boolean> {
  const { exists } = readOnlyRow(FIND_REGISTRY, await connection.query(FIND_REGISTRY, []))
  if (!exists) return false
  const rows = await connection.query(READ_DIGEST, []).catch((cause: unknown) => {
    if (isForbidden(cause)) return []
    throw cause
  })
  return readRows(READ_DIGEST, rows)[0]?.digest === digest
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
const DATATYPE_MISMATCH = '42804'

const UNFIT = 'the tables are not of this version of Pit:'

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
  const more = names.length > NAMED_MAX ? ' and more' : ''
  const list = `${names.slice(0, NAMED_MAX).join(', ')}${more}`
  const error = new Error(`${what} ${list}; see docs/DATABASE.md`, { cause })
  return Object.assign(error, { code })
}

// Any constant will do, as long as nothing else in the database locks it.
const LOCK_KEY = 7_052_028

/**
 * How long the tables may take to be brought up to date, another instance's doing it before
 * included, ms: as long as an index over all payments of years takes.
 */
export const MIGRATION_TIMEOUT_MS = 3_600_000

// The digest is hex: nothing in it needs escaping. A lock on a table holds up all that instances
// write after it, so the wait for one is bounded well below theirs, and the start tries again.
function migration(schema: string, digest: string): string {
  return `
    SET LOCAL statement_timeout = ${MIGRATION_TIMEOUT_MS};
    SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(${LOCK_KEY});
    SET LOCAL lock_timeout = '400ms';
    CREATE TABLE IF NOT EXISTS applied_schema (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      digest text NOT NULL
    );
    ${schema}
    INSERT INTO applied_schema (digest) VALUES ('${digest}')
      ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest;`
}

function simple(text: string): Statement {
  return { name: 'applySchema', effect: 'writes', protocol: 'simple', text }
}

const FIND_REGISTRY = {
  name: 'findSchema',
  effect: 'reads',
  columns: { exists: BOOLEAN },
  text: `SELECT to_regclass('applied_schema') IS NOT NULL AS exists`,
} satisfies Query

const READ_DIGEST = {
  name: 'readSchema',
  effect: 'reads',
  columns: { digest: TEXT },
  text: 'SELECT digest FROM applied_schema',
} satisfies Query

const FIND_MISSING = {
  name: 'findMissing',
  effect: 'reads',
  columns: { name: TEXT },
  text: `
  SELECT name FROM unnest($1::text[]) AS part (name)
  WHERE to_regclass(split_part(name, '.', 1)) IS NULL
    OR name LIKE '%.%' AND NOT EXISTS (
      SELECT FROM pg_attribute
      WHERE attrelid = to_regclass(split_part(name, '.', 1))
        AND attname = split_part(name, '.', 2) AND NOT attisdropped
    )`,
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

/** Which of the rights $1, each as `table.RIGHT`, the role has not. */
export const FIND_LACKING = {
  name: 'findLacking',
  effect: 'reads',
  columns: { name: TEXT },
  text: `
  SELECT split_part(name, '.', 2) || ' on ' || split_part(name, '.', 1) AS name
  FROM unnest($1::text[]) AS needed (name)
  WHERE NOT has_table_privilege(split_part(name, '.', 1), split_part(name, '.', 2))`,
} satisfies Query
