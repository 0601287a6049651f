// What migrations leave in a database, read from their text: the parts that code goes by.

import type { MigrationState } from './migrating.ts'
import type { Migration, Migrations } from './migrations.ts'

/**
 * What is there after this SQL, in the form that migrations have: columns as `table.column`, unique
 * keys as `table(column column)` in the order of the alphabet, functions as `name()`, and indexes by
 * their names.
 */
export function partsOf(sql: string): readonly string[] {
  const parts = new Set<string>()
  for (const { made, gone } of changesIn(sql)) {
    for (const part of gone) parts.delete(part)
    for (const part of made) parts.add(part)
  }
  return [...parts]
}

/**
 * What has to be there by what is recorded, but for what a migration works on that is not applied to
 * its end: an index may be replaced just now. Nothing where a newer Pit has been: it may have taken
 * away what its records say that this code does not need.
 */
export function partsRecorded(
  { all }: Migrations,
  { records, pending }: Pick<MigrationState, 'records' | 'pending'>,
): readonly string[] {
  if (records.some(({ number }) => number > all.length)) return []
  const textOf = (migrations: readonly Migration[]): string =>
    migrations.map(({ sql }) => sql).join('\n')
  const underWay = changesIn(textOf(pending)).flatMap(({ made, gone }) => [...made, ...gone])
  return partsOf(textOf(all)).filter((part) => !underWay.includes(part))
}

/** Without an index that is no key all is right, and slow. */
export function isIndex(part: string): boolean {
  return /^\w+$/.test(part)
}

/** As `table.column:type`, read from the form that the migrations have. */
export function typedColumnsOf(sql: string): readonly string[] {
  const made = [...sql.matchAll(TABLE)].flatMap(([, table, body = '']) =>
    [...body.matchAll(COLUMN)].map(([, name, type]) => `${table}.${name}:${type}`),
  )
  const added = [...sql.matchAll(ALTERED)].flatMap(([, table, changes = '']) =>
    [...changes.matchAll(ADDED)].map(([, name, type]) => `${table}.${name}:${type}`),
  )
  return [...new Set([...made, ...added])]
}

const TABLE = /CREATE TABLE IF NOT EXISTS (\w+) \(\n([^]*?)\n\)/g
const COLUMN = /^ {2}([a-z]\w*) (\w+)/gm
const KEY_OF_ONE = /^ {2}([a-z]\w*) [^,\n]*\bPRIMARY KEY\b/gm
const KEY_OF_MANY = /^ {2}PRIMARY KEY \(([\w, ]+)\)/gm
const ALTERED = /ALTER TABLE (?:IF EXISTS )?(\w+)([^;]*);/g
const ADDED = /ADD COLUMN IF NOT EXISTS (\w+) (\w+)/g
const DROPPED = /DROP COLUMN (?:IF EXISTS )?(\w+)/g
const INDEX = /CREATE INDEX (?:CONCURRENTLY )?IF NOT EXISTS (\w+)/g
const INDEX_DROPPED = /DROP INDEX (?:CONCURRENTLY )?IF EXISTS (\w+)/g
const INDEX_RENAMED = /ALTER INDEX (?:IF EXISTS )?(\w+) RENAME TO (\w+)/g
const FUNCTION = /CREATE OR REPLACE FUNCTION (\w+)/g

interface Change {
  readonly made: readonly string[]
  readonly gone: readonly string[]
}

/** What each statement makes and takes away, in turn. */
function changesIn(sql: string): readonly Change[] {
  const found = (
    kind: RegExp,
    changeOf: (first: string, second: string) => Partial<Change>,
  ): readonly (readonly [at: number, change: Change])[] =>
    [...sql.matchAll(kind)].map(({ index, 1: first = '', 2: second = '' }) => [
      index,
      { made: [], gone: [], ...changeOf(first, second) },
    ])
  const all = [
    ...found(TABLE, (table, body) => ({ made: partsOfTable(table, body) })),
    ...found(ALTERED, (table, changes) => ({
      made: [...changes.matchAll(ADDED)].map(([, name]) => `${table}.${name}`),
      gone: [...changes.matchAll(DROPPED)].map(([, name]) => `${table}.${name}`),
    })),
    ...found(INDEX, (index) => ({ made: [index] })),
    ...found(INDEX_DROPPED, (index) => ({ gone: [index] })),
    ...found(INDEX_RENAMED, (before, after) => ({ made: [after], gone: [before] })),
    ...found(FUNCTION, (name) => ({ made: [`${name}()`] })),
  ]
  return all.toSorted(([a], [b]) => a - b).map(([, change]) => change)
}

function partsOfTable(table: string, body: string): readonly string[] {
  const columns = [...body.matchAll(COLUMN)].map(([, name]) => `${table}.${name}`)
  const keys = [...body.matchAll(KEY_OF_ONE), ...body.matchAll(KEY_OF_MANY)]
  return [
    ...columns,
    ...keys.map(([, of = '']) => `${table}(${of.split(', ').toSorted().join(' ')})`),
  ]
}
