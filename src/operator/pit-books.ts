// Pit's side of a comparison: its books in a window, from its own tables or as it answers its
// clients.

import { PostgresPool } from '../infra/postgres/pool.ts'
import {
  findNext,
  sumRows,
  sumTotals,
  type BookTotal,
  type BookTotals,
  type NextInstants,
} from '../infra/postgres/row-sums.ts'
import { readRecordedTotal, readTotals } from '../infra/processor/books.ts'
import { BooksUnreachable } from './failures.ts'

/** Bound on one statement, ms: an operator waits longer than a client. */
const STATEMENT_TIMEOUT_MS = 60_000

/** A connection of an operator's tool: made when it is first used; the schema is not changed. */
export function openTables(connectionString: string): PostgresPool {
  return new PostgresPool({
    connectionString,
    applicationName: 'pit operator',
    connectTimeoutMs: 5000,
    size: 1,
    timeoutMs: STATEMENT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    commits: 'onDisk',
  })
}

/** Asks Pit's tables. Rejects with `BooksUnreachable`. */
export async function ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (cause) {
    throw new BooksUnreachable('Pit in PostgreSQL', cause)
  }
}

/** A window with both ends, inclusive, whole epoch ms. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface PitBooks {
  /** Rejects with `BooksUnreachable`. */
  sum(span: Span): Promise<BookTotals>
}

/** Rows that are added up in one statement are those of this long at most, ms. */
const STRETCH_MS = 6 * 3_600_000

/** Where Pit's books have rows, and what else its totals tell. */
export interface BooksBegin {
  /** Before it there are totals and no rows: a multiple of `grainMs`, epoch ms. */
  readonly rowsFrom: number
  /** What totals can tell apart, ms: a second, or ten where seconds are joined. */
  readonly grainMs: number
  /** Before it they are, epoch ms. */
  readonly joinedBefore: number
}

/**
 * From the rows of the settled payments, and before `rowsFrom` from the totals, in whole grains;
 * without payments settled but not yet written.
 */
export function booksInTables(
  tables: PostgresPool,
  { rowsFrom, grainMs, joinedBefore }: BooksBegin,
): PitBooks {
  return {
    async sum({ from, to }) {
      const grains = {
        from: startOfGrain(from, grainMs),
        to: Math.min(startOfGrain(to, grainMs) + grainMs - 1, rowsFrom - 1),
      }
      const told = from < rowsFrom ? await ask(sumTotals(tables, grains, joinedBefore)) : NO_BOOKS
      const rows = await sumAllRows(tables, { from: Math.max(from, rowsFrom), to })
      return addBooks(told, rows)
    },
  }
}

export function startOfGrain(at: number, grainMs: number): number {
  return at - (at % grainMs)
}

/** Reads stretch by stretch, each in a bounded time; what is empty is skipped. */
async function sumAllRows(tables: PostgresPool, { from, to }: Span): Promise<BookTotals> {
  let sum = NO_BOOKS
  for (let at = from; at <= to;) {
    const { row } = await ask(findNext(tables, at))
    if (row === undefined || row > to) return sum
    const end = Math.min(row + STRETCH_MS - 1, to)
    sum = addBooks(sum, await ask(sumRows(tables, { from: row, to: end })))
    at = end + 1
  }
  return sum
}

/** Like `findNext`; rejects with `BooksUnreachable`. */
export function nextInstants(tables: PostgresPool, at: number): Promise<NextInstants> {
  return ask(findNext(tables, at))
}

/** Bound on one answer, ms. */
const ANSWER_TIMEOUT_MS = 10_000

/** As a client gets them. @param url of an instance or of the balancer, no slash at its end. */
export function booksOverHttp(url: string): PitBooks {
  return {
    async sum({ from, to }) {
      const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`
      try {
        const answer = await fetch(`${url}/payments-summary?${window}`, {
          signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
        })
        if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
        const books = readBooks(await answer.text())
        if (books === undefined) throw new Error('its answer is not a summary')
        return books
      } catch (cause) {
        throw new BooksUnreachable(`Pit at ${url}`, cause)
      }
    },
  }
}

function readBooks(body: string): BookTotals | undefined {
  const summary = readTotals(body)
  const byDefault = readRecordedTotal(summary?.['default'])
  const fallback = readRecordedTotal(summary?.['fallback'])
  return byDefault && fallback ? { default: byDefault, fallback } : undefined
}

export const NOTHING: BookTotal = { payments: 0n, cents: 0n }

const NO_BOOKS: BookTotals = { default: NOTHING, fallback: NOTHING }

function addBooks(one: BookTotals, other: BookTotals): BookTotals {
  return {
    default: add(one.default, other.default),
    fallback: add(one.fallback, other.fallback),
  }
}

export function add(one: BookTotal, other: BookTotal): BookTotal {
  return { payments: one.payments + other.payments, cents: one.cents + other.cents }
}

export function subtract(one: BookTotal, other: BookTotal): BookTotal {
  return { payments: one.payments - other.payments, cents: one.cents - other.cents }
}

export function isDifferent({ payments, cents }: BookTotal): boolean {
  return payments !== 0n || cents !== 0n
}
