// Payments as Pit's tables have them, for a comparison with a processor: those settled there, one
// page after the other, and those that may be why an instant differs. What somebody wrote into a
// row by hand is read as it is.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { PostgresPool } from '../infra/postgres/pool.ts'
import { INTEGER, PROCESSOR, STATE, TEXT, nullable, readOnlyRow } from '../infra/postgres/rows.ts'
import type { Query, RowOf } from '../infra/postgres/rows.ts'
import { PROCESSOR_NUMBER, ALL_PAYMENTS, epochMs, processorName } from '../infra/postgres/sql.ts'
import { ask, nextInstants, type Span } from './pit-books.ts'

/** A payment as Pit has it. */
export interface PitPayment {
  readonly correlationId: string
  readonly amountCents: bigint
  readonly state: 'open' | 'settled' | 'rejected'
  /** Set once settled, with `requestedAt`, epoch ms. */
  readonly processor?: ProcessorName
  readonly requestedAt?: number
}

/** The rows of Pit's payments, for a comparison. Each call rejects with `BooksUnreachable`. */
export interface PitRows {
  /** The payments settled at a processor in a span, oldest first. */
  settledPages(
    wanted: SettledAt,
  ): AsyncIterator<readonly PitPayment[]> & AsyncIterable<readonly PitPayment[]>
  /**
   * The payments that may be why an instant, epoch ms, differs, the likeliest first: those that Pit
   * has settled there and then, then those with an attempt at that instant, then those accepted
   * nearest to it.
   */
  findCandidates(wanted: {
    readonly processor: ProcessorName
    readonly at: number
  }): Promise<readonly PitPayment[]>
  /**
   * When the first payment of a span settled or, if it has not, was accepted, epoch ms; the end of
   * the span if there is none.
   */
  findFirstPayment(span: Span): Promise<number>
  /** When the last payment of a span settled, epoch ms; its beginning if none did. */
  findLastSettled(span: Span): Promise<number>
  /** The instant of the first settled payment at or after one, epoch ms; undefined: there is none. */
  findNextSettled(at: number): Promise<number | undefined>
  /**
   * Payments that are not settled at a processor and may be recorded there all the same, the first
   * ones of each state.
   */
  findNotSettledAt(processor: ProcessorName): Promise<readonly PitPayment[]>
}

interface SettledAt {
  readonly processor: ProcessorName
  readonly span: Span
}

export function rowsInTables(tables: PostgresPool): PitRows {
  return {
    settledPages: (wanted) => settledPages(tables, wanted),
    findCandidates: (wanted) => findCandidates(tables, wanted),
    async findFirstPayment({ from, to }) {
      return readOnlyRow(FIRST_PAYMENT, await ask(tables.run(FIRST_PAYMENT, [from, to]))).first
    },
    async findLastSettled({ from, to }) {
      return readOnlyRow(LAST_SETTLED, await ask(tables.run(LAST_SETTLED, [from, to]))).last
    },
    findNextSettled: async (at) => (await nextInstants(tables, at)).row,
    async findNotSettledAt(processor) {
      const bounds = [PROCESSOR_NUMBER[processor], NOT_SETTLED_THERE_MAX]
      return (await ask(tables.run(NOT_SETTLED_AT, bounds))).map(readPayment)
    },
  }
}

/** Payments of one page. */
const PAGE_MAX = 1_000

async function* settledPages(
  tables: PostgresPool,
  { processor, span }: SettledAt,
): AsyncGenerator<readonly PitPayment[], void> {
  const number = PROCESSOR_NUMBER[processor]
  let [from, after] = [span.from, FIRST_ID]
  for (;;) {
    const rows = await ask(tables.run(SETTLED_PAGE, [from, span.to, number, after, PAGE_MAX]))
    const page = rows.map(readPayment)
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE_MAX) return
    from = last.requestedAt ?? from
    after = last.correlationId
  }
}

/** Before any id that there is. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** Candidates of one instant that are settled elsewhere, or not settled. */
const ELSEWHERE_MAX = 200

/** How long before an instant a candidate was accepted, or after it settled, ms, at most. */
const AWAY_MS = 3_600_000

async function findCandidates(
  tables: PostgresPool,
  { processor, at }: { readonly processor: ProcessorName; readonly at: number },
): Promise<readonly PitPayment[]> {
  const number = PROCESSOR_NUMBER[processor]
  const there = await ask(tables.run(SETTLED_PAGE, [at, at, number, FIRST_ID, PAGE_MAX]))
  const bounds = [at, number, AWAY_MS, ELSEWHERE_MAX]
  const elsewhere = await ask(tables.run(ELSEWHERE, bounds))
  return [...there, ...elsewhere].map(readPayment)
}

/** Settled payments whose instant is in no span that a processor can be asked about. */
export async function findOutOfTime(
  tables: PostgresPool,
  { span, limit }: { readonly span: Span; readonly limit: number },
): Promise<readonly PitPayment[]> {
  return (await ask(tables.run(OUT_OF_TIME, [span.from, span.to, limit]))).map(readPayment)
}

/** So many parked ones, owned ones, rejected ones and such as are settled at the other processor. */
const NOT_SETTLED_THERE_MAX = 1_000

const COLUMNS = {
  correlation_id: TEXT,
  amount_cents: TEXT,
  state: STATE,
  processor: nullable(PROCESSOR),
  requested_at_ms: nullable(TEXT),
}

const STATES = ['open', 'settled', 'rejected'] as const

function readPayment(row: RowOf<typeof COLUMNS>): PitPayment {
  const known = {
    correlationId: row.correlation_id,
    amountCents: BigInt(row.amount_cents),
    state: STATES[row.state],
  }
  if (row.processor === null || row.requested_at_ms === null) return known
  const requestedAt = Number(row.requested_at_ms)
  return { ...known, processor: processorName(row.processor), requestedAt }
}

const SELECTED = `correlation_id::text, amount_cents::text, state, processor,
    requested_at_ms::text`

/** Columns of rows from several tables. */
const COMPARED =
  'correlation_id, amount_cents, state, processor, requested_at_ms, accepted_at, attempts'

const SETTLED_PAGE = {
  name: 'settledPage',
  effect: 'reads',
  columns: COLUMNS,
  text: `
  SELECT ${SELECTED} FROM ${ALL_PAYMENTS} p
  WHERE p.state = 1 AND p.processor = $3::smallint
    AND p.requested_at_ms >= $1::bigint AND p.requested_at_ms <= $2::bigint
    AND (p.requested_at_ms > $1::bigint OR p.correlation_id > $4::uuid)
  ORDER BY p.requested_at_ms, p.correlation_id
  LIMIT $5`,
} satisfies Query

// Each part goes by an index of its own. A payment in doubt may have been charged at that instant
// and settled much later, at the other processor or with another instant.
const ELSEWHERE = {
  name: 'candidatesElsewhere',
  effect: 'reads',
  columns: COLUMNS,
  text: `
  WITH candidate AS (
    SELECT ${COMPARED} FROM payments WHERE state = 0 AND owner IS NULL
    UNION ALL
    SELECT ${COMPARED} FROM payments WHERE state = 0 AND owner IS NOT NULL
    UNION ALL
    SELECT ${COMPARED} FROM payments WHERE state = 2
      AND accepted_at BETWEEN to_timestamp(($1::float8 - $3::float8) / 1000)
        AND to_timestamp(($1::float8 + $3::float8) / 1000)
    UNION ALL
    SELECT ${COMPARED} FROM ${ALL_PAYMENTS} s
    WHERE state = 1 AND requested_at_ms BETWEEN $1::bigint - $3::bigint AND $1::bigint + $3::bigint
      AND (processor <> $2::smallint OR requested_at_ms <> $1::bigint)
  )
  SELECT ${SELECTED} FROM candidate p
  ORDER BY coalesce(
      p.attempts @> jsonb_build_array(jsonb_build_object('requestedAt', $1::bigint)), false
    ) DESC,
    abs(extract(epoch FROM p.accepted_at) * 1000 - $1::bigint)
  LIMIT $4`,
} satisfies Query

const OUT_OF_TIME = {
  name: 'settledOutOfTime',
  effect: 'reads',
  columns: COLUMNS,
  text: `
  SELECT ${SELECTED} FROM (
    SELECT ${COMPARED} FROM ${ALL_PAYMENTS} s WHERE state = 1 AND requested_at_ms < $1::bigint
    UNION ALL
    SELECT ${COMPARED} FROM ${ALL_PAYMENTS} s WHERE state = 1 AND requested_at_ms > $2::bigint
  ) AS p
  LIMIT $3`,
} satisfies Query

// Each part goes by an index of its own. LEAST and GREATEST pass over what is null.
const FIRST_PAYMENT = {
  name: 'firstPayment',
  effect: 'reads',
  columns: { first: INTEGER },
  text: `
  SELECT least($2::bigint,
      (SELECT min(requested_at_ms) FROM payments WHERE state = 1 AND requested_at_ms >= $1::bigint),
      (SELECT min(requested_at_ms) FROM archived_payments WHERE requested_at_ms >= $1::bigint),
      (SELECT floor(${epochMs('min(accepted_at)')})::bigint FROM payments
        WHERE state = 2 AND isfinite(accepted_at)),
      (SELECT floor(${epochMs('min(accepted_at)')})::bigint FROM payments
        WHERE state = 0 AND owner IS NULL AND isfinite(accepted_at)),
      (SELECT floor(${epochMs('min(accepted_at)')})::bigint FROM payments
        WHERE state = 0 AND owner IS NOT NULL AND isfinite(accepted_at))
    ) AS first`,
} satisfies Query

const LAST_SETTLED = {
  name: 'lastSettled',
  effect: 'reads',
  columns: { last: INTEGER },
  text: `
  SELECT greatest($1::bigint,
      (SELECT max(requested_at_ms) FROM payments
        WHERE state = 1 AND requested_at_ms >= $1::bigint AND requested_at_ms <= $2::bigint),
      (SELECT max(requested_at_ms) FROM archived_payments
        WHERE requested_at_ms >= $1::bigint AND requested_at_ms <= $2::bigint)
    ) AS last`,
} satisfies Query

const NOT_SETTLED_AT = {
  name: 'notSettledAt',
  effect: 'reads',
  columns: COLUMNS,
  text: `
  WITH other AS (
    (SELECT ${COMPARED} FROM payments WHERE state = 0 AND owner IS NULL LIMIT $2)
    UNION ALL
    (SELECT ${COMPARED} FROM payments WHERE state = 0 AND owner IS NOT NULL LIMIT $2)
    UNION ALL
    (SELECT ${COMPARED} FROM payments WHERE state = 2 ORDER BY accepted_at LIMIT $2)
    UNION ALL
    (SELECT ${COMPARED} FROM ${ALL_PAYMENTS} s WHERE state = 1 AND processor <> $1::smallint
      ORDER BY requested_at_ms LIMIT $2)
  )
  SELECT ${SELECTED} FROM other p`,
} satisfies Query
