// Sums up windows from totals and ragged edges, in one snapshot.

import type {
  ProcessorTotal,
  SettledPayment,
  Summary,
  TimeWindow,
} from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { Query } from './connection.ts'
import type { PostgresPool } from './pool.ts'
import { IS_OPEN, arrayOf } from './sql.ts'
import { coverWindow } from './summary-window.ts'

interface SummaryRow {
  readonly default_payments: number
  readonly default_cents: number
  readonly fallback_payments: number
  readonly fallback_cents: number
  readonly open: readonly string[] | null
}

/** Sums up windows: one statement, hence one snapshot of totals and of what is settled. */
export function createSummaries(pool: PostgresPool): Pick<Ledger, 'summarize'> {
  return {
    async summarize(window, unflushed) {
      const inside = onceEach(unflushed.filter((entry) => isInside(entry, window)))
      const [row] = await pool.run<SummaryRow>(SUMMARIZE, summaryParameters(window, inside))
      const open = new Set(row?.open)
      const stale = inside.filter(({ correlationId }) => !open.has(correlationId))
      const unwritten = inside.filter(({ correlationId }) => open.has(correlationId))
      return { summary: addUp(row, unwritten), stale: stale.map((entry) => entry.correlationId) }
    },
  }
}

/** Parameters of `SUMMARIZE`. */
export function summaryParameters(
  window: TimeWindow,
  unflushed: readonly SettledPayment[],
): readonly string[] {
  const { buckets, raw } = coverWindow(window)
  return [
    arrayOf(buckets, (run) => run.sign),
    arrayOf(buckets, (run) => run.level),
    arrayOf(buckets, (run) => run.from),
    arrayOf(buckets, (run) => run.to),
    arrayOf(raw, (run) => run.sign),
    arrayOf(raw, (run) => run.from),
    arrayOf(raw, (run) => run.to),
    arrayOf(unflushed, (entry) => entry.correlationId),
  ]
}

function isInside({ requestedAt }: SettledPayment, { from, to }: TimeWindow): boolean {
  return (from === undefined || requestedAt >= from) && (to === undefined || requestedAt <= to)
}

function onceEach(entries: readonly SettledPayment[]): readonly SettledPayment[] {
  return [...new Map(entries.map((entry) => [entry.correlationId, entry])).values()]
}

function addUp(row: SummaryRow | undefined, unflushed: readonly SettledPayment[]): Summary {
  const sum: Record<'default' | 'fallback', ProcessorTotal> = {
    default: { payments: row?.default_payments ?? 0, cents: row?.default_cents ?? 0 },
    fallback: { payments: row?.fallback_payments ?? 0, cents: row?.fallback_cents ?? 0 },
  }
  for (const { processor, amountCents } of unflushed) {
    const { payments, cents } = sum[processor]
    sum[processor] = { payments: payments + 1, cents: cents + amountCents }
  }
  return sum
}

/** One row of totals, and which of the ids $8 are open. */
export const SUMMARIZE: Query = {
  name: 'summarize',
  effect: 'reads',
  text: `
  SELECT
    coalesce(sum(payments) FILTER (WHERE processor = 1), 0)::bigint AS default_payments,
    coalesce(sum(cents) FILTER (WHERE processor = 1), 0)::bigint AS default_cents,
    coalesce(sum(payments) FILTER (WHERE processor = 2), 0)::bigint AS fallback_payments,
    coalesce(sum(cents) FILTER (WHERE processor = 2), 0)::bigint AS fallback_cents,
    (
      SELECT array_agg(p.correlation_id::text) FROM payments p
      WHERE p.correlation_id = ANY ($8::uuid[]) AND ${IS_OPEN}
    ) AS open
  FROM (
    SELECT t.processor, run.sign * t.payments AS payments, run.sign * t.cents AS cents
    FROM unnest($1::smallint[], $2::smallint[], $3::bigint[], $4::bigint[])
      AS run (sign, level, from_ms, to_ms)
    JOIN settled_totals t
      ON t.level = run.level AND t.bucket_ms >= run.from_ms AND t.bucket_ms < run.to_ms
    UNION ALL
    SELECT p.processor, run.sign, run.sign * p.amount_cents
    FROM unnest($5::smallint[], $6::bigint[], $7::bigint[]) AS run (sign, from_ms, to_ms)
    JOIN payments p
      ON p.state = 1 AND p.requested_at_ms >= run.from_ms AND p.requested_at_ms < run.to_ms
  ) AS part`,
}
