// One payment as `GET /payments/{id}` tells it, in words.

import type {
  AttemptOutcome,
  PaymentState,
  RouteReason,
  WaitReason,
} from '../actors/model/payment.ts'
import { asFields, type Fields } from './ask-pit.ts'
import { escaped } from '../operator/free-text.ts'

/** A line for each thing that is known, then the attempts as a table. */
export function describePayment(payment: Fields): string {
  const lines = [
    ['payment', textOf(payment['correlationId'])],
    ['amount', amountOf(payment['amount'])],
    ['state', describeState(payment)],
    ['accepted at', textOf(payment['acceptedAt'])],
    ['requested at', textOf(payment['requestedAt'])],
    ['waits for', describeWait(payment)],
    ['in work at', textOf(payment['ownedBy'])],
    ...listOf(payment['doubts']).map((doubt) => ['in doubt at', describeDoubt(doubt)]),
  ]
  const known = lines.filter(([, value]) => value !== '')
  const shown = known.map(([label = '', value]) => `${label.padEnd(LABEL_WIDTH)}${value}\n`)
  return `${shown.join('')}\n${attemptsOf(payment)}`
}

/** The state in a few words: `settled by default`. */
export function describeState(payment: Fields): string {
  const state = textOf(payment['state'])
  const words = Object.hasOwn(STATES, state) ? STATES[state as PaymentState] : state
  return [words, textOf(payment['processor'])].filter((each) => each !== '').join(' by ')
}

const LABEL_WIDTH = 14

const STATES: Readonly<Record<PaymentState, string>> = {
  pending: 'pending',
  tryingDefault: 'trying default',
  tryingFallback: 'trying fallback',
  confirming: 'confirming',
  retry: 'waiting for the next try',
  settled: 'settled',
  rejected: 'rejected',
  parked: 'parked',
}

const WAITS: Readonly<Record<WaitReason, string>> = {
  route: 'a slot, and a processor that may be charged',
  lookUp: 'the answer of the processor that it is in doubt at',
  backoff: 'the next quick try',
  retryQueue: 'its turn in the retry queue, and a processor that may be charged',
  owner: 'the instance that works on it, which knows more',
}

const PARKED_IN_DOUBT =
  'its turn in the retry queue, and then the answer of the processor that it is in doubt at'

function describeWait(payment: Fields): string {
  const reason = textOf(payment['waitsFor'])
  const isInDoubt = listOf(payment['doubts']).length > 0
  const known = Object.hasOwn(WAITS, reason) ? WAITS[reason as WaitReason] : reason
  const words = reason === 'retryQueue' && isInDoubt ? PARKED_IN_DOUBT : known
  const due = payment['dueInMs']
  if (typeof due !== 'number') return words
  return `${words} (${due > 0 ? `due in ${seconds(due)}` : 'due'})`
}

function describeDoubt(doubt: Fields): string {
  const sent = textOf(doubt['requestedAt'])
  const remaining = doubt['remainingMs']
  const left = typeof remaining === 'number' ? remaining : 0
  const until =
    left > 0 ? `may be recorded for ${seconds(left)} yet` : 'cannot be recorded any more'
  const parts = [sent === '' ? 'sent at an unknown instant' : `sent ${sent}`, until]
  return `${textOf(doubt['processor'])}: ${[...parts, ...contradictionOf(doubt)].join(', ')}`
}

const REASONS: Readonly<Record<RouteReason, string>> = {
  cheaper: 'cheaper',
  cheaperOpen: 'cheaper is down',
  cheaperSlow: 'cheaper is slow',
  cheaperBusy: 'cheaper is full',
  cheaperRefused: 'cheaper refused',
  cheaperDenied: 'cheaper denied',
  resend: 'sent again',
  waitingForCheaper: 'waits for cheaper',
  noneAvailable: 'none is available',
}

const OUTCOMES: Readonly<Record<AttemptOutcome, string>> = {
  other: 'other',
  inFlight: 'in flight',
  settled: 'settled',
  refused: 'refused',
  failed: 'failed',
  known: 'known',
  inDoubt: 'in doubt',
  denied: 'denied',
}

const HEADINGS = ['#', 'processor', 'requested at', 'because', 'outcome', 'took', 'said']

function attemptsOf(payment: Fields): string {
  if (payment['reduced'] === true) return 'its attempts are no longer kept\n'
  const attempts = listOf(payment['attempts'])
  const owner = textOf(payment['attemptsKnownTo'])
  const more =
    owner === '' ? 'are not known here' : `are known to instance ${owner} only: ask there`
  const isElsewhere = owner !== '' || payment['waitsFor'] === 'owner'
  if (attempts.length === 0) {
    return isElsewhere ? `its attempts ${more}\n` : 'no attempt was made yet\n'
  }
  return tableOf(attempts) + (isElsewhere ? `its attempts since then ${more}\n` : '')
}

function tableOf(attempts: readonly Fields[]): string {
  const rows = [HEADINGS, ...attempts.map(attemptRow)]
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => lengthOf(row[column]))))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

function attemptRow(attempt: Fields, index: number): readonly string[] {
  const [reason, outcome] = [textOf(attempt['reason']), textOf(attempt['outcome'])]
  const took = attempt['tookMs']
  return [
    String(index + 1),
    textOf(attempt['processor']),
    // The day stands above.
    textOf(attempt['requestedAt']).replace(/^.*T/, ''),
    Object.hasOwn(REASONS, reason) ? REASONS[reason as RouteReason] : reason,
    Object.hasOwn(OUTCOMES, outcome) ? OUTCOMES[outcome as AttemptOutcome] : outcome,
    typeof took === 'number' && outcome !== 'inFlight' ? `${took.toFixed(1)} ms` : '',
    [textOf(attempt['detail']), ...contradictionOf(attempt)]
      .filter((each) => each !== '')
      .join('; '),
  ]
}

function contradictionOf(told: Fields): readonly string[] {
  const contradiction = asFields(told['contradiction'])
  return contradiction === undefined ? [] : [`contradicted: ${textOf(contradiction['kind'])}`]
}

function listOf(value: unknown): readonly Fields[] {
  if (!Array.isArray(value)) return []
  return value.map(asFields).filter((each) => each !== undefined)
}

function amountOf(value: unknown): string {
  return typeof value === 'number' ? value.toFixed(2) : ''
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? escaped(value) : ''
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function lengthOf(cell: string | undefined): number {
  return cell?.length ?? 0
}
