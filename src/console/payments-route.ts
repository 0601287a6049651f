// Payments that fit a filter, for the page and for programs: a page of them as JSON, or all from a
// place on as CSV.

import { LedgerUnavailable } from '../actors/model/errors.ts'
import type { PageRequest, PaymentFinder, PaymentsPage } from '../actors/model/found-payments.ts'
import { json, problem, type Reply, UNAVAILABLE } from '../http/problem.ts'
import type { ReplyInPieces } from '../http/responder.ts'
import { FILTER_FIELDS, cursorText, readCursor, readFilter } from '../operator/payment-filter.ts'
import { CSV_HEAD, csvLine } from '../operator/payment-lines.ts'

/** Payments of a page: without a limit, and at most. */
const LIMIT = 50
const LIMIT_MAX = 100

/** The page, or why there is none; never rejects with `LedgerUnavailable`. */
export async function findPayments(
  finder: PaymentFinder,
  query: string,
): Promise<Reply | ReplyInPieces> {
  const asked = readQuery(query)
  if ('reply' in asked) return asked.reply
  const { request, format } = asked
  try {
    const page = await finder.find(format === 'csv' ? { ...request, limit: LIMIT_MAX } : request)
    return format === 'csv' ? csvOf(finder, request, page) : json(JSON.stringify(printed(page)))
  } catch (error) {
    if (error instanceof LedgerUnavailable) return UNAVAILABLE
    throw error
  }
}

function printed({ payments, older, newer, lookedUntil }: PaymentsPage): object {
  return {
    payments,
    older: older && cursorText(older),
    newer: newer && cursorText(newer),
    lookedUntil,
  }
}

interface Asked {
  readonly request: PageRequest
  readonly format: 'json' | 'csv'
}

const OTHER_FIELDS = ['cursor', 'limit', 'format'] as const
const FIELDS: readonly string[] = [...FILTER_FIELDS, ...OTHER_FIELDS]

/** Unknown and repeated fields are faults: a misspelt one would silently find everything. */
function readQuery(query: string): Asked | { readonly reply: Reply } {
  // A plus stays a plus, as in an offset, and is no space.
  const pairs = [...new URLSearchParams(query.replaceAll('+', '%2B'))]
  const fields: Record<string, string> = {}
  for (const [name, text] of pairs) {
    if (!FIELDS.includes(name)) return fault(`There is: ${FIELDS.join(', ')}.`, plain(name))
    if (fields[name] !== undefined) return fault(`${name} occurs more than once.`, name)
    fields[name] = text
  }
  const { cursor = '', limit = String(LIMIT), format = 'json' } = fields
  const read = readFilter(fields)
  if (read.kind === 'fault') return fault(`${read.field} ${read.takes}.`, read.field)
  const place = cursor === '' ? undefined : readCursor(cursor)
  if (cursor !== '' && place === undefined)
    return fault('cursor is that of another page.', 'cursor')
  const isLimit = /^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= LIMIT_MAX
  if (!isLimit) return fault(`limit takes a whole number from 1 to ${LIMIT_MAX}.`, 'limit')
  if (format !== 'json' && format !== 'csv') return fault('format takes json or csv.', 'format')
  const request = { filter: read.filter, limit: Number(limit) }
  return { request: place === undefined ? request : { ...request, place }, format }
}

/** A name that an answer repeats; anything longer or stranger stays out of it. */
function plain(name: string): string | undefined {
  return /^\w{1,40}$/.test(name) ? name : undefined
}

function fault(detail: string, field: string | undefined): { readonly reply: Reply } {
  const named = field === undefined ? {} : { field }
  return { reply: problem({ status: 400, detail, ...named }) }
}

/** Rows of one CSV, and how long finding them may take, ms: the last line says if there is more. */
const CSV_ROWS_MAX = 100_000
const CSV_MS_MAX = 60_000

function csvOf(finder: PaymentFinder, request: PageRequest, first: PaymentsPage): ReplyInPieces {
  return {
    status: '200 OK',
    headers: [
      ['Content-Type', 'text/csv; charset=utf-8'],
      ['Content-Disposition', 'attachment; filename="payments.csv"'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    pieces: csvPieces(finder, request, first),
  }
}

async function* csvPieces(
  finder: PaymentFinder,
  request: PageRequest,
  first: PaymentsPage,
): AsyncGenerator<string, void> {
  const endsAt = performance.now() + CSV_MS_MAX
  yield CSV_HEAD
  let rows = 0
  for (let page = first; ;) {
    rows += page.payments.length
    yield page.payments.map(csvLine).join('')
    const { older: place } = page
    if (place === undefined) return
    const cut = (why: string): string => `# cut ${why}: cursor=${cursorText(place)} goes on\n`
    if (rows >= CSV_ROWS_MAX) return yield cut(`after ${rows} payments`)
    if (performance.now() > endsAt) return yield cut(`after ${CSV_MS_MAX / 1_000} s`)
    try {
      page = await finder.find({ ...request, place, limit: LIMIT_MAX })
    } catch (error) {
      if (error instanceof LedgerUnavailable) return yield cut('since the database does not answer')
      throw error
    }
  }
}
