// Finds payments by the first digits of their ids, upwards by their ids: among those of the table
// `payments`, and among the known ones, whose rows lie in the archive.

import type { PagePlace, PageRequest, PaymentsPage } from '../../actors/model/found-payments.ts'
import { COLUMNS, FOUND, OWNER, columnsOf, foundIn } from './payment-page.ts'
import type { PostgresPool } from './pool.ts'
import { FLOAT, TEXT, type Query, type RowOf } from './rows.ts'

type IdRequest = Omit<PageRequest, 'filter'> & {
  /** Hexadecimal digits, 1 to 32. */
  readonly idPrefix: string
}

/** One page, of bounded work. Rejects with `LedgerUnavailable`. */
export async function findByIdPrefix(
  pool: PostgresPool,
  request: IdRequest,
): Promise<PaymentsPage> {
  const { limit, place } = request
  const isOnwards = place?.direction !== 'newer'
  // Known before it leaves the payments: one that is missing in the first is in the second.
  const here = await pool.run({ ...IN_PAYMENTS, text: paymentsText(request) }, [])
  const known = await pool.run({ ...KNOWN, text: knownText(request) }, [])
  const ids = new Set(here.map(({ correlation_id: id }) => id))
  const gone = known.filter(({ correlation_id: id }) => !ids.has(id))
  const all = [...here.map(foundIn), ...(await readArchived(pool, gone))].toSorted((one, other) =>
    one.correlationId < other.correlationId === isOnwards ? -1 : 1,
  )
  const payments = isOnwards ? all.slice(0, limit) : all.slice(0, limit).toReversed()
  const [first, last] = [payments[0], payments.at(-1)]
  const hasMore = all.length > limit
  return {
    payments,
    ...(last !== undefined && (hasMore || !isOnwards) ? { older: at(last, 'older') } : {}),
    ...(first !== undefined && (isOnwards ? place !== undefined : hasMore)
      ? { newer: at(first, 'newer') }
      : {}),
  }
}

function at({ correlationId: id }: { correlationId: string }, direction: PagePlace['direction']) {
  return { direction, atUs: 0, id }
}

/** What is archived of known payments; no more than is known where that is dropped. */
async function readArchived(pool: PostgresPool, known: readonly RowOf<typeof KNOWN.columns>[]) {
  if (known.length === 0) return []
  const rows = await pool.run({ ...IN_ARCHIVE, text: archivedText(known) }, [])
  const archived = new Map(rows.map((row) => [row.correlation_id, foundIn(row)]))
  return known.map(({ correlation_id: correlationId, amount_cents, requested_at_ms }) => {
    const reduced = { amountCents: amount_cents, requestedAt: requested_at_ms, inDoubtAt: [] }
    return archived.get(correlationId) ?? { correlationId, state: 'settled' as const, ...reduced }
  })
}

/** Ids of these first digits, past the place. */
function idsIn(alias: string, { idPrefix, place, limit }: IdRequest) {
  const id = `${alias}.correlation_id`
  const range = `${id} BETWEEN '${idOf(idPrefix, '0')}' AND '${idOf(idPrefix, 'f')}'`
  const [past, sort] = place?.direction === 'newer' ? ['<', 'DESC'] : ['>', 'ASC']
  const where = place === undefined ? range : `${range} AND ${id} ${past} '${place.id}'`
  return `WHERE ${where} ORDER BY ${id} ${sort} LIMIT ${limit + 1}`
}

function idOf(prefix: string, digit: '0' | 'f'): string {
  const all = prefix.padEnd(32, digit)
  return all.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const SIMPLE = { effect: 'reads', protocol: 'simple' } as const

const IN_PAYMENTS = {
  ...SIMPLE,
  name: 'findByIdPrefix',
  columns: FOUND,
} satisfies Omit<Query, 'text'>

function paymentsText(request: IdRequest): string {
  const state = `CASE w.state WHEN 1 THEN 'settled' WHEN 2 THEN 'rejected'
    ELSE CASE WHEN w.owner IS NULL THEN 'parked' ELSE 'owned' END END`
  return `SELECT ${columnsOf(state, `CASE w.state WHEN 0 THEN ${OWNER} END`)}
    FROM (SELECT ${COLUMNS.hot}, p.state FROM payments p ${idsIn('p', request)}) AS w`
}

const KNOWN = {
  ...SIMPLE,
  name: 'findKnownByIdPrefix',
  columns: { correlation_id: TEXT, amount_cents: FLOAT, requested_at_ms: FLOAT },
} satisfies Omit<Query, 'text'>

function knownText(request: IdRequest): string {
  return `SELECT k.correlation_id::text, k.amount_cents::float8, k.requested_at_ms::float8
    FROM known_payments k ${idsIn('k', request)}`
}

const IN_ARCHIVE = {
  ...SIMPLE,
  name: 'findArchivedByIdPrefix',
  columns: FOUND,
} satisfies Omit<Query, 'text'>

/** Instants as they are written down, so that no table of another day is opened. */
function archivedText(known: readonly RowOf<typeof KNOWN.columns>[]): string {
  const instants = known.map(({ requested_at_ms: instant }) => String(BigInt(instant)))
  const ids = known.map(({ correlation_id: id }) => `'${id}'`)
  return `SELECT ${columnsOf(`'settled'`, 'NULL')}
    FROM (
      SELECT ${COLUMNS.archived} FROM archived_payments p
      WHERE p.requested_at_ms IN (${instants.join(', ')})
        AND p.correlation_id IN (${ids.join(', ')})
    ) AS w`
}
