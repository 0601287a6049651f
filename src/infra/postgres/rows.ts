// How the rows of a statement are read: each column is checked where it comes in. A row that does
// not fit is no failure of PostgreSQL. One that is a payment is damaged by whoever wrote to Pit's
// tables, and concerns that payment only; any other is a bug.

import assert from 'node:assert'
import type { Attempt, AttemptOutcome, Contradiction } from '../../actors/model/payment.ts'

/** What a column may hold. */
export interface Column<Value> {
  /** Words for the message of a row that does not fit. */
  readonly takes: string
  readonly fits: (value: unknown) => value is Value
}

/** The columns of a row, by their names in the statement. */
export type Columns = Readonly<Record<string, Column<unknown>>>

export type RowOf<Shape extends Columns> = {
  readonly [Name in keyof Shape]: Shape[Name] extends Column<infer Value> ? Value : never
}

/** A prepared statement that returns no rows. One name always has one text. */
export interface Statement {
  readonly name: string
  readonly text: string
  /** Decides what a lost answer means. */
  readonly effect: 'reads' | 'writes'
  /** `simple`: several statements in one message, which are one transaction; no parameters. */
  readonly protocol?: 'simple'
}

/** A statement that returns rows; with `simple` those of its last statement. */
export interface Query<Shape extends Columns = Columns> extends Statement {
  readonly columns: Shape
}

/**
 * The same rows, checked in place: nothing is copied, so that the rows of an accept cost next to
 * nothing. Throws `AssertionError` with the names of the query and of the column.
 */
export function readRows<Shape extends Columns>(
  { name, columns }: Query<Shape>,
  rows: readonly object[],
): readonly RowOf<Shape>[] {
  checkColumns(name, columns, rows)
  // Each of the columns that the type names has just been checked.
  return rows as readonly RowOf<Shape>[]
}

/** A payment's row that does not fit. */
export interface DamagedRow {
  /** The statement that returned it. */
  readonly operation: string
  /** Null where that does not fit either. */
  readonly correlationId: string | null
  /** The column, and what is wrong with it; never the value, which may be a client's. */
  readonly cause: string
}

export type OnDamagedRow = (row: DamagedRow) => void

/**
 * Those of the rows, each a payment with its `correlation_id`, that fit; `onDamaged` is told of the
 * others, also where none fits: the start has made sure that the columns are those that this build
 * reads, so it is the payments that are damaged, however many.
 */
export function readPayments<Shape extends Columns>(
  { name, columns }: Pick<Query<Shape>, 'name' | 'columns'>,
  rows: readonly object[],
  onDamaged: OnDamagedRow,
): readonly RowOf<Shape>[] {
  const damaged = rows.flatMap((row) => {
    const cause = faultIn(name, columns, row)
    return cause === undefined ? [] : [{ row, cause }]
  })
  for (const { row, cause } of damaged) {
    const id: unknown = Reflect.get(row, 'correlation_id')
    onDamaged({ operation: name, correlationId: TEXT.fits(id) ? id : null, cause })
  }
  const unfit = new Set(damaged.map(({ row }) => row))
  const fitting = unfit.size === 0 ? rows : rows.filter((row) => !unfit.has(row))
  // Each of the columns that the type names has just been checked.
  return fitting as readonly RowOf<Shape>[]
}

function faultIn(query: string, columns: Columns, row: object): string | undefined {
  for (const [name, column] of Object.entries(columns)) {
    const value: unknown = Reflect.get(row, name)
    if (!column.fits(value)) return faultOf(query, { name, column, value })
  }
  return undefined
}

/** The row of a query that always returns exactly one. Throws like `readRows`. */
export function readOnlyRow<Shape extends Columns>(
  query: Query<Shape>,
  rows: readonly object[],
): RowOf<Shape> {
  const [row, ...more] = readRows(query, rows)
  assert(
    row !== undefined && more.length === 0,
    `${query.name} returns one row, not ${rows.length}`,
  )
  return row
}

// Column by column: all rows are asked for the same property in turn, which V8 makes cheap.
function checkColumns(query: string, columns: Columns, rows: readonly object[]): void {
  for (const name of Object.keys(columns)) {
    const column = columns[name]
    assert(column !== undefined, 'each column that is named is there')
    for (const row of rows as readonly Readonly<Record<string, unknown>>[]) {
      const value = row[name]
      if (!column.fits(value)) assert.fail(faultOf(query, { name, column, value }))
    }
  }
}

// The value itself stays out of the message: it may be a client's.
function faultOf(
  query: string,
  { name, column, value }: { name: string; column: Column<unknown>; value: unknown },
): string {
  const found = value === null ? 'null' : typeof value
  return `${query} returns ${name} as ${column.takes}, and it is ${found}`
}

/** smallint, int, and bigint as far as a number is exact. */
export const INTEGER: Column<number> = {
  takes: 'an exact whole number',
  fits: (value): value is number => Number.isSafeInteger(value),
}

/** float8, without infinities. */
export const FLOAT: Column<number> = {
  takes: 'a finite number',
  fits: (value): value is number => Number.isFinite(value),
}

export const BOOLEAN: Column<boolean> = {
  takes: 'a boolean',
  fits: (value) => typeof value === 'boolean',
}

export const TEXT: Column<string> = {
  takes: 'a text',
  fits: (value) => typeof value === 'string',
}

/** A whole numeric of any length, as text. */
export const DIGITS: Column<string> = {
  takes: 'a whole number as text',
  fits: (value): value is string => TEXT.fits(value) && /^-?\d+$/.test(value),
}

/** How a processor is written in the tables: 1 default, 2 fallback. */
export const PROCESSOR: Column<1 | 2> = {
  takes: '1 or 2',
  fits: (value) => value === 1 || value === 2,
}

/** A payment's state in the tables: 0 open, 1 settled, 2 rejected. */
export const STATE: Column<0 | 1 | 2> = {
  takes: '0, 1 or 2',
  fits: (value) => value === 0 || value === 1 || value === 2,
}

/** Which buckets of the totals: 0 a second wide, 1 a minute, 2 an hour, 3 a day. */
export type Level = 0 | 1 | 2 | 3

export const LEVEL: Column<Level> = {
  takes: '0, 1, 2 or 3',
  fits: (value) => value === 0 || value === 1 || value === 2 || value === 3,
}

/** An array of texts, none of them null. */
export const TEXTS: Column<readonly string[]> = {
  takes: 'an array of texts',
  fits: (value): value is readonly string[] => Array.isArray(value) && value.every(TEXT.fits),
}

/** An array of int, none of them null. */
export const INTEGERS: Column<readonly number[]> = {
  takes: 'an array of whole numbers',
  fits: (value): value is readonly number[] => Array.isArray(value) && value.every(INTEGER.fits),
}

/** An array of int, of which any may be null. */
export const NULLABLE_INTEGERS: Column<readonly (number | null)[]> = {
  takes: 'an array of whole numbers and nulls',
  fits: (value): value is readonly (number | null)[] =>
    Array.isArray(value) && value.every((each) => each === null || INTEGER.fits(each)),
}

/** Attempts as jsonb. */
export const ATTEMPTS: Column<readonly Attempt[]> = {
  takes: 'a list of attempts',
  fits: (value): value is readonly Attempt[] => Array.isArray(value) && value.every(isAttempt),
}

/** Stored attempts in the words of this version: until 0.1.0 a denied one was called `rejected`. */
export function attemptsIn(stored: readonly Attempt[] | null): readonly Attempt[] {
  if (stored === null) return []
  const old = ({ outcome }: { readonly outcome: string }): boolean => outcome === 'rejected'
  if (!stored.some(old)) return stored
  return stored.map((attempt) => (old(attempt) ? { ...attempt, outcome: 'denied' } : attempt))
}

export function nullable<Value>({ takes, fits }: Column<Value>): Column<Value | null> {
  return {
    takes: `${takes} or null`,
    fits: (value): value is Value | null => value === null || fits(value),
  }
}

/**
 * The attempts of a payment that this process goes on with: outcomes decide where it goes, so only
 * those that this version knows are left, and any other is `other`.
 */
export function knownOutcomes(attempts: readonly Attempt[]): readonly Attempt[] {
  if (attempts.every(hasKnownOutcome)) return attempts
  return attempts.map((attempt) => {
    if (hasKnownOutcome(attempt)) return attempt
    const { outcome, detail } = attempt
    const said = detail === undefined ? outcome : `${outcome}: ${detail}`
    return { ...attempt, outcome: 'other', detail: said }
  })
}

function hasKnownOutcome({ outcome }: Attempt): boolean {
  return Object.hasOwn(OUTCOMES, outcome)
}

const OUTCOMES: Readonly<Record<AttemptOutcome, true>> = {
  other: true,
  inFlight: true,
  settled: true,
  refused: true,
  failed: true,
  known: true,
  inDoubt: true,
  denied: true,
}

/**
 * Reason and outcome are any words, because attempts are kept for ever and other versions of Pit
 * have other words. A reason is only shown; what is decided by outcomes passes `knownOutcomes`.
 */
function isAttempt(value: unknown): value is Attempt {
  if (typeof value !== 'object' || value === null) return false
  const attempt: Partial<Loose<Attempt>> = value
  const { processor, requestedAt, reason, outcome, tookMs, detail } = attempt
  const { contradiction, number } = attempt
  return (
    (processor === 'default' || processor === 'fallback') &&
    INTEGER.fits(requestedAt) &&
    TEXT.fits(reason) &&
    TEXT.fits(outcome) &&
    FLOAT.fits(tookMs) &&
    (detail === undefined || TEXT.fits(detail)) &&
    (contradiction === undefined || isContradiction(contradiction)) &&
    (number === undefined || INTEGER.fits(number))
  )
}

function isContradiction(value: unknown): value is Contradiction {
  if (typeof value !== 'object' || value === null) return false
  const contradiction: Partial<Loose<Contradiction>> = value
  const { kind, amountCents, requestedAt, correlationId } = contradiction
  return (
    TEXT.fits(kind) &&
    (amountCents === undefined || INTEGER.fits(amountCents)) &&
    (requestedAt === undefined || INTEGER.fits(requestedAt)) &&
    (correlationId === undefined || TEXT.fits(correlationId))
  )
}

type Loose<Shape> = { readonly [Name in keyof Shape]: unknown }
