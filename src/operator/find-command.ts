// `pit find`: payments by a filter, over the whole database, as a table, as CSV or as lines of JSON.

import type { PagePlace, PageRequest, PaymentFinder } from '../actors/model/found-payments.ts'
import { printInstant, readArguments, readRate } from './command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from './failures.ts'
import { FILTER_FIELDS, cursorText, readCursor, readFilter } from './payment-filter.ts'
import { CSV_HEAD, TABLE_HEAD, csvLine, jsonLine, tableLine } from './payment-lines.ts'
import { ask } from './pit-books.ts'

/** Payments that are printed when nothing else is said. */
const LIMIT = 100

/** Payments of one page. */
const PAGE_MAX = 100

export const FIND_USAGE = `Usage: pit find [filter] [options]
       pit find <beginning of an id>

Lists payments of the whole database, archived ones too, newest first: parked
ones by when they are due, others by when they were taken, accepted or
requested. Each page of the search is bounded work, beside a busy Pit too.

  --state <states>        parked, owned (an instance works on it), open (both),
                          rejected, settled; several with commas between
  --processor <name>      settled there; of others: charged there
  --amount-min <amount>   at least so much, such as 19.90
  --amount-max <amount>   at most so much
  --from, --to <instant>  requestedAt of settled ones, of others when they were
                          accepted; ISO instants with offset, both inclusive
  --older-than <time>     open, and accepted longer ago: 90s, 15m, 2h, 3d
  --attempts-min <count>  at least so many attempts
  --limit <count>         prints so many at most, ${LIMIT} when absent
  --cursor <text>         goes on from there; what is cut names it
  --csv, --json           as CSV, or a line of JSON for each
  --help                  shows this

Examples:
  pit find 4a7901b8
  pit find --state open --older-than 15m
  pit find --state settled --amount-min 1000 --limit 50000 --csv > large.csv

Environment: DATABASE_URL. Without it: that of the dev stack that runs on
DATA_DIR (.data).
Exit codes: 0 found; 1 nothing was found; 2 usage; 3 the database does not
answer.
`

type Form = 'table' | 'csv' | 'json'

export interface FindOptions extends PageRequest {
  readonly form: Form
}

/** Undefined where help is wanted. Throws `UsageError`. */
export function readFindOptions(args: readonly string[]): FindOptions | undefined {
  const { values, positionals } = parseFlags(args)
  if (values.help === true) return undefined
  if (values.csv === true && values.json === true) throw new UsageError('--csv or --json, not both')
  const [id, ...more] = positionals
  if (more.length > 0) throw new UsageError('pit find takes the beginning of one id')
  const fields = FILTER_FIELDS.filter((field) => field !== 'id').map(
    (field) => [field, values[flagOf(field)]] as const,
  )
  const read = readFilter({ ...Object.fromEntries(fields), ...(id === undefined ? {} : { id }) })
  if (read.kind === 'fault') {
    const who = read.field === 'id' ? 'an id' : `--${flagOf(read.field)}`
    throw new UsageError(`${who} ${read.takes}`)
  }
  const limit = readRate('limit', values.limit, LIMIT)
  const form = values.csv === true ? 'csv' : values.json === true ? 'json' : 'table'
  return { filter: read.filter, limit, form, ...readPlace(values.cursor) }
}

function readPlace(text: string | undefined): { readonly place?: PagePlace } {
  if (text === undefined) return {}
  const place = readCursor(text)
  if (place === undefined) throw new UsageError('--cursor is what an earlier search has named')
  return { place }
}

const FLAGS = {
  state: 'state',
  processor: 'processor',
  amountMin: 'amount-min',
  amountMax: 'amount-max',
  from: 'from',
  to: 'to',
  olderThan: 'older-than',
  attemptsMin: 'attempts-min',
} as const

function flagOf(field: keyof typeof FLAGS) {
  return FLAGS[field]
}

function parseFlags(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  return readArguments('pit find', {
    args: [...args],
    allowPositionals: true,
    options: {
      state: text,
      processor: text,
      'amount-min': text,
      'amount-max': text,
      from: text,
      to: text,
      'older-than': text,
      'attempts-min': text,
      limit: text,
      cursor: text,
      csv: flag,
      json: flag,
      help: flag,
    },
  })
}

export interface FindTool {
  readonly finder: PaymentFinder
  readonly write: (text: string) => void
  /** For people: what stands in no file. */
  readonly note: (line: string) => void
  /** How far a search has come that finds little. */
  readonly progress: (line: string) => void
}

const HEADS: Readonly<Record<Form, string>> = { table: `${TABLE_HEAD}\n`, csv: CSV_HEAD, json: '' }

const LINES = {
  table: (payment: Parameters<typeof tableLine>[0]) => `${tableLine(payment)}\n`,
  csv: csvLine,
  json: jsonLine,
} as const

/** The exit code. Rejects with `BooksUnreachable`. */
export async function runFind({ form, ...options }: FindOptions, tool: FindTool): Promise<number> {
  const { filter, limit } = options
  let { place } = options
  let printed = 0
  for (;;) {
    const at = place === undefined ? {} : { place }
    const request = { filter, limit: Math.min(limit - printed, PAGE_MAX), ...at }
    const { payments, older, lookedUntil } = await ask(tool.finder.find(request))
    const head = printed === 0 && (payments.length > 0 || form === 'csv') ? HEADS[form] : ''
    tool.write(head + payments.map(LINES[form]).join(''))
    printed += payments.length
    place = older
    if (place === undefined || printed >= limit) break
    if (lookedUntil !== undefined) tool.progress(`looked back to ${printInstant(lookedUntil)}`)
  }
  if (printed === 0) tool.note('no payment was found')
  if (place !== undefined) {
    tool.note(`there may be more: --limit prints more, --cursor ${cursorText(place)} goes on`)
  }
  return printed === 0 ? EXIT_DIFFERENT : EXIT_FINE
}
