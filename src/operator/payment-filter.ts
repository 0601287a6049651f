// A filter of payments as text: the fields of a query string, which the console's address, the
// operators' port and the command line share. What is read and written again is the same filter.

import type { PagePlace, PaymentFilter, StoredState } from '../actors/model/found-payments.ts'
import { formatCents, parseCents } from '../actors/model/money.ts'
import { instantOf } from './command-line.ts'

/** The fields of a filter, in the order in which they are written. */
export const FILTER_FIELDS = [
  'state',
  'processor',
  'amountMin',
  'amountMax',
  'from',
  'to',
  'olderThan',
  'attemptsMin',
  'id',
] as const

export type FilterField = (typeof FILTER_FIELDS)[number]

/** What is wrong with a field. */
export interface FilterFault {
  readonly kind: 'fault'
  readonly field: FilterField
  /** The rest of a sentence that begins with the field's name. */
  readonly takes: string
}

/**
 * Reads the fields of a filter; an empty text is as none. `state` is one or several of `parked`,
 * `owned`, `rejected`, `settled`, and `open` for the first two, with commas between; amounts are
 * decimals (`19.90`), `from` and `to` ISO instants with an offset, `olderThan` a duration (`90s`,
 * `15m`, `2h`, `3d`), `attemptsMin` a whole number, `id` the beginning of a UUID.
 */
export function readFilter(
  fields: Readonly<Partial<Record<FilterField, string>>>,
): { readonly kind: 'filter'; readonly filter: PaymentFilter } | FilterFault {
  let filter: PaymentFilter = {}
  for (const field of FILTER_FIELDS) {
    const text = fields[field] ?? ''
    if (text === '') continue
    const part = READERS[field](text)
    if (part === undefined) return { kind: 'fault', field, takes: TAKES[field] }
    filter = { ...filter, ...part }
  }
  return contradictionIn(filter) ?? { kind: 'filter', filter }
}

/** The same filter as fields; those that are not set are left out. */
export function fieldsOf(filter: PaymentFilter): Readonly<Partial<Record<FilterField, string>>> {
  const { states, processor, amountMin, amountMax, from, to, olderThanMs, attemptsMin } = filter
  const instant = (at: number): string => new Date(at).toISOString()
  const all: Readonly<Record<FilterField, string | undefined>> = {
    state: states?.join(','),
    processor,
    amountMin: written(amountMin, formatCents),
    amountMax: written(amountMax, formatCents),
    from: written(from, instant),
    to: written(to, instant),
    olderThan: written(olderThanMs, durationText),
    attemptsMin: written(attemptsMin, String),
    id: filter.idPrefix,
  }
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== undefined))
}

/** The same filter as a query string, without its question mark; empty: all payments. */
export function filterQuery(filter: PaymentFilter): string {
  return new URLSearchParams(fieldsOf(filter)).toString()
}

/** A place as text, for the field `cursor`. */
export function cursorText({ direction, atUs, id }: PagePlace): string {
  return `${direction}_${atUs}_${id}`
}

/** Undefined where the text is no place. */
export function readCursor(text: string): PagePlace | undefined {
  const [, direction, at, id] = CURSOR.exec(text) ?? []
  const atUs = Number(at)
  if (id === undefined || !Number.isSafeInteger(atUs)) return undefined
  return { direction: direction === 'newer' ? 'newer' : 'older', atUs, id }
}

const CURSOR = /^(older|newer)_(-?\d{1,16})_([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/

/** How each field is read; undefined: it is not what the field takes. */
const READERS: Readonly<Record<FilterField, (text: string) => PaymentFilter | undefined>> = {
  state: (text) => {
    const words = text.split(',')
    if (!words.every((word) => STATES.has(word))) return undefined
    return { states: [...new Set(words.flatMap((word) => STATES.get(word) ?? []))] }
  },
  processor: (text) => {
    return text === 'default' || text === 'fallback' ? { processor: text } : undefined
  },
  amountMin: (text) => readNumber(parseCents(text), (amountMin) => ({ amountMin })),
  amountMax: (text) => readNumber(parseCents(text), (amountMax) => ({ amountMax })),
  from: (text) => readNumber(instantOf(text), (from) => ({ from })),
  to: (text) => readNumber(instantOf(text), (to) => ({ to })),
  olderThan: (text) => readNumber(durationOf(text), (olderThanMs) => ({ olderThanMs })),
  attemptsMin: (text) => {
    return /^[1-9]\d{0,5}$/.test(text) ? { attemptsMin: Number(text) } : undefined
  },
  id: (text) => {
    const isBeginning = UUID_SHAPE.startsWith(text.replace(/[\da-f]/gi, 'x'))
    const digits = text.replaceAll('-', '').toLowerCase()
    const isPlain = /^[\da-f]{1,32}$/.test(digits)
    return isPlain && (isBeginning || !text.includes('-')) ? { idPrefix: digits } : undefined
  },
}

const TAKES: Readonly<Record<FilterField, string>> = {
  state: 'takes parked, owned, open (both), rejected and settled, with commas between',
  processor: 'takes default or fallback',
  amountMin: 'takes an amount, such as 19.90',
  amountMax: 'takes an amount, such as 19.90',
  from: 'takes an ISO instant with an offset, such as 2026-01-31T12:00:00Z',
  to: 'takes an ISO instant with an offset, such as 2026-01-31T12:00:00Z',
  olderThan: 'takes a duration, such as 90s, 15m, 2h or 3d',
  attemptsMin: 'takes a whole number from 1 up',
  id: 'takes a UUID, or the first of its hexadecimal digits',
}

const OPEN: readonly StoredState[] = ['parked', 'owned']

const STATES: ReadonlyMap<string, readonly StoredState[]> = new Map([
  ['parked', ['parked']],
  ['owned', ['owned']],
  ['open', OPEN],
  ['rejected', ['rejected']],
  ['settled', ['settled']],
])

const UUID_SHAPE = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'

/** Fields that exclude each other would find nothing, without a word why. */
function contradictionIn(filter: PaymentFilter): FilterFault | undefined {
  const { states, amountMin = 0, amountMax = Infinity, from = 0, to = Infinity } = filter
  const fault = (field: FilterField, takes: string): FilterFault => ({
    kind: 'fault',
    field,
    takes,
  })
  if (filter.idPrefix !== undefined && Object.keys(filter).length > 1) {
    return fault('id', 'stands alone: no other filter goes with it')
  }
  if (amountMin > amountMax) return fault('amountMin', 'is above the greatest amount')
  if (from > to) return fault('from', 'is after the end')
  const isOpen = (states ?? OPEN).some((state) => OPEN.includes(state))
  if (filter.olderThanMs === undefined || isOpen) return undefined
  return fault('olderThan', 'is about open payments: state has to be parked, owned or open')
}

function readNumber(
  value: number | string | undefined,
  make: (value: number) => PaymentFilter,
): PaymentFilter | undefined {
  return typeof value === 'number' ? make(value) : undefined
}

function written<Value>(value: Value | undefined, write: (value: Value) => string) {
  return value === undefined ? undefined : write(value)
}

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const

/** Undefined for what is no duration. */
function durationOf(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,6})([dhms])$/.exec(text) ?? []
  return isUnit(unit) ? Number(count) * UNITS_MS[unit] : undefined
}

/** In the largest unit of which it is a whole number. */
function durationText(ms: number): string {
  const unit = Object.keys(UNITS_MS).filter(isUnit)
  const largest = unit.find((each) => ms % UNITS_MS[each] === 0) ?? 's'
  return `${ms / UNITS_MS[largest]}${largest}`
}

function isUnit(text: string): text is keyof typeof UNITS_MS {
  return Object.hasOwn(UNITS_MS, text)
}
