// Pit's summary against the rows themselves.

import pg from 'pg'
import { NO_BOOKS, booksAgree, subtractBooks } from '../challenge/books.ts'
import type { PitEndpoint } from '../challenge/pit-endpoint.ts'
import type { Summary, TimeWindow } from '../../src/actors/model/payment.ts'

/** Whether Pit says of a window what counting every row in it says. */
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
    `SELECT processor, count(*) AS payments, sum(amount_cents) AS cents FROM payments
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
