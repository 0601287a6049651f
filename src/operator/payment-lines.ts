// Payments that were found, as lines: of a CSV file, of JSON, of a table on a terminal.

import type { FoundPayment } from '../actors/model/found-payments.ts'
import { printCents, printInstant } from './command-line.ts'
import { escaped, escapedLines } from './free-text.ts'

const COLUMNS = [
  'id',
  'state',
  'amount',
  'processor',
  'accepted_at',
  'requested_at',
  'due_at',
  'owned_by',
  'in_doubt_at',
  'attempts',
] as const

/** The first line of a CSV file. */
export const CSV_HEAD = `${COLUMNS.join(',')}\n`

/** Instants are ISO, UTC; what is not known is empty. */
export function csvLine(payment: FoundPayment): string {
  return `${cellsOf(payment).map(csvCell).join(',')}\n`
}

/** The same as an object of the same names. */
export function jsonLine(payment: FoundPayment): string {
  const cells = cellsOf(payment)
  const entries = COLUMNS.map((name, column) => [name, cells[column] ?? ''] as const)
  const known = Object.fromEntries(entries.filter(([, cell]) => cell !== ''))
  return `${escaped(JSON.stringify(known))}\n`
}

/** A line of a table, without its end. */
export function tableLine(payment: FoundPayment): string {
  const { correlationId, state, acceptedAt, requestedAt, dueAt, processor } = payment
  const when = state === 'parked' ? dueAt : (requestedAt ?? acceptedAt)
  const cells = [
    correlationId,
    amountOf(payment).padStart(14),
    state.padEnd(8),
    instantText(when).padEnd(24),
    attemptsText(payment).padStart(3),
    [processor, payment.ownedBy, ...payment.inDoubtAt.map((name) => `in doubt at ${name}`)]
      .filter((each) => each !== undefined)
      .join(', '),
  ]
  return escaped(cells.join('  ').trimEnd())
}

export const TABLE_HEAD = [
  'id'.padEnd(36),
  'amount'.padStart(14),
  'state'.padEnd(8),
  'requested, accepted, due'.padEnd(24),
  'att',
  'where',
].join('  ')

function cellsOf(payment: FoundPayment): readonly string[] {
  const { correlationId, state, processor, acceptedAt, requestedAt, dueAt, ownedBy } = payment
  return [
    correlationId,
    state,
    amountOf(payment),
    processor ?? '',
    instantText(acceptedAt),
    instantText(requestedAt),
    instantText(dueAt),
    ownedBy ?? '',
    payment.inDoubtAt.join(' '),
    String(payment.attempts ?? ''),
  ]
}

function amountOf({ amountCents }: FoundPayment): string {
  return printCents(BigInt(Math.round(amountCents)))
}

/** An owned one may have more, which its instance alone knows. */
function attemptsText({ state, attempts }: FoundPayment): string {
  return attempts === undefined ? '?' : `${attempts}${state === 'owned' ? '+' : ''}`
}

function instantText(at: number | undefined): string {
  return at === undefined ? '' : printInstant(Math.floor(at))
}

/** The name of an instance is whatever its operator chose: no cell may be taken for a formula. */
function csvCell(cell: string): string {
  const plain = escapedLines(cell)
  const safe = /^[=+\-@]/.test(plain) ? `'${plain}` : plain
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
