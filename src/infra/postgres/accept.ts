// Commits new payments in batches.

import assert from 'node:assert'
import { isLedgerFailure, LeaseLost } from '../../actors/model/errors.ts'
import type { AcceptRequest, AcceptResult, Ledger } from '../../actors/model/ports.ts'
import type { Parameter } from './connection.ts'
import type { PostgresPool } from './pool.ts'
import { PURGES, type PurgeCount } from './purges.ts'
import { BOOLEAN, FLOAT, INTEGER, TEXT, nullable, type Query } from './rows.ts'
import { IS_HELD, arrayOf, isKnown } from './sql.ts'

/**
 * Commits batches of new payments, one round trip each: a statement that returns a row for each
 * payment it wrote costs a third less than one that counts them. A second round trip is made only
 * when some were not written; it reads whether the lease is held, and the amounts of known ids.
 */
export function createAccept(
  pool: PostgresPool,
  { timeoutMs, purgeCount }: { readonly timeoutMs: number; readonly purgeCount: PurgeCount },
): Pick<Ledger, 'accept'> {
  return {
    async accept(batch, { leaseId, parked }) {
      const deadline = performance.now() + timeoutMs
      const news = firstOfEach(batch)
      const { query, values } = insertion(news, { leaseId, parked })
      const { known } = purgeCount
      const written = await pool.run(query, values, timeoutMs)
      // Where nothing was written, nothing of this batch is in memory that a purge could drop.
      const purges = written[0] === undefined ? 0 : purgeCount.read(written[0].purges, known)
      if (written.length === batch.length) {
        return { results: batch.map(() => 'accepted'), purges }
      }

      const inserted = new Set(written.map((row) => row.correlation_id))
      const ids = news.map((each) => each.correlationId).filter((id) => !inserted.has(id))
      const amounts = new Map(news.map((each) => [each.correlationId, each.amountCents]))
      if (ids.length > 0) {
        for (const id of ids) amounts.delete(id)
        const read = readAmounts(pool, { leaseId, ids, amounts }, deadline - performance.now())
        // What was written is certain, whatever became of the question about the others.
        await (written.length > 0 ? read.catch(exceptFailures) : read)
      }
      return { results: batch.map((request) => judge(request, inserted, amounts)), purges }
    },
  }
}

/** A row is a payment that was new. */
const WRITTEN = { correlation_id: TEXT, purges: INTEGER }

// Within a batch the first request with an id is the one that is inserted.
function firstOfEach(batch: readonly AcceptRequest[]): readonly AcceptRequest[] {
  if (batch.length === 1) return batch
  const seen = new Set<string>()
  return batch.filter(({ correlationId }) => {
    if (seen.has(correlationId)) return false
    seen.add(correlationId)
    return true
  })
}

function insertion(
  news: readonly AcceptRequest[],
  { leaseId, parked }: { readonly leaseId: number; readonly parked: boolean },
): { readonly query: Query<typeof WRITTEN>; readonly values: readonly Parameter[] } {
  const [first] = news
  // Most commits of an instance that is not busy carry one payment.
  if (first !== undefined && news.length === 1 && !parked) {
    return { query: ACCEPT_ONE, values: [leaseId, first.correlationId, first.amountCents] }
  }
  const ids = arrayOf(news, (request) => request.correlationId)
  const amounts = arrayOf(news, (request) => request.amountCents)
  return { query: parked ? ACCEPT_PARKED : ACCEPT_OWNED, values: [leaseId, ids, amounts] }
}

/** Adds the amounts of known ids; an id that is neither written nor known was purged meanwhile. */
async function readAmounts(
  pool: PostgresPool,
  step: {
    readonly leaseId: number
    readonly ids: readonly string[]
    readonly amounts: Map<string, number>
  },
  timeoutMs: number,
): Promise<void> {
  const { leaseId, ids, amounts } = step
  const rows = await pool.run(READ_KNOWN, [leaseId, arrayOf(ids, (id) => id)], timeoutMs)
  const [first] = rows
  assert(first !== undefined, 'each id that was asked about has its row')
  if (!first.held) throw new LeaseLost('accept')
  for (const { correlation_id: id, amount_cents: amountCents } of rows) {
    if (amountCents !== null) amounts.set(id, amountCents)
  }
}

function exceptFailures(error: unknown): void {
  if (!isLedgerFailure(error)) throw error
}

// Each inserted id is accepted once: its first request takes it out of the set.
function judge(
  request: AcceptRequest,
  inserted: Set<string>,
  amounts: ReadonlyMap<string, number>,
): AcceptResult {
  if (inserted.delete(request.correlationId)) return 'accepted'
  const amountCents = amounts.get(request.correlationId)
  if (amountCents === undefined) return 'unread'
  return amountCents === request.amountCents ? 'known' : 'conflicting'
}

const SOME_REQUESTS = 'unnest($2::uuid[], $3::bigint[])'

/** One request has no arrays and no order: PostgreSQL spends a quarter less on it. */
const ONE_REQUEST = '(SELECT $2::uuid, $3::bigint)'

const ACCEPT_ONE: Query<typeof WRITTEN> = {
  name: 'acceptOne',
  effect: 'writes',
  columns: WRITTEN,
  text: insert({ requests: ONE_REQUEST, columns: 'owner', values: '$1::int' }),
}

const ACCEPT_OWNED: Query<typeof WRITTEN> = {
  name: 'accept',
  effect: 'writes',
  columns: WRITTEN,
  text: insert({ requests: SOME_REQUESTS, columns: 'owner', values: '$1::int' }),
}

const ACCEPT_PARKED: Query<typeof WRITTEN> = {
  name: 'acceptParked',
  effect: 'writes',
  columns: WRITTEN,
  text: insert({ requests: SOME_REQUESTS, columns: 'due_at', values: 'now()' }),
}

// An archived id is never inserted: the archiver lets every statement end that began before the id
// was known, and only then deletes the row whose key it would have met.
// Rows are written in the order of the ids: two instances that write the same ids at once wait for
// each other, but never in a circle.
// The conflict names its column: without a target, a table that has lost its primary key (pg_restore
// --clean drops that first) takes every id for new.
function insert(parts: {
  readonly requests: string
  readonly columns: string
  readonly values: string
}): string {
  const { requests, columns, values } = parts
  const order = requests === ONE_REQUEST ? '' : 'ORDER BY request.correlation_id'
  return `
  INSERT INTO payments (correlation_id, amount_cents, ${columns})
  SELECT request.correlation_id, request.amount_cents, ${values}
  FROM ${requests} AS request (correlation_id, amount_cents)
  WHERE (${IS_HELD}) AND NOT ${isKnown('request.correlation_id')}
  ${order}
  ON CONFLICT (correlation_id) DO NOTHING
  RETURNING correlation_id::text, ${PURGES}`
}

/**
 * Makes a statement that reads wait for the standby as one that writes does, and so for all that it
 * has seen: after a crash a primary shows commits that no standby has, and a failover loses them.
 */
const WAITS = "(SELECT pg_logical_emit_message(true, 'pit', '')) IS NOT NULL"

/**
 * What is known of ids that were not written, as lasting as an accept of them would be; no amount:
 * there is no such payment either. Any number will do, since it is compared only: one that no
 * payment can have conflicts.
 */
export const READ_KNOWN = {
  name: 'readKnown',
  effect: 'reads',
  columns: { held: BOOLEAN, correlation_id: TEXT, amount_cents: nullable(FLOAT) },
  text: `
  SELECT (${IS_HELD}) AND ${WAITS} AS held, request.correlation_id::text,
    coalesce(p.amount_cents, k.amount_cents) AS amount_cents
  FROM unnest($2::uuid[]) AS request (correlation_id)
  LEFT JOIN payments p ON p.correlation_id = request.correlation_id
  LEFT JOIN known_payments k ON k.correlation_id = request.correlation_id`,
} satisfies Query
