// The statement behind a page of payments. Each state has an index by an instant; each is walked from
// a place on, a bounded number of rows whatever they are, and gives those that fit the filter.

import type {
  FoundPayment,
  PagePlace,
  PaymentFilter,
  StoredState,
} from '../../actors/model/found-payments.ts'
import { BOOLEAN, FLOAT, PROCESSOR, TEXT, nullable } from './rows.ts'
import type { Column, Columns, Query, RowOf } from './rows.ts'
import { LEASES, PROCESSOR_NUMBER, processorName } from './sql.ts'
import { OWNED_SINCE } from './watermarks.ts'

/** Rows that all walks of a page go through at most. */
const WALKED_MAX = 1_000

/** What is walked by itself: a state, and the archive. */
export type Walk = StoredState | 'archived'

/** A range of `requested_at_ms`, both ends inclusive; infinite where there is none. */
export interface InstantSpan {
  readonly fromMs: number
  readonly toMs: number
}

export interface WalkRequest {
  readonly walks: readonly Walk[]
  readonly filter: PaymentFilter
  readonly direction: PagePlace['direction']
  /** Where the walks begin; absent: at the end of each. */
  readonly place: PagePlace | undefined
  /** What of the archive is walked: the days in it are the only ones whose tables are opened. */
  readonly span: InstantSpan
  /** Rows that fit; of each walk one more is given. */
  readonly limit: number
}

/**
 * Rows of all walks, read by `ROW`, in any sequence. The text has its values in it, none of which needs
 * quotes: so it is planned for them, and opens no table but those of these days.
 */
export function walkStatement(request: WalkRequest): Query<typeof ROW> {
  const walks = request.walks.map((walk) => `(${walkText(walk, request)})`)
  const leases = request.walks.includes('owned') ? `WITH RECURSIVE ${LEASES}` : ''
  return {
    name: 'findPage',
    effect: 'reads',
    protocol: 'simple',
    columns: ROW,
    text: `${leases} ${walks.join(' UNION ALL ')}`,
  }
}

export type FoundRow = RowOf<typeof ROW>

export function foundIn(row: RowOf<typeof FOUND>): FoundPayment {
  const inDoubtAt = (['default', 'fallback'] as const).filter((name) => row[`doubt_${name}`])
  const known = {
    processor: row.processor === null ? undefined : processorName(row.processor),
    acceptedAt: row.accepted_at_ms ?? undefined,
    requestedAt: row.requested_at_ms ?? undefined,
    dueAt: row.due_at_ms ?? undefined,
    ownedBy: row.owned_by ?? undefined,
    attempts: attemptsOf(row),
  }
  return {
    correlationId: row.correlation_id,
    amountCents: row.amount_cents,
    state: row.state,
    inDoubtAt,
    ...withoutAbsent(known),
  }
}

/** None of an owned one is no count: its instance may have made some, and they are not written yet. */
function attemptsOf({ state, attempts }: RowOf<typeof FOUND>): number | undefined {
  return state === 'owned' && attempts === 0 ? undefined : (attempts ?? undefined)
}

type Known = Pick<
  FoundPayment,
  'processor' | 'acceptedAt' | 'requestedAt' | 'dueAt' | 'ownedBy' | 'attempts'
>

function withoutAbsent(known: {
  readonly [Name in keyof Known]-?: Known[Name] | undefined
}): Known {
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
}

const STORED_STATE: Column<StoredState> = {
  takes: 'a state',
  fits: (value): value is StoredState =>
    value === 'owned' || value === 'parked' || value === 'rejected' || value === 'settled',
}

// Numbers are float8, and infinite instants null: a row that somebody has altered by hand is shown as
// far as it goes, and fails no statement.
export const FOUND = {
  correlation_id: TEXT,
  amount_cents: FLOAT,
  state: STORED_STATE,
  processor: nullable(PROCESSOR),
  accepted_at_ms: nullable(FLOAT),
  requested_at_ms: nullable(FLOAT),
  due_at_ms: nullable(FLOAT),
  owned_by: nullable(TEXT),
  doubt_default: BOOLEAN,
  doubt_fallback: BOOLEAN,
  attempts: nullable(FLOAT),
} satisfies Columns

const ROW = {
  ...FOUND,
  /** Where it stands in its walk, epoch µs. */
  at_us: FLOAT,
  /** Whether the walk goes no further, though it might. */
  is_last: BOOLEAN,
  /** False: it only says how far the walk has come. */
  fits: BOOLEAN,
} satisfies Columns

/** Where each walk has its rows, as `p`, and by what its index goes. */
const WALKS: Readonly<
  Record<Walk, { readonly rows: string; readonly key: string; readonly state: StoredState }>
> = {
  owned: { rows: 'p.state = 0', key: OWNED_SINCE, state: 'owned' },
  parked: { rows: 'p.owner IS NULL AND p.state = 0', key: 'p.due_at', state: 'parked' },
  rejected: { rows: 'p.state = 2', key: 'p.accepted_at', state: 'rejected' },
  settled: { rows: 'p.state = 1', key: 'p.requested_at_ms', state: 'settled' },
  archived: { rows: 'true', key: 'p.requested_at_ms', state: 'settled' },
}

const SORTS = { older: 'DESC', newer: 'ASC' } as const

// Nothing is sorted outside, so that a walk ends with the last row that is wanted.
function walkText(walk: Walk, request: WalkRequest): string {
  const { filter, direction, limit, walks } = request
  const { key, state, rows } = WALKS[walk]
  const sort = `${key} ${SORTS[direction]}, p.correlation_id ${SORTS[direction]}`
  const where = [rows, ...rangeOf(walk, request), ...placeOf(walk, request)].join(' AND ')
  const conditions = fittingOf(walk, filter)
  const fits = conditions.length === 0 ? 'true' : `coalesce(${conditions.join(' AND ')}, false)`
  const share = Math.floor(WALKED_MAX / walks.length)
  // Where all rows fit, the one beyond the page tells enough; counting rows takes milliseconds.
  const number = conditions.length === 0 ? '0' : `row_number() OVER (ORDER BY ${sort})`
  const most = conditions.length === 0 ? Math.min(share, limit + 1) : share
  return `
  SELECT ${columnsOf(`'${state}'`, walk === 'owned' ? OWNER : 'NULL')},
    ${epochUs(walk)} AS at_us, w.walked = ${most} AS is_last, ${fits} AS fits
  FROM (
    SELECT ${COLUMNS[walk === 'archived' ? 'archived' : 'hot']}, ${key} AS walked_by,
      ${number} AS walked
    FROM ${tableOf(walk, { where, sort, most })}
    ORDER BY ${sort} LIMIT ${most}
  ) AS w
  WHERE ${fits} OR w.walked = ${most} LIMIT ${limit + 1}`
}

/** What a walk goes through. Owned payments are walked lease by lease, as their index has them. */
function tableOf(
  walk: Walk,
  { where, sort, most }: { where: string; sort: string; most: number },
): string {
  if (walk === 'archived') return `archived_payments p WHERE ${where}`
  if (walk !== 'owned') return `payments p WHERE ${where}`
  return `lease CROSS JOIN LATERAL (
      SELECT p.* FROM payments p WHERE p.owner = lease.id AND p.owner IS NOT NULL AND ${where}
      ORDER BY ${sort} LIMIT ${most}
    ) AS p`
}

/** Windows that the index of the walk goes by; those of open payments do not. */
function rangeOf(walk: Walk, { filter, span }: WalkRequest): readonly string[] {
  const { from = -Infinity, to = Infinity } = filter
  const key = 'p.requested_at_ms'
  if (walk === 'archived') {
    return ends(key, { fromMs: Math.max(from, span.fromMs), toMs: Math.min(to, span.toMs) })
  }
  if (walk === 'settled') return ends(key, { fromMs: from, toMs: to })
  return walk === 'rejected' ? acceptedIn('p.accepted_at', filter) : []
}

function ends(key: string, { fromMs, toMs }: InstantSpan): readonly string[] {
  return [
    ...(fromMs === -Infinity ? [] : [`${key} >= ${digits(fromMs)}`]),
    ...(toMs === Infinity ? [] : [`${key} <= ${digits(toMs)}`]),
  ]
}

function acceptedIn(key: string, { from, to }: PaymentFilter): readonly string[] {
  return [
    ...(from === undefined ? [] : [`${key} >= ${instant(from * 1_000)}`]),
    ...(to === undefined ? [] : [`${key} < ${instant((to + 1) * 1_000)}`]),
  ]
}

/** What comes after the place. The first half is what the index is entered by. */
function placeOf(walk: Walk, { place, direction }: WalkRequest): readonly string[] {
  if (place === undefined) return []
  const { key } = WALKS[walk]
  const past = direction === 'older' ? '<' : '>'
  const { at, isBetween } = keyOf(walk, place)
  // Between two instants that the index can have, all of the first one is past the place.
  if (isBetween) return [`${key} ${past} ${at}`]
  const after = `(${key} ${past} ${at} OR p.correlation_id ${past} '${place.id}')`
  return [`${key} ${past}= ${at}`, after]
}

/** The place in the unit of the index. */
function keyOf(walk: Walk, { atUs, direction }: PagePlace) {
  if (WALKS[walk].key !== 'p.requested_at_ms') return { at: instant(atUs), isBetween: false }
  const isBetween = atUs % 1_000 !== 0
  const round = direction === 'older' ? Math.ceil : Math.floor
  return { at: digits(round(atUs / 1_000)), isBetween }
}

/** What a row `w` has to fulfil. */
function fittingOf(walk: Walk, filter: PaymentFilter): readonly string[] {
  const { processor, amountMin, amountMax, olderThanMs, attemptsMin } = filter
  const isOpen = walk === 'owned' || walk === 'parked'
  const isSettled = WALKS[walk].state === 'settled'
  const charged = `(w.attempts @> '[{"processor":"${processor}"}]' OR w.doubt_${processor})`
  const atProcessor =
    processor === undefined || !isSettled ? charged : `w.processor = ${PROCESSOR_NUMBER[processor]}`
  return [
    ...(amountMin === undefined ? [] : [`w.amount_cents >= ${digits(amountMin)}`]),
    ...(amountMax === undefined ? [] : [`w.amount_cents <= ${digits(amountMax)}`]),
    ...(processor === undefined ? [] : [atProcessor]),
    ...(isOpen ? acceptedIn('w.accepted_at', filter) : []),
    ...(olderThanMs === undefined
      ? []
      : [`w.accepted_at < now() - ${digits(olderThanMs)} * interval '1 millisecond'`]),
    ...(attemptsMin === undefined ? [] : [`${ATTEMPTS} >= ${digits(attemptsMin)}`]),
  ]
}

/** Columns of a payment `p`. */
export const COLUMNS = {
  hot: `p.correlation_id, p.amount_cents, p.processor, p.requested_at_ms, p.accepted_at, p.due_at,
      p.owner, p.attempts, p.default_doubt_until_ms IS NOT NULL AS doubt_default,
      p.fallback_doubt_until_ms IS NOT NULL AS doubt_fallback`,
  archived: `p.correlation_id, p.amount_cents, p.processor, p.requested_at_ms, p.accepted_at,
      NULL::timestamptz AS due_at, NULL::int AS owner, p.attempts, false AS doubt_default,
      false AS doubt_fallback`,
} as const

/** What `FOUND` reads, of a row `w` that has the columns of `COLUMNS`. */
export function columnsOf(state: string, ownedBy: string): string {
  return `w.correlation_id::text, w.amount_cents::float8, ${state} AS state, w.processor,
    ${finiteMs('w.accepted_at')} AS accepted_at_ms, w.requested_at_ms::float8,
    ${finiteMs('w.due_at')} AS due_at_ms, ${ownedBy}::text AS owned_by, w.doubt_default,
    w.doubt_fallback, ${ATTEMPTS} AS attempts`
}

/** Name of the instance that has the row `w`; its lease may be gone. */
export const OWNER = '(SELECT instance_id FROM leases WHERE id = w.owner)'

/** How many there were: the last one has its number where older ones were dropped. */
const ATTEMPTS = `CASE jsonb_typeof(w.attempts) WHEN 'array' THEN
      CASE jsonb_typeof(w.attempts->-1->'number') WHEN 'number'
      THEN greatest(0, least(1000000000, (w.attempts->-1->'number')::numeric))::float8
      ELSE jsonb_array_length(w.attempts)::float8 END
    ELSE 0 END`

function finiteMs(column: string): string {
  return `CASE WHEN isfinite(${column}) THEN (extract(epoch FROM ${column}) * 1000)::float8 END`
}

function epochUs(walk: Walk): string {
  if (WALKS[walk].key === 'p.requested_at_ms') return 'w.walked_by::float8 * 1000'
  const { MIN_SAFE_INTEGER: least, MAX_SAFE_INTEGER: most } = Number
  return `CASE w.walked_by WHEN 'infinity' THEN ${most} WHEN '-infinity' THEN ${least}
    ELSE (extract(epoch FROM w.walked_by) * 1000000)::float8 END`
}

function instant(us: number): string {
  return `(timestamptz 'epoch' + ${digits(us)} * interval '1 microsecond')`
}

/** A whole number without an exponent. */
function digits(value: number): string {
  return String(BigInt(value))
}
