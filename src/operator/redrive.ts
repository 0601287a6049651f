// Which payments are rejected, and sending them through again: they are parked, due one after the
// other, and instances claim them as they claim whatever waits.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { BOOLEAN, INTEGER, STATE, TEXT, nullable } from '../infra/postgres/rows.ts'
import type { Query } from '../infra/postgres/rows.ts'
import { arrayOf, isKnown } from '../infra/postgres/sql.ts'
import {
  BATCH_DUE_AT,
  lockBatch,
  noteBatch,
  type Batch,
  type BatchResult,
} from './noted-command.ts'
import { ask } from './pit-books.ts'

/** Which of the rejected payments; all that is there has to hold. */
export interface RejectedFilter {
  /** When it was accepted, epoch ms, both inclusive. */
  readonly from: number
  readonly to: number
  /** One that denied it. */
  readonly processor: ProcessorName | undefined
  /** What that one said, such as `http 400`. */
  readonly status: string | undefined
}

/** What `Date` and PostgreSQL can both hold, epoch ms. */
export const EVERYTHING: RejectedFilter = {
  from: 0,
  to: 253_402_300_799_999,
  processor: undefined,
  status: undefined,
}

export interface RejectedPayment {
  readonly correlationId: string
  readonly amountCents: bigint
  /** Epoch ms. */
  readonly acceptedAt: number
  /** What processors said, such as `default: http 400`; undefined when it was not kept. */
  readonly why: string | undefined
}

/** Oldest first. Rejects with `BooksUnreachable`. */
export async function listRejected(
  pool: PostgresPool,
  filter: RejectedFilter,
  limit: number,
): Promise<readonly RejectedPayment[]> {
  const rows = await ask(pool.run(LIST, [...parametersOf(filter), limit]))
  return rows.map((row) => ({
    correlationId: row.correlation_id,
    amountCents: BigInt(row.amount_cents),
    acceptedAt: row.accepted_at_ms,
    why: row.why ?? undefined,
  }))
}

export interface RejectedIds {
  /** Oldest first, `limit` at most. */
  readonly ids: readonly string[]
  /** How many fit the filter, and their sum. */
  readonly count: number
  readonly cents: bigint
}

/** Rejects with `BooksUnreachable`. */
export async function findRejected(
  pool: PostgresPool,
  filter: RejectedFilter,
  limit: number,
): Promise<RejectedIds> {
  const parameters = parametersOf(filter)
  const { count, cents } = await ask(pool.runForRow(COUNT, parameters))
  const rows = await ask(pool.run(IDS, [...parameters, limit]))
  return { ids: rows.map((row) => row.correlation_id), count, cents: BigInt(cents) }
}

function parametersOf({ from, to, processor, status }: RejectedFilter) {
  return [from, to, processor ?? null, status ?? null] as const
}

/**
 * Parks those of the payments that are rejected; any other is left as it is. Rejects with
 * `BooksUnreachable`.
 */
export async function redriveBatch(
  pool: PostgresPool,
  { command, ids, delayMs, intervalMs }: Batch,
): Promise<readonly BatchResult[]> {
  const values = [arrayOf(ids, (id) => id), delayMs, intervalMs, command]
  return (await ask(pool.run(REDRIVE, values))).map((row) => {
    const result = resultOf(row)
    const words = SENTENCES[result]
    return { correlationId: row.correlation_id, isDone: result === 'redriven', words }
  })
}

type Result = 'redriven' | 'open' | 'settled' | 'unknown'

function resultOf(row: { redriven: boolean; state: 0 | 1 | 2 | null }): Result {
  if (row.redriven) return 'redriven'
  if (row.state === null) return 'unknown'
  // Still rejected in the snapshot, but not updated: another redrive was first, so it is open now.
  return row.state === 1 ? 'settled' : 'open'
}

const SENTENCES: Readonly<Record<Result, string>> = {
  redriven: 'is parked and due: the next instance with capacity sends it',
  open: 'is not rejected but still being worked on; nothing was changed',
  settled: 'is not rejected but settled; nothing was changed',
  unknown: 'is not known; nothing was changed',
}

// Attempts that a processor denied; until 0.1.0 their outcome was stored as `rejected`.
const DENIALS = `jsonb_array_elements(
      CASE jsonb_typeof(p.attempts) WHEN 'array' THEN p.attempts ELSE '[]'::jsonb END) AS attempt
    WHERE attempt->>'outcome' IN ('denied', 'rejected')`

const WANTED = `p.state = 2
    AND p.accepted_at >= to_timestamp($1::float8 / 1000)
    AND p.accepted_at < to_timestamp(($2::float8 + 1) / 1000)
    AND ($3::text IS NULL AND $4::text IS NULL OR EXISTS (
      SELECT FROM ${DENIALS}
        AND ($3::text IS NULL OR attempt->>'processor' = $3::text)
        AND ($4::text IS NULL OR attempt->>'detail' = $4::text)
    ))`

const LIST = {
  name: 'listRejected',
  effect: 'reads',
  columns: {
    correlation_id: TEXT,
    amount_cents: TEXT,
    accepted_at_ms: INTEGER,
    why: nullable(TEXT),
  },
  text: `
  SELECT p.correlation_id::text, p.amount_cents::text,
    (extract(epoch FROM p.accepted_at) * 1000)::bigint AS accepted_at_ms,
    (
      SELECT string_agg(DISTINCT (attempt->>'processor') || ': '
        || coalesce(attempt->>'detail', attempt->>'outcome'), ', ')
      FROM ${DENIALS}
    ) AS why
  FROM payments p WHERE ${WANTED}
  ORDER BY p.accepted_at LIMIT $5`,
} satisfies Query

const COUNT = {
  name: 'countRejected',
  effect: 'reads',
  columns: { count: INTEGER, cents: TEXT },
  text: `
  SELECT count(*) AS count, coalesce(sum(p.amount_cents), 0)::text AS cents
  FROM payments p WHERE ${WANTED}`,
} satisfies Query

const IDS = {
  name: 'idsOfRejected',
  effect: 'reads',
  columns: { correlation_id: TEXT },
  text: `
  SELECT p.correlation_id::text FROM payments p WHERE ${WANTED}
  ORDER BY p.accepted_at, p.correlation_id LIMIT $5`,
} satisfies Query

// The fencing token goes up: a write of the former owner under the old one changes nothing.
const REDRIVE = {
  name: 'redrive',
  effect: 'writes',
  columns: { correlation_id: TEXT, redriven: BOOLEAN, state: nullable(STATE) },
  text: `
  WITH ${lockBatch('(p.state + 0) = 2')}, redriven AS (
    UPDATE payments p SET state = 0, owner = NULL, claim = p.claim + 1, rounds = 0,
      due_at = ${BATCH_DUE_AT}
    FROM locked WHERE p.correlation_id = locked.correlation_id
    RETURNING p.correlation_id
  ), ${noteBatch('redriven')}
  SELECT wanted.correlation_id::text,
    EXISTS (SELECT FROM redriven r WHERE r.correlation_id = wanted.correlation_id) AS redriven,
    coalesce(
      (SELECT p.state FROM payments p WHERE p.correlation_id = wanted.correlation_id),
      CASE WHEN ${isKnown('wanted.correlation_id')} THEN 1 END
    ) AS state
  FROM wanted ORDER BY wanted.number`,
} satisfies Query
