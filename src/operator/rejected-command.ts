// `pit rejected`: payments that a processor will never take, listed, and sent through again by
// hand.

import { parseArgs } from 'node:util'
import { formatCents } from '../actors/model/money.ts'
import type { Attempt } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { ATTEMPTS, BOOLEAN, INTEGER, STATE, TEXT, nullable } from '../infra/postgres/rows.ts'
import type { Columns, Query, RowOf } from '../infra/postgres/rows.ts'
import { BooksUnreachable, EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'

export const REJECTED_USAGE = `Usage: pit rejected [options]

Lists the payments that a processor rejected, or sends one of them through again.

  --redrive <id>  the correlationId of the one to send through again
  --help          shows this

Environment: DATABASE_URL.
Exit codes: 0 done; 1 there is no such rejected payment; 2 usage; 3 the database does not answer.
`

export type RejectedOptions =
  { readonly kind: 'help' | 'list' } | { readonly kind: 'redrive'; readonly correlationId: string }

/** Throws `UsageError`. */
export function readRejectedOptions(args: readonly string[]): RejectedOptions {
  const values = parseFlags(args)
  if (values.help === true) return { kind: 'help' }
  const id = values.redrive
  if (id === undefined) return { kind: 'list' }
  if (!UUID.test(id)) throw new UsageError(`--redrive takes the UUID of a payment, not ${id}`)
  return { kind: 'redrive', correlationId: id.toLowerCase() }
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** The exit code. Rejects with `BooksUnreachable`. */
export async function runRejected(
  options: Exclude<RejectedOptions, { kind: 'help' }>,
  tool: { readonly pool: PostgresPool; readonly write: (text: string) => void },
): Promise<number> {
  const { pool, write } = tool
  if (options.kind === 'redrive') {
    const { correlationId } = options
    const result = await redrive(pool, correlationId)
    write(`${correlationId} ${SENTENCES[result]}\n`)
    return result === 'redriven' ? EXIT_FINE : EXIT_DIFFERENT
  }
  const rejected = await listRejected(pool)
  if (rejected.length === 0) write('no payment is rejected\n')
  for (const payment of rejected) write(`${describe(payment)}\n`)
  if (rejected.length === LISTED_MAX) write(`and perhaps more: the oldest ${LISTED_MAX} only\n`)
  return EXIT_FINE
}

const SENTENCES = {
  redriven: 'is parked and due: the next instance with capacity sends it',
  open: 'is not rejected but still being worked on; nothing was changed',
  settled: 'is not rejected but settled; nothing was changed',
  unknown: 'is not known; nothing was changed',
} as const

function describe({ correlationId, amountCents, acceptedAt, last }: RejectedPayment): string {
  const why = last === undefined ? '' : `  ${last.processor}: ${last.detail ?? last.outcome}`
  const at = new Date(acceptedAt).toISOString()
  return `${correlationId}  ${formatCents(amountCents).padStart(14)}  accepted ${at}${why}`
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { redrive: { type: 'string' }, help: { type: 'boolean' } },
    }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}\n\n${REJECTED_USAGE}`, { cause })
  }
}

interface RejectedPayment {
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms. */
  readonly acceptedAt: number
  /** The attempt that was rejected; undefined when the attempts were not kept. */
  readonly last: Attempt | undefined
}

/** Payments in one listing. */
const LISTED_MAX = 1000

/** Oldest first, up to `LISTED_MAX`. Rejects with `BooksUnreachable`. */
async function listRejected(pool: PostgresPool): Promise<readonly RejectedPayment[]> {
  const rows = await run(pool, LIST, [LISTED_MAX])
  return rows.map((row) => ({
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    acceptedAt: row.accepted_at_ms,
    last: row.attempts?.at(-1),
  }))
}

/**
 * Parks a rejected payment, due now: the next instance with capacity claims it and routes it anew.
 * A payment in any other state is left as it is. Rejects with `BooksUnreachable`.
 */
async function redrive(
  pool: PostgresPool,
  correlationId: string,
): Promise<'redriven' | 'open' | 'settled' | 'unknown'> {
  const [row] = await run(pool, REDRIVE, [correlationId])
  if (row?.redriven === true) return 'redriven'
  if (row === undefined || row.state === null) return 'unknown'
  // Still rejected in the snapshot, but not updated: another redrive was first, so it is open now.
  return row.state === 1 ? 'settled' : 'open'
}

const LIST = {
  name: 'listRejected',
  effect: 'reads',
  columns: {
    correlation_id: TEXT,
    amount_cents: INTEGER,
    attempts: nullable(ATTEMPTS),
    accepted_at_ms: INTEGER,
  },
  text: `
  SELECT correlation_id::text, amount_cents, attempts,
    (extract(epoch FROM accepted_at) * 1000)::bigint AS accepted_at_ms
  FROM payments WHERE state = 2
  ORDER BY accepted_at LIMIT $1`,
} satisfies Query

// The fencing token goes up: a write of the former owner under the old one changes nothing.
const REDRIVE = {
  name: 'redrive',
  effect: 'writes',
  columns: { redriven: BOOLEAN, state: nullable(STATE) },
  text: `
  WITH redriven AS (
    UPDATE payments SET state = 0, owner = NULL, due_at = now(), claim = claim + 1, rounds = 0
    WHERE correlation_id = $1 AND (state + 0) = 2
    RETURNING correlation_id
  )
  SELECT EXISTS (SELECT FROM redriven) AS redriven,
    (SELECT state FROM payments WHERE correlation_id = $1) AS state`,
} satisfies Query

async function run<Shape extends Columns>(
  pool: PostgresPool,
  query: Query<Shape>,
  values: readonly (string | number)[],
): Promise<readonly RowOf<Shape>[]> {
  try {
    return await pool.run(query, values)
  } catch (cause) {
    throw new BooksUnreachable('Pit in PostgreSQL', cause)
  }
}
