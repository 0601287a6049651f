// What an operator does with the database's own rights, in the table of commands: who, when, why, and
// what it has met so far. No instance has to obey it.

import { ITSELF, type PacedKind } from '../actors/model/operator.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { INTEGER, type Query } from '../infra/postgres/rows.ts'
import { NOW_MS } from '../infra/postgres/sql.ts'
import { counted } from './command-line.ts'
import { ask } from './pit-books.ts'

export interface NotedCommand {
  readonly kind: PacedKind
  /** What it is about, as a person would say it, in how many payments, and how fast. */
  readonly payload: {
    readonly about: string
    readonly payments: number
    readonly perSecond: number
  }
  /** Undefined: nobody gave one. */
  readonly reason: string | undefined
  /** Whoever ordered it; undefined: whoever has the role of the database. */
  readonly given: Given | undefined
}

export interface Given {
  readonly by: string
  readonly via: 'console' | 'cli'
}

/** Appends it before anything is done; its id. Rejects with `BooksUnreachable`. */
export async function noteCommand(
  pool: PostgresPool,
  { kind, payload, reason = 'no reason was given', given }: NotedCommand,
): Promise<number> {
  const who = [given?.by ?? null, given?.via ?? 'cli']
  return (await ask(pool.runForRow(NOTE, [kind, JSON.stringify(payload), reason, ...who]))).id
}

/** Ids that are named in a command; of more it says how many they are. */
const NAMED_MAX = 100

/** What a command about these payments is about. */
export function aboutIds(ids: readonly string[]): string {
  return ids.length > NAMED_MAX ? counted(ids.length, 'id') : ids.join(' ')
}

/** Some payments of a command, which one statement handles. */
export interface Batch {
  readonly command: number
  readonly ids: readonly string[]
  /** When the first of them is due, and how long after the one before each other one, ms from now. */
  readonly delayMs: number
  readonly intervalMs: number
}

export interface BatchResult {
  readonly correlationId: string
  /** Whether what was ordered was done to it. */
  readonly isDone: boolean
  /** What became of it, as the rest of a sentence about it. */
  readonly words: string
}

/**
 * `wanted`, the payments of a batch in their order, and `locked`, those of them that fit: parts of the
 * statement that handles it. Rows are locked in the order of their ids, as the instances lock them:
 * nobody waits in a circle.
 */
export function lockBatch(fits: string): string {
  return `wanted AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[]) WITH ORDINALITY AS item (correlation_id, number)
  ), locked AS MATERIALIZED (
    SELECT p.correlation_id, wanted.number
    FROM wanted JOIN payments p ON p.correlation_id = wanted.correlation_id
    WHERE ${fits}
    ORDER BY p.correlation_id
    FOR UPDATE OF p
  )`
}

/** When a payment of `locked` is due: $2 is `delayMs` of its batch, $3 `intervalMs`. */
export const BATCH_DUE_AT =
  "now() + ($2::float8 + (locked.number - 1) * $3::float8) * interval '1 millisecond'"

/**
 * `noted`, a part of the statement that handles a batch: the row of the command $4 says how many of
 * its payments are handled (`wanted` are the rows of this batch), and to how many of those it was done
 * (the rows of `done`), under that name. The last batch ends the command. What was interrupted says
 * what it has done, to the payment.
 */
export function noteBatch(done: string): string {
  return `noted AS (
    UPDATE commands c SET
      result = jsonb_build_object('${ITSELF}', CASE WHEN sum.handled < sum.payments
        THEN jsonb_build_object('payments', sum.payments, '${done}', sum.done,
          'handled', sum.handled, 'at', ${NOW_MS})
        ELSE jsonb_build_object('payments', sum.payments, '${done}', sum.done) END),
      done_at = CASE WHEN sum.handled >= sum.payments THEN now() END
    FROM (
      SELECT id, (payload->>'payments')::int AS payments,
        coalesce((result->'${ITSELF}'->>'handled')::int, 0)
          + (SELECT count(*) FROM wanted) AS handled,
        coalesce((result->'${ITSELF}'->>'${done}')::int, 0)
          + (SELECT count(*) FROM ${done}) AS done
      FROM commands WHERE id = $4
    ) AS sum
    WHERE c.id = sum.id
  )`
}

// One at a time, as instances write them: an id that is given out is committed before a higher one.
const NOTE = {
  name: 'noteCommand',
  effect: 'writes',
  columns: { id: INTEGER },
  text: `
  WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('pit commands')))
  INSERT INTO commands (by, via, kind, payload, reason, awaited)
  SELECT coalesce($4, 'database role ' || current_user), $5, $1, $2::jsonb, $3,
    jsonb_build_array('${ITSELF}')
  FROM turn RETURNING id`,
} satisfies Query
