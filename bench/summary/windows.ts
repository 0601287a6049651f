// Windows to be summed up, anywhere in a span, and whether Pit's sums of them are right.

import pg from 'pg'
import { NO_BOOKS, booksAgree, subtractBooks } from '../challenge/books.ts'
import type { PitEndpoint } from '../challenge/pit-endpoint.ts'
import type { Span } from './rows.ts'
import { ALL_PAYMENTS } from '../../src/infra/postgres/sql.ts'
import type { Summary, TimeWindow } from '../../src/actors/model/payment.ts'

export type WindowKind = 'second' | 'minute' | 'hour' | 'all'

export const WINDOW_KINDS: readonly WindowKind[] = ['second', 'minute', 'hour', 'all']

const LENGTHS_MS = { second: 1000, minute: 60_000, hour: 3_600_000 } as const

/**
 * A window that begins at any millisecond of the span and, if the span is long enough, ends in it.
 * @param random 0 to 1.
 */
export function windowOf(kind: WindowKind, span: Span, random: () => number): TimeWindow {
  if (kind === 'all') return {}
  const lengthMs = LENGTHS_MS[kind]
  const leftMs = Math.max(0, span.to - span.from - lengthMs)
  const from = span.from + Math.floor(random() * (leftMs + 1))
  return { from, to: from + lengthMs - 1 }
}

/** Whether Pit's summary of a window equals the count of every row in it. */
export async function isRight(
  pit: PitEndpoint,
  databaseUrl: string,
  window: TimeWindow,
): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl, query_timeout: COUNT_WITHIN_MS })
  await client.connect()
  try {
    const summary = await pit.readSummary(window)
    const counted = await count(client, window)
    return summary !== undefined && booksAgree(subtractBooks(summary, counted))
  } finally {
    await client.end()
  }
}

async function count(client: pg.Client, window: TimeWindow): Promise<Summary> {
  const { rows } = await client.query<{ processor: number; payments: string; cents: string }>(
    `SELECT processor, count(*) AS payments, sum(amount_cents) AS cents FROM ${ALL_PAYMENTS} p
     WHERE state = 1 AND requested_at_ms BETWEEN $1 AND $2 GROUP BY processor`,
    [window.from ?? 0, window.to ?? Number.MAX_SAFE_INTEGER],
  )
  const of = (processor: number): Summary['default'] => {
    const row = rows.find((each) => each.processor === processor)
    return row === undefined
      ? NO_BOOKS
      : { payments: Number(row.payments), cents: Number(row.cents) }
  }
  return { default: of(1), fallback: of(2) }
}

/** Ten million rows under the ledger's own share take some ten seconds. */
const COUNT_WITHIN_MS = 300_000
