// Writes outcomes of payments and the totals of the settled ones, in one statement.

import type { Attempt, UnknownOutcome, Outcome, ProcessorName } from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import type { Statement } from './rows.ts'
import { PROCESSOR_NUMBER, arrayOf, IS_OPEN, NOW_MS } from './sql.ts'

type Settled = Extract<Outcome, { kind: 'settled' }>

/** Totals of one bucket are spread over as many rows; `compose/schema.sql` says why. */
const SHARDS = 16

/**
 * Writes what became of payments, in one statement that updates the payments and the totals
 * together. Only rows really updated are counted, so a replay changes nothing. What was reached
 * before a purge is left out: the id may have been posted again since, under the same lease.
 */
export function createRecord(pool: PostgresPool): Pick<Ledger, 'record'> {
  return {
    async record(outcomes, { leaseId }) {
      if (outcomes.length === 0) return
      const purges = outcomes.reduce((most, outcome) => Math.max(most, outcome.purges), 0)
      const lasting = outcomes.filter((outcome) => outcome.purges === purges)
      const settled = lasting.filter((outcome) => outcome.kind === 'settled')
      const shared = [leaseId, leaseId % SHARDS, purges]
      if (settled.length === lasting.length) {
        await pool.execute(SETTLE, [...shared, ...settledColumns(settled), attemptsOf(lasting)])
      } else {
        await pool.execute(RECORD, [...shared, ...mixedColumns(lasting), attemptsOf(lasting)])
      }
    },
  }
}

function settledColumns(outcomes: readonly Settled[]): string[] {
  return [
    arrayOf(outcomes, (outcome) => outcome.correlationId),
    arrayOf(outcomes, (outcome) => outcome.fencingToken),
    arrayOf(outcomes, (outcome) => PROCESSOR_NUMBER[outcome.processor]),
    arrayOf(outcomes, (outcome) => outcome.requestedAt),
  ]
}

const STATE_NUMBER: Readonly<Record<Outcome['kind'], number>> = {
  parked: 0,
  settled: 1,
  rejected: 2,
}

function mixedColumns(outcomes: readonly Outcome[]): string[] {
  const parked = outcomes.map((outcome) => (outcome.kind === 'parked' ? outcome : undefined))
  const settled = outcomes.map((outcome) => (outcome.kind === 'settled' ? outcome : null))
  const outcomeAt = (index: number, processor: ProcessorName): UnknownOutcome | undefined =>
    parked[index]?.unknownOutcomes.find((each) => each.processor === processor)
  const indices = [...outcomes.keys()]
  const remaining = (processor: ProcessorName) => (index: number) =>
    toWhole(outcomeAt(index, processor)?.remainingMs)
  const requestedAt = (processor: ProcessorName) => (index: number) =>
    outcomeAt(index, processor)?.requestedAt ?? null
  return [
    arrayOf(outcomes, (outcome) => outcome.correlationId),
    arrayOf(outcomes, (outcome) => outcome.fencingToken),
    arrayOf(indices, (index) => numberOf(settled[index]?.processor)),
    arrayOf(indices, (index) => settled[index]?.requestedAt ?? null),
    arrayOf(outcomes, (outcome) => STATE_NUMBER[outcome.kind]),
    arrayOf(indices, (index) => toWhole(parked[index]?.delayMs)),
    arrayOf(indices, (index) => parked[index]?.rounds ?? null),
    arrayOf(indices, remaining('default')),
    arrayOf(indices, requestedAt('default')),
    arrayOf(indices, remaining('fallback')),
    arrayOf(indices, requestedAt('fallback')),
  ]
}

function numberOf(processor: ProcessorName | undefined): number | null {
  return processor === undefined ? null : PROCESSOR_NUMBER[processor]
}

// Rounded up: a settle-by deadline or a delay must not end early.
function toWhole(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : Math.ceil(durationMs)
}

// jsonb refuses NUL and lone surrogates, and one refused text would hold up its batch for ever.
function attemptsOf(outcomes: readonly Outcome[]): string {
  const json = JSON.stringify(outcomes.map((outcome) => outcome.attempts))
  if (!json.includes('\\u')) return json
  return JSON.stringify(outcomes.map((outcome) => outcome.attempts.map(withPlainDetail)))
}

function withPlainDetail(attempt: Attempt): Attempt {
  const { detail } = attempt
  if (detail === undefined) return attempt
  return { ...attempt, detail: detail.replace(/[^\x20-\x7e]/g, '?') }
}

const ARRAYS = ['correlation_id uuid', 'claim int', 'processor smallint', 'requested_at_ms bigint']

/**
 * True of every outcome, and expected by the planner to be true of one in 200. Otherwise a plan
 * made while the table was empty would go through all of it for each batch, instead of looking each
 * id up.
 */
const EXPECTED_TO_BE_FEW = 'claim + 0 = claim'

/**
 * $1 lease id, $2 shard, $3 purges counted so far, then an array each of the columns below, then
 * attempts as jsonb.
 */
export const SETTLE: Statement = {
  name: 'settle',
  effect: 'writes',
  text: record({
    arrays: ARRAYS,
    set: `state = 1,
      default_doubt_until_ms = NULL, default_doubt_requested_at_ms = NULL,
      fallback_doubt_until_ms = NULL, fallback_doubt_requested_at_ms = NULL`,
  }),
}

/** The same for outcomes of any kind: columns that a kind has not are null. */
export const RECORD: Statement = {
  name: 'record',
  effect: 'writes',
  text: record({
    arrays: [
      ...ARRAYS,
      'state smallint',
      'delay_ms float8',
      'rounds int',
      'default_remaining_ms bigint',
      'default_requested_at_ms bigint',
      'fallback_remaining_ms bigint',
      'fallback_requested_at_ms bigint',
    ],
    set: `state = o.state,
      owner = CASE WHEN o.state = 0 THEN NULL ELSE p.owner END,
      due_at = CASE WHEN o.state = 0 THEN now() + o.delay_ms * interval '1 ms' END,
      rounds = coalesce(o.rounds, p.rounds),
      default_doubt_until_ms = ${NOW_MS} + o.default_remaining_ms,
      default_doubt_requested_at_ms = o.default_requested_at_ms,
      fallback_doubt_until_ms = ${NOW_MS} + o.fallback_remaining_ms,
      fallback_doubt_requested_at_ms = o.fallback_requested_at_ms`,
  }),
}

// Rows are locked in the order of their ids, totals in the order of their keys and always after
// the payments: two flushes, or one and its own replay, wait for each other but never in a circle.
function record({ arrays, set }: { arrays: readonly string[]; set: string }): string {
  const columns = arrays.map((each) => each.split(' ')[0])
  const values = arrays.map((each, index) => `unnest($${index + 4}::${each.split(' ')[1]}[])`)
  return `
  WITH outcome AS MATERIALIZED (
    SELECT * FROM ROWS FROM (
      ${values.join(', ')}, jsonb_array_elements($${arrays.length + 4}::jsonb)
    ) AS item (${columns.join(', ')}, attempts)
    WHERE ${EXPECTED_TO_BE_FEW}
    ORDER BY correlation_id
  ), updated AS (
    UPDATE payments p SET attempts = o.attempts, processor = o.processor,
      requested_at_ms = o.requested_at_ms, ${set}
    FROM outcome o
    WHERE p.correlation_id = o.correlation_id
      AND ${IS_OPEN} AND p.owner = $1 AND p.claim = o.claim
      AND (SELECT count FROM purges) = $3::bigint
    RETURNING p.state, p.processor, p.requested_at_ms, p.amount_cents
  )
  INSERT INTO settled_totals AS t (level, bucket_ms, processor, shard, payments, cents)
  SELECT l.level, u.requested_at_ms - u.requested_at_ms % l.width_ms, u.processor, $2::smallint,
    count(*), sum(u.amount_cents)::bigint
  FROM updated u
  CROSS JOIN (VALUES (0, 1000::bigint), (1, 60000), (2, 3600000), (3, 86400000))
    AS l (level, width_ms)
  WHERE u.state = 1
  GROUP BY 1, 2, 3
  ORDER BY 1, 2, 3
  ON CONFLICT (level, bucket_ms, processor, shard) DO UPDATE
    SET payments = t.payments + excluded.payments, cents = t.cents + excluded.cents`
}
