// Pit's side of a comparison: its books in a window, from its own tables or as it answers its
// clients, and the payments in the tables that may be why they differ.

import type { ExactSummary, ProcessorName } from '../actors/model/payment.ts'
import { PostgresPool } from '../infra/postgres/pool.ts'
import { INTEGER, PROCESSOR, STATE, TEXT, nullable } from '../infra/postgres/rows.ts'
import type { Query, RowOf } from '../infra/postgres/rows.ts'
import { PROCESSOR_NUMBER, processorName } from '../infra/postgres/sql.ts'
import { createSummaries } from '../infra/postgres/summaries.ts'
import { readObject, readTotal } from '../infra/processor/wire.ts'
import { BooksUnreachable } from './failures.ts'

/** Bound on one statement, ms: an operator waits longer than a client. */
const STATEMENT_TIMEOUT_MS = 30_000

/** A connection of an operator's tool: made when it is first used; the schema is not changed. */
export function openTables(connectionString: string): PostgresPool {
  return new PostgresPool({
    connectionString,
    applicationName: 'pit operator',
    connectTimeoutMs: 5000,
    size: 1,
    timeoutMs: STATEMENT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
}

/** A window with both ends, inclusive, whole epoch ms. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface PitBooks {
  /** Rejects with `BooksUnreachable`. */
  summarize(span: Span): Promise<ExactSummary>
}

/** Bound on one answer, ms. */
const ANSWER_TIMEOUT_MS = 10_000

/** From the totals that summaries are made of; without payments settled but not yet written. */
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

/** As a client gets them. @param url of an instance or of the balancer, no slash at its end. */
export function booksOverHttp(url: string): PitBooks {
  return {
    async summarize({ from, to }) {
      const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`
      try {
        const answer = await fetch(`${url}/payments-summary?${window}`, {
          signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
        })
        if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
        const summary = readSummary(readObject(await answer.text()))
        if (summary === undefined) throw new Error('its answer is not a summary')
        return summary
      } catch (cause) {
        throw new BooksUnreachable(`Pit at ${url}`, cause)
      }
    },
  }
}

function readSummary(
  body: Readonly<Record<string, unknown>> | undefined,
): ExactSummary | undefined {
  const byDefault = readTotal(body?.['default'])
  const fallback = readTotal(body?.['fallback'])
  return byDefault && fallback ? { default: byDefault, fallback } : undefined
}

/** A payment as Pit has it. */
export interface Candidate {
  readonly correlationId: string
  readonly amountCents: number
  readonly state: 'open' | 'settled' | 'rejected'
  /** Set once settled, with `requestedAt`, epoch ms. */
  readonly processor?: ProcessorName
  readonly requestedAt?: number
}

/** Candidates of one instant that are read. */
const CANDIDATES_MAX = 1000

/** How long before an instant a candidate was accepted, ms, at most. */
const ACCEPTED_BEFORE_MS = 3_600_000

/** Reads the payments that may be why an instant differs. Rejects with `BooksUnreachable`. */
export async function findCandidates(
  pool: PostgresPool,
  instant: { readonly processor: ProcessorName; readonly at: number },
): Promise<readonly Candidate[]> {
  const number = PROCESSOR_NUMBER[instant.processor]
  const bounds = [instant.at - ACCEPTED_BEFORE_MS, CANDIDATES_MAX]
  try {
    const settled = await pool.run(SETTLED_THEN, [instant.at, number, CANDIDATES_MAX])
    const others = await pool.run(SETTLED_ELSEWHERE, [instant.at, number, ...bounds])
    return [...settled, ...others].map(readCandidate)
  } catch (cause) {
    throw new BooksUnreachable('Pit in PostgreSQL', cause)
  }
}

const CANDIDATE = {
  correlation_id: TEXT,
  amount_cents: INTEGER,
  state: STATE,
  processor: nullable(PROCESSOR),
  requested_at_ms: nullable(INTEGER),
}

const STATES = ['open', 'settled', 'rejected'] as const

function readCandidate(row: RowOf<typeof CANDIDATE>): Candidate {
  const known = {
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    state: STATES[row.state],
  }
  if (row.processor === null || row.requested_at_ms === null) return known
  return { ...known, processor: processorName(row.processor), requestedAt: row.requested_at_ms }
}

const COLUMNS = 'correlation_id::text, amount_cents, state, processor, requested_at_ms'

/** Payments that Pit has settled at that processor in that millisecond. */
const SETTLED_THEN: Query<typeof CANDIDATE> = {
  name: 'settledThen',
  effect: 'reads',
  columns: CANDIDATE,
  text: `
  SELECT ${COLUMNS} FROM payments
  WHERE state = 1 AND requested_at_ms = $1::bigint AND processor = $2::smallint
  ORDER BY correlation_id LIMIT $3`,
}

// Payments that Pit has not settled there, or not then, but may have sent there. Those with an
// attempt at that very instant come first, because they are almost certainly the ones.
const SETTLED_ELSEWHERE: Query<typeof CANDIDATE> = {
  name: 'settledElsewhere',
  effect: 'reads',
  columns: CANDIDATE,
  text: `
  SELECT ${COLUMNS} FROM payments
  WHERE accepted_at BETWEEN to_timestamp($3::float8 / 1000)
      AND to_timestamp($1::float8 / 1000) + interval '1 minute'
    AND (state <> 1 OR processor <> $2::smallint OR requested_at_ms <> $1::bigint)
  ORDER BY coalesce(
      attempts @> jsonb_build_array(jsonb_build_object('requestedAt', $1::bigint)), false
    ) DESC,
    (state <> 1) DESC, accepted_at DESC
  LIMIT $4`,
}
