// The migrations that ship with Pit, as files: what each does, in which way it is applied, and which
// code still runs once it is.

import assert from 'node:assert'
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { projectFile } from '../process/project-file.ts'

/**
 * `transaction`: all of it or nothing. `statements`: each by itself, outside of a transaction, and
 * may be begun again. `batches`: one statement that is repeated, see `docs/DATABASE.md`.
 */
export type MigrationKind = 'transaction' | 'statements' | 'batches'

export interface Migration {
  readonly number: number
  /** Its file without the ending: `0001-tables`. */
  readonly name: string
  readonly sql: string
  /** SHA-256 of its file, hex. */
  readonly digest: string
  readonly kind: MigrationKind
  /**
   * The lowest number that code has to know to run once this is applied: set where it contracts,
   * that is, takes away what older code needs. 0: any code runs on.
   */
  readonly needsCode: number
}

/** What one Pit knows. */
export interface Migrations {
  /** By number, from 1 on without a gap. */
  readonly all: readonly Migration[]
  /** The number without which this code cannot run; those after it may still be under way. */
  readonly required: number
}

/** Where the migrations are and which of them the code needs; specs have others. */
export interface MigrationsSource {
  readonly folder: string
  readonly required: number
}

const OF_THIS_PIT: MigrationsSource = {
  folder: projectFile('compose/migrations'),
  required: 10,
}

/** Throws `AssertionError` where a file does not have the form that `docs/DATABASE.md` says. */
export async function readMigrations({
  folder,
  required,
}: MigrationsSource = OF_THIS_PIT): Promise<Migrations> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).toSorted()
  const all = await Promise.all(
    files.map(async (file, index) => {
      const migration = migrationOf(file, await readFile(join(folder, file), 'utf8'))
      assert(migration.number === index + 1, `${file} is the migration after ${index}`)
      return migration
    }),
  )
  assert(all.length >= required && required > 0, 'the migrations that the code needs are there')
  return { all, required }
}

const NAME = /^(\d{4})-[a-z\d-]+\.sql$/

function migrationOf(file: string, text: string): Migration {
  const number = Number(NAME.exec(file)?.[1])
  assert(number > 0, `${file} is called as a migration is`)
  const header = /^(?:--.*\n)*/.exec(text)?.[0] ?? ''
  const needsCode = Number(/^-- needs code from (\d+)$/m.exec(header)?.[1] ?? 0)
  assert(needsCode < number, `${file} needs code that was there before it`)
  return {
    number,
    name: file.replace(/\.sql$/, ''),
    sql: text,
    digest: createHash('sha256').update(text).digest('hex'),
    kind: kindIn(header),
    needsCode,
  }
}

function kindIn(header: string): MigrationKind {
  if (/^-- outside a transaction$/m.test(header)) return 'statements'
  return /^-- in batches$/m.test(header) ? 'batches' : 'transaction'
}

/** Its statements without comments: each ends with a `;` at the end of a line. */
export function statementsOf({ sql }: Pick<Migration, 'sql'>): readonly string[] {
  return sql
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

/** The index that a statement makes without holding up writers, else undefined. */
export function concurrentIndexIn(statement: string): string | undefined {
  return /^CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+)/i.exec(statement)?.[1]
}

/** The table that a migration works on most, as far as its first statement says so. */
export function tableOf(migration: Migration): string | undefined {
  return /\b(?:(?<!FOR )UPDATE|DELETE FROM|INDEX [\w ]+ ON|ALTER TABLE(?: IF EXISTS)?) (\w+)/i.exec(
    statementsOf(migration).join(';'),
  )?.[1]
}

/** One that older code does not survive: only a person applies it. */
export function contracts({ needsCode }: Migration): boolean {
  return needsCode > 0
}
