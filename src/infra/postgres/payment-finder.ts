// Finds payments for people: pages by a filter, over what is open, rejected, settled and archived. On
// a connection of its own, so that no payment waits behind it, and within bounds: a page looks at so
// many rows and no more, and says how far it has come.

import type { LookupFunction } from 'node:net'
import type {
  PagePlace,
  PageRequest,
  PaymentFilter,
  PaymentFinder,
  PaymentsPage,
} from '../../actors/model/found-payments.ts'
import { foundIn, walkStatement } from './payment-page.ts'
import type { FoundRow, InstantSpan, Walk } from './payment-page.ts'
import { findByIdPrefix } from './payments-by-id.ts'
import { PostgresPool } from './pool.ts'
import { FLOAT, nullable, type Query } from './rows.ts'

export interface PaymentFinderConfig {
  readonly connectionString: string
  readonly applicationName: string
  /** Resolves host names; absent: Node's own. */
  readonly lookup?: LookupFunction
}

/** Bounds on a statement, ms: PostgreSQL's own, and with waiting for the connection. */
const STATEMENT_TIMEOUT_MS = 2_000
const TIMEOUT_MS = 4_000

/** Connects when it is first asked. */
export function openPaymentFinder(
  config: PaymentFinderConfig,
): PaymentFinder & { close(): Promise<void> } {
  const pool = new PostgresPool({
    ...config,
    target: 'any',
    connectTimeoutMs: 1_000,
    size: 1,
    timeoutMs: TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  return {
    find: (request) => {
      const { idPrefix } = request.filter
      if (idPrefix === undefined) return findPage(pool, request)
      return findByIdPrefix(pool, { ...request, idPrefix })
    },
    close: () => pool.close(),
  }
}

/** What one statement walks of the archive, ms: each day is a table to be opened. */
const SPAN_MS = 4 * 86_400_000

/** Spans of the archive for one page; between them days without a payment are skipped. */
const SPANS_MAX = 4

type Direction = PagePlace['direction']

/** How far all walks have come: nothing beyond it is known. */
interface Reached {
  readonly place: PagePlace
  /** `span`: only the archive has more, further on. */
  readonly by: 'walk' | 'span'
}

async function findPage(pool: PostgresPool, request: PageRequest): Promise<PaymentsPage> {
  const { filter, limit, place } = request
  const direction = place?.direction ?? 'older'
  const found: FoundRow[] = []
  let walks: readonly Walk[] = walksOf(filter)
  let span = walks.includes('archived') ? firstSpan(request, direction) : NO_SPAN
  let reached: Reached | undefined
  for (let spans = 1; ; spans += 1) {
    const rows = await pool.run(walkStatement({ walks, filter, direction, place, limit, span }), [])
    found.push(...rows.filter(({ fits }) => fits))
    reached = reachedBy(rows, { direction, span })
    const within = found.filter((row) => !isBeyond(row, reached?.place))
    if (within.length > limit || reached?.by !== 'span' || spans === SPANS_MAX) break
    // The walks of the other table have come to their ends: they had no row more.
    const next = await nextSpan(pool, { filter, direction, edge: reached.place })
    if (next === undefined) reached = undefined
    if (next === undefined) break
    span = next
    walks = ['archived']
  }
  return pageOf(found, { request, direction, reached })
}

/** Those that may have what the filter asks for. */
function walksOf({ states, olderThanMs }: PaymentFilter): readonly Walk[] {
  const open = ['owned', 'parked'] as const
  const all = olderThanMs === undefined ? ([...open, 'rejected', 'settled'] as const) : open
  const asked = all.filter((state) => states?.includes(state) ?? true)
  return asked.some((state) => state === 'settled') ? [...asked, 'archived'] : asked
}

const NO_SPAN: InstantSpan = { fromMs: -Infinity, toMs: Infinity }

/** The days next to the place; without one the last days, and whatever is later. */
function firstSpan({ filter, place }: PageRequest, direction: Direction): InstantSpan {
  const { from = -Infinity, to = Infinity } = filter
  const at = place === undefined ? Infinity : place.atUs / 1_000
  if (direction === 'newer') {
    const fromMs = Math.max(Math.floor(at), from)
    return { fromMs, toMs: fromMs + SPAN_MS }
  }
  const toMs = Math.min(Math.ceil(at), to)
  return { fromMs: Math.min(toMs, Date.now()) - SPAN_MS, toMs }
}

/** The next days that have a payment; undefined: none has. */
async function nextSpan(
  pool: PostgresPool,
  {
    filter: { from = -Infinity, to = Infinity },
    direction,
    edge,
  }: {
    readonly filter: PaymentFilter
    readonly direction: Direction
    readonly edge: PagePlace
  },
): Promise<InstantSpan | undefined> {
  const [first, past] = direction === 'older' ? ['max', '<'] : ['min', '>']
  const text = `SELECT ${first}(requested_at_ms)::float8 AS at_ms FROM archived_payments
    WHERE requested_at_ms ${past} ${edge.atUs / 1_000}`
  const next = (await pool.runForRow({ ...NEXT_ARCHIVED, text }, [])).at_ms
  if (next === null || next < from || next > to) return undefined
  return direction === 'older'
    ? { fromMs: next - SPAN_MS, toMs: next }
    : { fromMs: next, toMs: next + SPAN_MS }
}

const NEXT_ARCHIVED = {
  name: 'findNextArchived',
  effect: 'reads',
  protocol: 'simple',
  columns: { at_ms: nullable(FLOAT) },
} satisfies Omit<Query, 'text'>

/** The least that any walk has reached; undefined: all have come to their ends. */
function reachedBy(
  rows: readonly FoundRow[],
  { direction, span }: { readonly direction: Direction; readonly span: InstantSpan },
): Reached | undefined {
  const walks = rows
    .filter(({ is_last: isLast }) => isLast)
    .map((row): Reached => ({ place: placeOf(row, direction), by: 'walk' }))
  const edge = direction === 'older' ? span.fromMs : span.toMs
  const id = direction === 'older' ? ID_MIN : ID_MAX
  const place = { direction, atUs: edge * 1_000, id }
  const all = Number.isFinite(edge) ? [...walks, { place, by: 'span' } as const] : walks
  return all.toSorted((one, other) => compare(one.place, other.place))[0]
}

const ID_MIN = '00000000-0000-0000-0000-000000000000'
const ID_MAX = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The other way, so that what lies at the place is found again. */
function backFrom({ direction, atUs }: PagePlace): PagePlace {
  return direction === 'older'
    ? { direction: 'newer', atUs: atUs - 1, id: ID_MAX }
    : { direction: 'older', atUs: atUs + 1, id: ID_MIN }
}

function placeOf(row: FoundRow, direction: Direction): PagePlace {
  // What somebody wrote by hand may be beyond what is exact.
  const { MIN_SAFE_INTEGER: least, MAX_SAFE_INTEGER: most } = Number
  const atUs = Math.min(Math.max(Math.round(row.at_us), least), most)
  return { direction, atUs, id: row.correlation_id }
}

/** Below 0: the first one comes first in their direction. UUIDs sort as their texts do. */
function compare(one: PagePlace, other: PagePlace): number {
  const ids = one.id < other.id ? -1 : Number(one.id > other.id)
  const upwards = one.atUs - other.atUs || ids
  return one.direction === 'older' ? -upwards : upwards
}

function isBeyond(row: FoundRow, place: PagePlace | undefined): boolean {
  return place !== undefined && compare(placeOf(row, place.direction), place) > 0
}

function pageOf(
  found: readonly FoundRow[],
  {
    request: { limit, place },
    direction,
    reached,
  }: {
    readonly request: PageRequest
    readonly direction: Direction
    readonly reached: Reached | undefined
  },
): PaymentsPage {
  // One that was archived between two statements is found twice.
  const each = new Map(found.map((row) => [row.correlation_id, row]))
  const within = [...each.values()]
    .filter((row) => !isBeyond(row, reached?.place))
    .toSorted((one, other) => compare(placeOf(one, direction), placeOf(other, direction)))
  const rows = within.slice(0, limit)
  const [first, last] = [rows[0], rows.at(-1)]
  const isFull = within.length > limit && last !== undefined
  const onwards = isFull ? placeOf(last, direction) : reached?.place
  const other = direction === 'older' ? 'newer' : 'older'
  const backwards = first === undefined ? place && backFrom(place) : placeOf(first, other)
  const [older, newer] =
    direction === 'older' ? [onwards, place && backwards] : [backwards, onwards]
  const payments = rows.map(foundIn)
  return {
    payments: direction === 'older' ? payments : payments.toReversed(),
    ...(older === undefined ? {} : { older }),
    ...(newer === undefined ? {} : { newer }),
    ...(isFull || reached === undefined ? {} : { lookedUntil: reached.place.atUs / 1_000 }),
  }
}
