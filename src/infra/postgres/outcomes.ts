// Writes outcomes of payments and the totals of the settled ones, in one statement.

import assert from 'node:assert'
import type { Attempt, UnknownOutcome, Outcome, ProcessorName } from '../../actors/model/payment.ts'
import type { Ledger, UnwrittenOutcome } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { PURGES, PURGES_COUNT, type PurgeCount } from './purges.ts'
import { FLOAT, INTEGER, INTEGERS, TEXT, nullable, type Query, type RowOf } from './rows.ts'
import { PROCESSOR_NUMBER, addToTotals, arrayOf, commitOnDisk, IS_OPEN, NOW_MS } from './sql.ts'

type Settled = Extract<Outcome, { kind: 'settled' }>

/** Instances add to totals of one bucket in as many rows; `compose/migrations/` says why. */
const SHARDS = 16

/** Pages that one row may leave behind. */
const PAGES_MAX = 16
/** As far as a smallint goes. */
const ROUNDS_MAX = 2_047

/**
 * The row of each bucket that a lease adds to. While somebody holds an old snapshot PostgreSQL keeps
 * all versions of a row, which fills page after page, and each update goes through all of them. So
 * after some pages other rows are begun.
 */
class Shards {
  #round = 0
  readonly #pages = new Set<number>()

  of(leaseId: number): number {
    return (leaseId % SHARDS) + SHARDS * this.#round
  }

  /** Where the totals of a day are now. */
  note(pages: readonly number[]): void {
    for (const page of pages) this.#pages.add(page)
    if (this.#pages.size <= PAGES_MAX) return
    this.#pages.clear()
    this.#round = (this.#round + 1) % ROUNDS_MAX
  }
}

/**
 * Writes what became of payments, in one statement that updates the payments and the totals
 * together. Only rows really updated are counted, so a replay changes nothing. What was reached
 * before a purge is left out: the id may have been posted again since, under the same lease. Why
 * some were not written is asked only where that is so.
 */
export function createRecord(pool: PostgresPool, purgeCount: PurgeCount): Pick<Ledger, 'record'> {
  const shards = new Shards()
  return {
    async record(outcomes, { leaseId }) {
      const purges = outcomes.reduce((most, outcome) => Math.max(most, outcome.purges), 0)
      const lasting = outcomes.filter((outcome) => outcome.purges === purges)
      const count = purges - purgeCount.known.offset
      const shard = shards.of(leaseId)
      const { written, pages } = await write(pool, lasting, { leaseId, shard, purges: count })
      shards.note(pages ?? NO_PAGES)
      if (written === outcomes.length) return ALL_WRITTEN
      const ids = arrayOf(outcomes, (outcome) => outcome.correlationId)
      const rows = await pool.run(READ_ENDS, [ids])
      const ends = new Map(rows.map((row) => [row.correlation_id, row]))
      const settled = new Set<string>()
      return outcomes.flatMap((outcome) => {
        const end = ends.get(outcome.correlationId)
        assert(end !== undefined, 'each outcome that was asked about has its row')
        const why =
          outcome.purges === purges && end.purges === count ? whyNot(outcome, end) : PURGED
        if (why !== undefined) return [{ outcome, why }]
        if (outcome.kind !== 'settled') return []
        // A settled payment keeps the lease that has written that.
        const isBefore = end.owner !== leaseId || settled.has(outcome.correlationId)
        settled.add(outcome.correlationId)
        return isBefore ? [{ outcome, why: SETTLED_BEFORE }] : []
      })
    },
  }
}

const ALL_WRITTEN: readonly UnwrittenOutcome[] = []
const NO_PAGES: readonly number[] = []
const PURGED = 'purged'
const SETTLED_BEFORE = 'settledBefore'

async function write(
  pool: PostgresPool,
  outcomes: readonly Outcome[],
  by: { readonly leaseId: number; readonly shard: number; readonly purges: number },
): Promise<RowOf<typeof WRITTEN>> {
  const settled = outcomes.filter((outcome) => outcome.kind === 'settled')
  const shared = [by.leaseId, by.shard, by.purges]
  const areSettled = settled.length === outcomes.length
  const columns = areSettled ? settledColumns(settled) : mixedColumns(outcomes)
  const values = [...shared, ...columns, attemptsOf(outcomes)]
  return pool.runForRow(areSettled ? SETTLE : RECORD, values)
}

/** Why the ledger does not have this outcome; undefined: it has it, by this writing or another. */
function whyNot(
  outcome: Outcome,
  row: RowOf<typeof READ_ENDS.columns>,
): UnwrittenOutcome['why'] | undefined {
  if (row.claim === null) return PURGED
  switch (outcome.kind) {
    case 'settled': {
      const number = PROCESSOR_NUMBER[outcome.processor]
      // An open one was posted again after a purge that came since.
      if (row.state === 0) return PURGED
      if (row.state !== 1) return 'rejected'
      return (row.processor ?? number) === number && row.requested_at_ms === outcome.requestedAt
        ? undefined
        : 'settledOtherwise'
    }
    case 'rejected':
      return row.state === 2 ? undefined : 'fenced'
    case 'parked':
      // Only what is parked has no owner.
      return row.owner === null && row.claim === outcome.fencingToken ? undefined : 'fenced'
  }
}

function settledColumns(outcomes: readonly Settled[]): string[] {
  return [
    arrayOf(outcomes, (outcome) => outcome.correlationId),
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
  const parked = outcomes.map((outcome) => (outcome.kind === 'parked' ? outcome : null))
  const settled = outcomes.map((outcome) => (outcome.kind === 'settled' ? outcome : null))
  const inDoubtAt = (processor: ProcessorName): readonly (UnknownOutcome | null)[] =>
    parked.map((outcome) => {
      return outcome?.unknownOutcomes.find((each) => each.processor === processor) ?? null
    })
  const atDefault = inDoubtAt('default')
  const atFallback = inDoubtAt('fallback')
  return [
    arrayOf(outcomes, (outcome) => outcome.correlationId),
    arrayOf(settled, (outcome) => (outcome === null ? null : PROCESSOR_NUMBER[outcome.processor])),
    arrayOf(settled, (outcome) => outcome?.requestedAt),
    arrayOf(outcomes, (outcome) => outcome.fencingToken),
    arrayOf(outcomes, (outcome) => STATE_NUMBER[outcome.kind]),
    arrayOf(parked, (outcome) => toWhole(outcome?.delayMs)),
    arrayOf(parked, (outcome) => outcome?.rounds),
    arrayOf(atDefault, (unknown) => toWhole(unknown?.remainingMs)),
    arrayOf(atDefault, (unknown) => unknown?.requestedAt),
    arrayOf(atFallback, (unknown) => toWhole(unknown?.remainingMs)),
    arrayOf(atFallback, (unknown) => unknown?.requestedAt),
  ]
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

const ARRAYS = ['correlation_id uuid', 'processor smallint', 'requested_at_ms bigint']

/** How many rows were changed, and the pages of what `Shards` notes, null without any. */
const WRITTEN = { written: INTEGER, pages: nullable(INTEGERS) }
const COUNT = `count(*)::int AS written,
  (SELECT array_agg((place::text::point)[0]::int) FROM counted WHERE level = 3) AS pages`

/**
 * True of every outcome, whose column is never null, and expected by the planner to be true of one
 * in 200. Otherwise a plan made while the table was empty would go through all of it for each
 * batch, instead of looking each id up.
 */
function expectedToBeFew(column: string): string {
  return `${column} + 0 = ${column}`
}

/**
 * $1 lease id, $2 shard, $3 purges counted so far, then an array each of the columns below, then
 * attempts as jsonb. A settlement is no decision: it takes an open payment from whoever has it.
 */
export const SETTLE: Query<typeof WRITTEN> = {
  name: 'settle',
  effect: 'writes',
  columns: WRITTEN,
  text: record({
    arrays: ARRAYS,
    few: expectedToBeFew('processor'),
    from: 'SELECT *',
    order: 'correlation_id',
    mayWrite: 'true',
    returns: COUNT,
    set: `state = 1, owner = $1, due_at = NULL, parked_at = NULL,
      default_doubt_until_ms = NULL, default_doubt_requested_at_ms = NULL,
      fallback_doubt_until_ms = NULL, fallback_doubt_requested_at_ms = NULL`,
  }),
}

/**
 * The same for outcomes of any kind: columns that a kind has not are null. What it decides of a
 * payment's owner is on disk before it is answered.
 */
export const RECORD: Query<typeof WRITTEN> = {
  name: 'record',
  effect: 'writes',
  columns: WRITTEN,
  text: record({
    arrays: [
      ...ARRAYS,
      'claim int',
      'state smallint',
      'delay_ms float8',
      'rounds int',
      'default_remaining_ms bigint',
      'default_requested_at_ms bigint',
      'fallback_remaining_ms bigint',
      'fallback_requested_at_ms bigint',
    ],
    few: expectedToBeFew('claim'),
    from: 'SELECT DISTINCT ON (correlation_id) *',
    // A payment that was parked and then settled, both in one batch, is written as settled.
    order: 'correlation_id, state <> 1',
    mayWrite: '(o.state = 1 OR p.owner = $1 AND p.claim = o.claim)',
    returns: `${COUNT}, ${commitOnDisk('transaction')}`,
    set: `state = o.state,
      owner = CASE WHEN o.state = 0 THEN NULL ELSE $1::int END,
      due_at = CASE WHEN o.state = 0 THEN now() + o.delay_ms * interval '1 ms' END,
      parked_at = CASE WHEN o.state = 0 THEN now() END,
      rounds = coalesce(o.rounds, p.rounds),
      default_doubt_until_ms = ${NOW_MS} + o.default_remaining_ms,
      default_doubt_requested_at_ms = o.default_requested_at_ms,
      fallback_doubt_until_ms = ${NOW_MS} + o.fallback_remaining_ms,
      fallback_doubt_requested_at_ms = o.fallback_requested_at_ms`,
  }),
}

// Rows are locked in the order of their ids, totals in the order of their keys and always after
// the payments: two flushes, or one and its own replay, wait for each other but never in a circle.
function record(parts: {
  readonly arrays: readonly string[]
  readonly few: string
  readonly from: string
  readonly order: string
  /** Whether outcome `o` may be written to the open payment `p`. */
  readonly mayWrite: string
  readonly returns: string
  readonly set: string
}): string {
  const { arrays, few, from, order, mayWrite, returns, set } = parts
  const columns = arrays.map((each) => each.split(' ')[0])
  const values = arrays.map((each, index) => `unnest($${index + 4}::${each.split(' ')[1]}[])`)
  return `
  WITH outcome AS MATERIALIZED (
    ${from} FROM ROWS FROM (
      ${values.join(', ')}, jsonb_array_elements($${arrays.length + 4}::jsonb)
    ) AS item (${columns.join(', ')}, attempts)
    WHERE ${few}
    ORDER BY ${order}
  ), updated AS (
    UPDATE payments p SET attempts = o.attempts, processor = o.processor,
      requested_at_ms = o.requested_at_ms, ${set}
    FROM outcome o
    WHERE p.correlation_id = o.correlation_id
      AND ${IS_OPEN} AND ${mayWrite}
      AND ${PURGES_COUNT} = $3::bigint
    RETURNING p.state, p.processor, p.requested_at_ms, p.amount_cents
  ), counted AS (
    ${addToTotals('updated', '$2::smallint')}
    RETURNING t.level, t.ctid AS place
  )
  SELECT ${returns} FROM updated`
}

/** Compared only, so any number will do; null: there is no such payment. */
const NUMBER = nullable(FLOAT)

/**
 * How the payments $1 are, and how often everything was purged. An archived one is settled
 * at its instant, by whichever processor.
 */
const READ_ENDS = {
  name: 'readEnds',
  effect: 'reads',
  columns: {
    correlation_id: TEXT,
    state: NUMBER,
    processor: NUMBER,
    requested_at_ms: NUMBER,
    owner: NUMBER,
    claim: NUMBER,
    purges: INTEGER,
  },
  text: `
  SELECT asked.id::text AS correlation_id, p.processor, p.owner, ${PURGES},
    coalesce(p.state, CASE WHEN k.correlation_id IS NOT NULL THEN 1 END) AS state,
    coalesce(p.claim, CASE WHEN k.correlation_id IS NOT NULL THEN -1 END) AS claim,
    CASE WHEN p.correlation_id IS NULL THEN k.requested_at_ms ELSE p.requested_at_ms END
      AS requested_at_ms
  FROM unnest($1::uuid[]) AS asked (id)
  LEFT JOIN payments p ON p.correlation_id = asked.id
  LEFT JOIN known_payments k ON k.correlation_id = asked.id`,
} satisfies Query
