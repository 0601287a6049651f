// Reads one payment, lists the parked ones, and counts the open ones.

import type {
  Attempt,
  UnknownOutcome,
  PaymentStatus,
  ProcessorName,
} from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { Query } from './connection.ts'
import type { PostgresPool } from './pool.ts'
import { NOW_MS, processorName } from './sql.ts'

type StatusReads = Pick<Ledger, 'find' | 'listParked' | 'countOpen'>

/** Up to here open payments are counted exactly, beyond it they are estimated. */
const EXACT_COUNT_MAX = 10_000

/** Reads for people, for views and for the retry cache. */
export function createStatusReads(pool: PostgresPool): StatusReads {
  return {
    async find(correlationId) {
      const [row] = await pool.run<StatusRow>(FIND, [correlationId])
      return row === undefined ? undefined : tell(row)
    },
    async listParked(limit) {
      const rows = await pool.run<{ correlation_id: string; due_in_ms: number }>(LIST, [limit])
      return rows.map((row) => ({ correlationId: row.correlation_id, dueInMs: row.due_in_ms }))
    },
    async countOpen() {
      const [row] = await pool.run<{ parked: number; owned: number }>(COUNT, [EXACT_COUNT_MAX])
      return { parked: row?.parked ?? 0, owned: row?.owned ?? 0 }
    },
  }
}

interface StatusRow {
  readonly correlation_id: string
  readonly amount_cents: number
  readonly state: number
  readonly accepted_at_ms: number
  readonly processor: number | null
  readonly requested_at_ms: number | null
  readonly due_in_ms: number | null
  readonly owned_by: string | null
  readonly default_doubt_ms: number | null
  readonly default_doubt_requested_at_ms: number | null
  readonly fallback_doubt_ms: number | null
  readonly fallback_doubt_requested_at_ms: number | null
  readonly attempts: readonly Attempt[] | null
}

function tell(row: StatusRow): PaymentStatus {
  const known = {
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    acceptedAt: row.accepted_at_ms,
    attempts: row.attempts ?? [],
  }
  if (row.processor !== null && row.requested_at_ms !== null) {
    const processor = processorName(row.processor)
    return { ...known, state: 'settled', processor, requestedAt: row.requested_at_ms }
  }
  if (row.state === 2) return { ...known, state: 'rejected' }
  const open = { ...known, ...doubtsOf(row) }
  if (row.due_in_ms !== null) {
    return { ...open, state: 'parked', waitsFor: 'retryQueue', dueInMs: Math.ceil(row.due_in_ms) }
  }
  const ownedBy = row.owned_by ?? 'unknown'
  return { ...open, state: 'pending', waitsFor: 'owner', ownedBy }
}

function doubtsOf(row: StatusRow): Pick<PaymentStatus, 'unknownOutcomes'> {
  const unknownOutcomes = [
    doubtAt('default', row.default_doubt_ms, row.default_doubt_requested_at_ms),
    doubtAt('fallback', row.fallback_doubt_ms, row.fallback_doubt_requested_at_ms),
  ].flat()
  return unknownOutcomes.length === 0 ? {} : { unknownOutcomes }
}

function doubtAt(
  processor: ProcessorName,
  remainingMs: number | null,
  requestedAt: number | null,
): readonly UnknownOutcome[] {
  return remainingMs === null ? [] : [{ processor, requestedAt, remainingMs }]
}

const DUE_IN_MS = `(extract(epoch FROM due_at - now()) * 1000)::float8 AS due_in_ms`

const FIND: Query = {
  name: 'find',
  effect: 'reads',
  text: `
  SELECT correlation_id::text, amount_cents, state, processor, requested_at_ms, attempts,
    (extract(epoch FROM accepted_at) * 1000)::bigint AS accepted_at_ms, ${DUE_IN_MS},
    default_doubt_until_ms - ${NOW_MS} AS default_doubt_ms, default_doubt_requested_at_ms,
    fallback_doubt_until_ms - ${NOW_MS} AS fallback_doubt_ms, fallback_doubt_requested_at_ms,
    (SELECT instance_id FROM leases WHERE id = owner) AS owned_by
  FROM payments WHERE correlation_id = $1`,
}

const LIST: Query = {
  name: 'listParked',
  effect: 'reads',
  text: `
  SELECT correlation_id::text, ${DUE_IN_MS} FROM payments
  WHERE owner IS NULL AND state = 0
  ORDER BY due_at LIMIT $1`,
}

// The estimate is the size of the partial index at its last vacuum or analyze.
const COUNT: Query = {
  name: 'countOpen',
  effect: 'reads',
  text: `
  SELECT ${count('payments_parked', 'owner IS NULL')} AS parked,
    ${count('payments_owned', 'owner IS NOT NULL')} AS owned`,
}

function count(index: string, condition: string): string {
  return `(
    SELECT CASE WHEN count(*) <= $1::bigint THEN count(*) ELSE greatest(count(*), (
      SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('${index}')
    )) END
    FROM (SELECT FROM payments WHERE ${condition} AND state = 0 LIMIT $1::bigint + 1) AS open
  )`
}
