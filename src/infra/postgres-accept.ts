// Commits new payments in batches.

import { LeaseLost, LedgerUnavailable } from '../actors/errors.ts'
import type { Accepted, AcceptRequest, AcceptResult, Ledger } from '../actors/ports.ts'
import type { Query } from './postgres-connection.ts'
import type { PostgresLane } from './postgres-lane.ts'
import { HELD, PURGES, arrayOf } from './postgres-sql.ts'

/**
 * Commits batches of new payments, one round trip each. A second one is made only when some id was
 * there before, to compare its amount.
 */
export function createAccept(
  lane: PostgresLane,
  { timeoutMs }: { readonly timeoutMs: number },
): Pick<Ledger, 'accept'> {
  return {
    async accept(batch, { leaseId, parked }) {
      if (batch.length === 0) return NOTHING
      const deadline = performance.now() + timeoutMs
      const news = firstOfEach(batch)
      const [row] = await lane.run<AcceptRow>(
        parked ? ACCEPT_PARKED : ACCEPT_OWNED,
        [
          leaseId,
          arrayOf(news, (request) => request.correlationId),
          arrayOf(news, (request) => request.amountCents),
          news.length,
        ],
        timeoutMs,
      )
      if (row?.held !== true) throw new LeaseLost('accept')
      const { purges } = row
      if (row.inserted === batch.length) return { results: batch.map(() => 'accepted'), purges }

      const isAllNew = row.inserted === news.length
      const inserted = new Set(isAllNew ? idsOf(news) : row.ids)
      const amounts = new Map(news.map((each) => [each.correlationId, each.amountCents]))
      const others = news.filter((request) => !inserted.has(request.correlationId))
      if (others.length > 0) {
        await readAmounts(lane, others, amounts, deadline - performance.now())
      }
      return { results: batch.map((request) => judge(request, inserted, amounts)), purges }
    },
  }
}

interface AcceptRow {
  readonly held: boolean
  readonly inserted: number
  readonly purges: number
  readonly ids: string[] | null
}

const NOTHING: Accepted = { results: [], purges: 0 }

function idsOf(requests: readonly AcceptRequest[]): readonly string[] {
  return requests.map((request) => request.correlationId)
}

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

// The first round trip has committed: if this one fails, the batch is in an unknown state.
async function readAmounts(
  lane: PostgresLane,
  requests: readonly AcceptRequest[],
  amounts: Map<string, number>,
  timeoutMs: number,
): Promise<void> {
  const ids = arrayOf(requests, (request) => request.correlationId)
  const rows = await lane
    .run<{ correlation_id: string; amount_cents: number }>(READ_AMOUNTS, [ids], timeoutMs)
    .catch((cause: unknown) => {
      throw new LedgerUnavailable('accept', 'unknown', cause)
    })
  // An id can only be missing here when a purge came in between.
  if (rows.length < requests.length) throw new LedgerUnavailable('accept', 'unknown')
  for (const row of rows) amounts.set(row.correlation_id, row.amount_cents)
}

// Each inserted id is accepted once: its first request takes it out of the set.
function judge(
  request: AcceptRequest,
  inserted: Set<string>,
  amounts: ReadonlyMap<string, number>,
): AcceptResult {
  if (inserted.delete(request.correlationId)) return 'accepted'
  return amounts.get(request.correlationId) === request.amountCents ? 'known' : 'conflicting'
}

const ACCEPT_OWNED: Query = {
  name: 'accept',
  effect: 'writes',
  text: insert({ columns: 'owner', values: '$1::int' }),
}

const ACCEPT_PARKED: Query = {
  name: 'acceptParked',
  effect: 'writes',
  text: insert({ columns: 'due_at', values: 'now()' }),
}

// In the order of the ids: two instances with the same ids at once wait, but never in a circle.
function insert({ columns, values }: { columns: string; values: string }): string {
  return `
  WITH ${HELD}, inserted AS (
    INSERT INTO payments (correlation_id, amount_cents, ${columns})
    SELECT request.correlation_id, request.amount_cents, ${values}
    FROM unnest($2::uuid[], $3::bigint[]) AS request (correlation_id, amount_cents)
    WHERE (SELECT held FROM held)
    ORDER BY request.correlation_id
    ON CONFLICT DO NOTHING
    RETURNING correlation_id
  )
  SELECT (SELECT held FROM held) AS held, count(*) AS inserted, ${PURGES},
    CASE WHEN count(*) < $4::int THEN array_agg(correlation_id::text) END AS ids
  FROM inserted`
}

const READ_AMOUNTS: Query = {
  name: 'readAmounts',
  effect: 'reads',
  text: `
  SELECT p.correlation_id::text, p.amount_cents
  FROM unnest($1::uuid[]) AS request (correlation_id)
  JOIN payments p ON p.correlation_id = request.correlation_id`,
}
