// Sums up windows from totals and the single payments at their edges, in one snapshot.

import { addCents, centsOf, type Cents } from '../../actors/model/money.ts'
import type {
  ExactSummary,
  ProcessorTotal,
  SettledPayment,
  TimeWindow,
} from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { DIGITS, INTEGER, TEXTS, nullable } from './rows.ts'
import type { Query, RowOf } from './rows.ts'
import { IS_OPEN, JOINED_BEFORE, arrayOf } from './sql.ts'

/** Sums up windows: one statement, hence one snapshot of totals and of what is settled. */
export function createSummaries(pool: PostgresPool): Pick<Ledger, 'summarize'> {
  /** As the last summary has found it. */
  let joinedBefore = 0
  const read = async (
    window: TimeWindow,
    inside: readonly SettledPayment[],
  ): Promise<RowOf<typeof SUMMARIZE.columns>> => {
    for (;;) {
      const parameters = summaryParameters(window, inside, joinedBefore)
      const row = await pool.runForRow(SUMMARIZE, parameters)
      if (row.joined_before_ms === joinedBefore) return row
      // More seconds were joined meanwhile than its runs are made for: seldom, and not twice.
      joinedBefore = row.joined_before_ms
    }
  }
  return {
    async summarize(window, unflushed) {
      const inside = onceEach(unflushed.filter((entry) => isInside(entry, window)))
      const row = await read(window, inside)
      const open = new Set(row.open)
      const isOpen = ({ correlationId, amountCents }: SettledPayment): boolean =>
        open.has(`${correlationId} ${amountCents}`)
      const stale = inside.filter((entry) => !isOpen(entry))
      const unwritten = inside.filter(isOpen)
      return { summary: addUp(row, unwritten), stale: stale.map((entry) => entry.correlationId) }
    },
  }
}

/** Parameters of `SUMMARIZE`. */
export function summaryParameters(
  window: TimeWindow,
  unflushed: readonly SettledPayment[],
  joinedBefore = 0,
): readonly string[] {
  const { buckets, raw } = coverWindow(window, joinedBefore)
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

function addUp(
  row: RowOf<typeof SUMMARIZE.columns>,
  unflushed: readonly SettledPayment[],
): ExactSummary {
  const sum: Record<'default' | 'fallback', ProcessorTotal<Cents>> = {
    default: { payments: row.default_payments, cents: centsOf(row.default_cents) },
    fallback: { payments: row.fallback_payments, cents: centsOf(row.fallback_cents) },
  }
  for (const { processor, amountCents } of unflushed) {
    const { payments, cents } = sum[processor]
    sum[processor] = { payments: payments + 1, cents: addCents(cents, amountCents) }
  }
  return sum
}

/**
 * One row of totals, and which of the ids $8 are open, with their cents. Sums of bigint are numeric,
 * and exact.
 */
export const SUMMARIZE = {
  name: 'summarize',
  effect: 'reads',
  columns: {
    default_payments: INTEGER,
    default_cents: DIGITS,
    fallback_payments: INTEGER,
    fallback_cents: DIGITS,
    open: nullable(TEXTS),
    joined_before_ms: INTEGER,
  },
  text: `
  SELECT
    coalesce(sum(payments) FILTER (WHERE processor = 1), 0)::bigint AS default_payments,
    coalesce(sum(cents) FILTER (WHERE processor = 1), 0)::text AS default_cents,
    coalesce(sum(payments) FILTER (WHERE processor = 2), 0)::bigint AS fallback_payments,
    coalesce(sum(cents) FILTER (WHERE processor = 2), 0)::text AS fallback_cents,
    (
      SELECT array_agg(p.correlation_id || ' ' || p.amount_cents) FROM payments p
      WHERE p.correlation_id = ANY ($8::uuid[]) AND ${IS_OPEN}
    ) AS open,
    ${JOINED_BEFORE} AS joined_before_ms
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
    UNION ALL
    SELECT a.processor, run.sign * a.payments, run.sign * a.cents
    FROM unnest($5::smallint[], $6::bigint[], $7::bigint[]) AS run (sign, from_ms, to_ms)
    CROSS JOIN LATERAL archived_sums(run.from_ms, run.to_ms) AS a
  ) AS part`,
} satisfies Query

/** Widths of the running totals, ms, by their level in `compose/migrations/`. */
export const BUCKET_WIDTHS_MS = [1_000, 60_000, 3_600_000, 86_400_000] as const

/** Width of a bucket of the first level where seconds are joined, ms. */
export const JOINED_MS = 10_000

/** A stretch that is added, or taken off with sign -1; from inclusive, to exclusive, epoch ms. */
export interface SignedRun {
  readonly sign: 1 | -1
  readonly from: number
  readonly to: number
}

/** A run of whole buckets of one level. */
export interface BucketRun extends SignedRun {
  readonly level: number
}

/** What a window is added up from: totals, and single payments. */
export interface Cover {
  readonly buckets: readonly BucketRun[]
  readonly raw: readonly SignedRun[]
}

/**
 * Splits a window into whole buckets, as wide ones as fit, and what sticks out of the seconds at
 * either end. A bucket of which an edge covers more than half is taken whole and its rest taken off
 * again; but a window within one second has its payments added up, so that `pit reconcile`, which
 * narrows a difference down, tells a wrong total from a wrong payment. Bounds: at either end
 * half a second of single payments, 30 seconds, 30 minutes, and 12 hours; one run of days. Before
 * `joinedBefore`, epoch ms, ten seconds stand for a second.
 */
export function coverWindow(window: TimeWindow, joinedBefore = 0): Cover {
  const from = window.from ?? FIRST_MS
  const to = window.to === undefined ? END_MS : window.to + 1
  if (from >= to) return { buckets: [], raw: [] }

  const [secondMs, ...widerMs] = BUCKET_WIDTHS_MS
  const widthAt = (at: number): number => (at < joinedBefore ? JOINED_MS : secondMs)
  const width = widthAt(from)
  if (Math.floor(from / width) === Math.floor((to - 1) / width)) {
    return { buckets: [], raw: [{ sign: 1, from, to }] }
  }
  const { edges: raw, rest } = roundTo(widthAt, { from, to })
  const buckets: BucketRun[] = []
  let inner = rest
  for (const [level, widthMs] of widerMs.entries()) {
    const round = roundTo(() => widthMs, inner)
    buckets.push(...round.edges.map((edge) => ({ level, ...edge })))
    inner = round.rest
  }
  if (!isEmpty(inner)) buckets.push({ level: widerMs.length, sign: 1, ...inner })
  return { buckets, raw }
}

// What Date can hold, and whole days at both ends: an open window needs days only.
const FIRST_MS = 0
const END_MS = 8_640_000_000_000_000

interface Span {
  readonly from: number
  readonly to: number
}

/** Moves both ends of a span to the nearest multiples of their widths; the edges make up for it. */
function roundTo(
  widthAt: (at: number) => number,
  { from, to }: Span,
): { edges: readonly SignedRun[]; rest: Span } {
  const start = nearest(from, widthAt(from))
  const end = nearest(to, widthAt(to))
  const rest = { from: start, to: end }
  if (isEmpty(rest)) return { edges: some({ sign: 1, from, to }), rest }
  const edges = some(
    { sign: 1, from, to: start },
    { sign: -1, from: start, to: from },
    { sign: 1, from: end, to },
    { sign: -1, from: to, to: end },
  )
  return { edges, rest }
}

function nearest(instant: number, widthMs: number): number {
  return Math.round(instant / widthMs) * widthMs
}

/** Those that are not empty. */
function some(...runs: readonly SignedRun[]): readonly SignedRun[] {
  return runs.filter((run) => !isEmpty(run))
}

function isEmpty({ from, to }: Span): boolean {
  return from >= to
}
