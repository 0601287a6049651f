// Pit's books in a window: from its own tables, or as it tells its clients.

import type { Summary } from '../actors/model/payment.ts'
import { createSummaries } from '../infra/postgres/summary.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { readObject } from '../infra/processor/wire.ts'
import { BooksUnreachable } from './failures.ts'

/** A window with both ends, inclusive, whole epoch ms. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface PitBooks {
  /** Rejects with `BooksUnreachable`. */
  summarize(span: Span): Promise<Summary>
}

/** Bound on one question, ms. */
const TIMEOUT_MS = 10_000

/** By the totals that Pit's summaries are made of; without what is settled but not yet written. */
export function booksInTables(pool: PostgresPool): PitBooks {
  const summaries = createSummaries(pool)
  return {
    async summarize(span) {
      try {
        return (await summaries.summarize(span, [])).summary
      } catch (cause) {
        throw new BooksUnreachable('Pit in PostgreSQL', cause)
      }
    },
  }
}

/** As a client sees them. @param url of an instance or of the balancer, no slash at its end. */
export function booksOverHttp(url: string): PitBooks {
  return {
    async summarize({ from, to }) {
      const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`
      try {
        const answer = await fetch(`${url}/payments-summary?${window}`, {
          signal: AbortSignal.timeout(TIMEOUT_MS),
        })
        const summary = readSummary(readObject(await answer.text()))
        if (summary !== undefined && answer.status === 200) return summary
        throw new Error(`it answered ${answer.status}`)
      } catch (cause) {
        throw new BooksUnreachable(`Pit at ${url}`, cause)
      }
    },
  }
}

function readSummary(body: Readonly<Record<string, unknown>> | undefined): Summary | undefined {
  const byDefault = readTotal(body?.['default'])
  const fallback = readTotal(body?.['fallback'])
  return byDefault && fallback ? { default: byDefault, fallback } : undefined
}

function readTotal(value: unknown): Summary['default'] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { totalRequests, totalAmount } = value as Readonly<Record<string, unknown>>
  if (typeof totalRequests !== 'number' || typeof totalAmount !== 'number') return undefined
  return { payments: totalRequests, cents: Math.round(totalAmount * 100) }
}
