// Reads one payment, lists the parked ones, and counts the open ones.

import { DamagedPayment, isOfValue, isRefused } from '../../actors/model/errors.ts'
import type { PaymentStatus, ProcessorName, UnknownOutcome } from '../../actors/model/payment.ts'
import type { Ledger } from '../../actors/model/ports.ts'
import type { PostgresPool } from './pool.ts'
import { ATTEMPTS, BOOLEAN, FLOAT, INTEGER, PROCESSOR, STATE, TEXT, nullable } from './rows.ts'
import { attemptsIn, readPayments } from './rows.ts'
import type { Columns, OnDamagedRow, Query, RowOf, Statement } from './rows.ts'
import { LEASES, NOW_MS, epochMs, processorName } from './sql.ts'
import { OWNED_SINCE, WholeScans, fromWatermark } from './watermarks.ts'

type StatusReads = Pick<Ledger, 'find' | 'countOpen'>

/** Up to here open payments are counted exactly, beyond it they are estimated. */
const EXACT_COUNT_MAX = 10_000

/** Reads for people and for the console. */
export function createStatusReads(pool: PostgresPool, onDamaged: OnDamagedRow): StatusReads {
  const wholeScans = new WholeScans()
  const findOne = async <Shape extends Columns>(
    { name, columns, ...statement }: Query<Shape>,
    correlationId: string,
  ): Promise<RowOf<Shape> | undefined> => {
    const query = { ...statement, name, columns: {} }
    const rows = await pool.run(query, [correlationId]).catch((failure: unknown) => {
      if (!isRefused(failure) || !isOfValue(failure.refusal)) throw failure
      // PostgreSQL cannot reckon with what is in the row, such as an instant out of range.
      const { words: cause } = failure.refusal
      onDamaged({ operation: name, correlationId, cause })
      throw new DamagedPayment(correlationId)
    })
    if (rows.length === 0) return undefined
    const [row] = readPayments({ name, columns }, rows, onDamaged)
    if (row === undefined) throw new DamagedPayment(correlationId)
    return row
  }
  return {
    async find(correlationId) {
      const row = await findOne({ ...FIND, columns: PAYMENT }, correlationId)
      if (row !== undefined) return statusOf(row)
      // Known before it left the payments, so what is not found here was never there.
      const known = await findOne({ ...FIND_KNOWN, columns: KNOWN }, correlationId)
      if (known === undefined) return undefined
      const query = { ...findArchived(known), columns: PAYMENT }
      const archived = await findOne(query, correlationId)
      return archived === undefined ? reducedStatusOf(known) : statusOf(archived)
    },
    async countOpen() {
      const counted = await wholeScans.scan((isWhole) =>
        pool.runForRow(isWhole ? COUNT : COUNT_FROM_WATERMARKS, [EXACT_COUNT_MAX]),
      )
      const { parked, owned, oldest_ms: oldestMs } = counted
      return { parked, owned, oldestMs }
    },
  }
}

/** The parked payments from which the delayed queue is rebuilt. */
export function createParkedList(
  pool: PostgresPool,
  onDamaged: OnDamagedRow,
): Pick<Ledger, 'listParked'> {
  return {
    async listParked(limit) {
      const rows = readPayments(
        { name: LIST.name, columns: PARKED },
        await pool.run(LIST, [limit]),
        onDamaged,
      )
      return rows.map((row) => ({ correlationId: row.correlation_id, dueInMs: row.due_in_ms }))
    },
  }
}

function statusOf(row: RowOf<typeof PAYMENT>): PaymentStatus {
  const known = {
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    acceptedAt: row.accepted_at_ms,
    attempts: attemptsIn(row.attempts),
  }
  if (row.processor !== null && row.requested_at_ms !== null) {
    const processor = processorName(row.processor)
    return { ...known, state: 'settled', processor, requestedAt: row.requested_at_ms }
  }
  if (row.state === 2) return { ...known, state: 'rejected' }
  const open = { ...known, ...unknownOutcomesOf(row) }
  if (row.due_in_ms !== null) {
    return { ...open, state: 'parked', waitsFor: 'retryQueue', dueInMs: Math.ceil(row.due_in_ms) }
  }
  // The lease of a dead owner may have left the table before its last payment was committed.
  const ownedBy = row.owned_by ?? 'unknown'
  const owned = { ...open, state: 'pending', waitsFor: 'owner', ownedBy } as const
  return row.owner_lives === true ? { ...owned, attemptsKnownTo: ownedBy } : owned
}

/** An archived payment whose day is dropped. */
function reducedStatusOf(row: RowOf<typeof KNOWN>): PaymentStatus {
  return {
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    state: 'settled',
    acceptedAt: undefined,
    requestedAt: row.requested_at_ms,
    attempts: [],
    reduced: true,
  }
}

function unknownOutcomesOf(row: RowOf<typeof PAYMENT>): Pick<PaymentStatus, 'unknownOutcomes'> {
  const unknownOutcomes = [
    unknownOutcomeAt('default', row.default_doubt_ms, row.default_doubt_requested_at_ms),
    unknownOutcomeAt('fallback', row.fallback_doubt_ms, row.fallback_doubt_requested_at_ms),
  ].flat()
  return unknownOutcomes.length === 0 ? {} : { unknownOutcomes }
}

function unknownOutcomeAt(
  processor: ProcessorName,
  remainingMs: number | null,
  requestedAt: number | null,
): readonly UnknownOutcome[] {
  return remainingMs === null ? [] : [{ processor, requestedAt, remainingMs }]
}

const DUE_IN_MS = `${epochMs('due_at')} - ${epochMs('now()')} AS due_in_ms`

const PAYMENT = {
  correlation_id: TEXT,
  amount_cents: INTEGER,
  state: STATE,
  processor: nullable(PROCESSOR),
  requested_at_ms: nullable(INTEGER),
  attempts: nullable(ATTEMPTS),
  accepted_at_ms: INTEGER,
  due_in_ms: nullable(FLOAT),
  default_doubt_ms: nullable(INTEGER),
  default_doubt_requested_at_ms: nullable(INTEGER),
  fallback_doubt_ms: nullable(INTEGER),
  fallback_doubt_requested_at_ms: nullable(INTEGER),
  owned_by: nullable(TEXT),
  owner_lives: nullable(BOOLEAN),
}

const KNOWN = { correlation_id: TEXT, amount_cents: INTEGER, requested_at_ms: INTEGER }

const PARKED = { correlation_id: TEXT, due_in_ms: FLOAT }

/** Its rows are read as payments, by `PAYMENT`. */
const FIND: Statement = {
  name: 'find',
  effect: 'reads',
  text: `
  SELECT correlation_id::text, amount_cents, state, processor, requested_at_ms, attempts,
    round(extract(epoch FROM accepted_at) * 1000)::float8 AS accepted_at_ms, ${DUE_IN_MS},
    default_doubt_until_ms - ${NOW_MS} AS default_doubt_ms, default_doubt_requested_at_ms,
    fallback_doubt_until_ms - ${NOW_MS} AS fallback_doubt_ms, fallback_doubt_requested_at_ms,
    (SELECT instance_id FROM leases WHERE id = owner) AS owned_by,
    (SELECT NOT revoked FROM leases WHERE id = owner) AS owner_lives
  FROM payments WHERE correlation_id = $1`,
}

/** Its rows are read as payments, by `KNOWN`. */
const FIND_KNOWN: Statement = {
  name: 'findKnown',
  effect: 'reads',
  text: `
  SELECT correlation_id::text, amount_cents, requested_at_ms
  FROM known_payments WHERE correlation_id = $1`,
}

/** Its rows are read as payments, by `PAYMENT`. */
function findArchived({ correlation_id: id, requested_at_ms: at }: RowOf<typeof KNOWN>): Statement {
  return {
    name: 'findArchived',
    effect: 'reads',
    // Without parameters, so that its plan opens the partition of that day alone.
    protocol: 'simple',
    text: `
  SELECT correlation_id::text, amount_cents, 1 AS state, processor, requested_at_ms, attempts,
    round(extract(epoch FROM accepted_at) * 1000)::float8 AS accepted_at_ms,
    NULL AS due_in_ms, NULL AS default_doubt_ms, NULL AS default_doubt_requested_at_ms,
    NULL AS fallback_doubt_ms, NULL AS fallback_doubt_requested_at_ms, NULL AS owned_by,
    NULL AS owner_lives
  FROM archived_payments WHERE correlation_id = '${id}' AND requested_at_ms = ${at}`,
  }
}

/** Its rows are read as payments, by `PARKED`. */
const LIST = {
  name: 'listParked',
  effect: 'reads',
  columns: {},
  text: `
  SELECT correlation_id::text, ${DUE_IN_MS} FROM payments
  WHERE owner IS NULL AND state = 0
  ORDER BY due_at LIMIT $1`,
} satisfies Query

const COUNTED = { parked: INTEGER, owned: INTEGER, oldest_ms: FLOAT }

const COUNT = {
  name: 'countOpen',
  effect: 'reads',
  columns: COUNTED,
  text: count({
    parked: 'FROM payments p WHERE p.owner IS NULL AND p.state = 0',
    owned: 'FROM payments p WHERE p.owner IS NOT NULL AND p.state = 0',
  }),
} satisfies Query

/** As those see it who claim what is parked, and of leases that are in the table. */
export const COUNT_FROM_WATERMARKS = {
  name: 'countOpenFromWatermarks',
  effect: 'reads',
  columns: COUNTED,
  text: count({
    parked: `FROM payments p WHERE p.owner IS NULL AND p.state = 0
      AND p.due_at >= (
        SELECT coalesce(max(${fromWatermark('parked_from')}), '-infinity')
        FROM lease WHERE NOT revoked
      )`,
    owned: `FROM lease CROSS JOIN LATERAL (
      SELECT p.accepted_at FROM payments p
      WHERE p.owner = lease.id AND p.owner IS NOT NULL AND p.state = 0
        AND ${OWNED_SINCE} >= ${fromWatermark('lease.owned_from')}
      LIMIT $1::bigint + 1
    ) AS p`,
  }),
} satisfies Query

function count({ parked, owned }: { readonly parked: string; readonly owned: string }): string {
  return `
  WITH RECURSIVE ${LEASES}
  SELECT parked.open AS parked, owned.open AS owned,
    coalesce(extract(epoch FROM clock_timestamp() - least(parked.oldest, owned.oldest)), 0)
      ::float8 * 1000 AS oldest_ms
  FROM ${countOf(parked, 'payments_parked')} AS parked,
    ${countOf(owned, 'payments_owned')} AS owned`
}

// The estimate is the size of the partial index at its last vacuum or analyze.
function countOf(rows: string, index: string): string {
  return `(
    SELECT min(accepted_at) AS oldest,
      CASE WHEN count(*) <= $1::bigint THEN count(*) ELSE greatest(count(*), (
        SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass('${index}')
      )) END AS open
    FROM (SELECT p.accepted_at ${rows} LIMIT $1::bigint + 1) AS looked_at
  )`
}
