// The status of one payment: its facts, each attempt with its reason, and the messages between
// actors as a ladder: a column for each actor, a row with an arrow for each message.

import { amount, clockTime, duration, element } from './format.js'
import { handsOn } from './hands.js'

const STATE_TONES = { settled: 'good', rejected: 'bad', confirming: 'doubt' }
const OUTCOME_TONES = {
  settled: 'good',
  known: 'good',
  refused: 'warn',
  failed: 'warn',
  inDoubt: 'doubt',
  denied: 'bad',
}

const OUTCOMES = {
  inFlight: 'under way',
  inDoubt: 'in doubt',
  known: 'known there already',
}

const REASONS = {
  cheaper: 'the cheaper one is up and fast enough',
  cheaperOpen: 'the cheaper one’s circuit is open and the payment has waited long enough',
  cheaperSlow: 'the cheaper one answers so slowly that the dearer one is worth its fee',
  cheaperBusy: 'the cheaper one is at its limit and the payment has waited long enough',
  cheaperRefused: 'the cheaper one has just refused this payment',
  cheaperDenied: 'the cheaper one has denied this payment',
  resend: 'its outcome there is unknown: the same request again, with the same requestedAt',
  waitingForCheaper: 'young enough to wait for the cheaper one',
  noneAvailable: 'both circuits are open or full',
}

export function statusOf({ paymentStatus, messages, inspects }) {
  return [
    element('p', { class: 'mono' }, paymentStatus.correlationId),
    element('dl', { class: 'status' }, ...factsOf(paymentStatus)),
    handsOn(paymentStatus),
    element('h3', {}, 'Attempts'),
    ...attemptsOf(paymentStatus),
    element('h3', {}, 'Messages between actors'),
    messages === null ? whyNone(inspects) : sequenceOf(messages),
  ].filter((part) => part !== undefined)
}

const WAITS = {
  route: 'a processor that may be charged',
  lookUp: 'the next look-up at the processor where its outcome is unknown',
  backoff: 'the next quick try',
  retryQueue: 'its turn in the retry queue, once a circuit lets it through',
  owner: 'the instance that works on it',
}

const PARKED_IN_DOUBT =
  'its turn in the retry queue, and then a look-up at the processor where its outcome is unknown'

function waitWords({ waitsFor, unknownOutcomes }) {
  if (waitsFor === 'retryQueue' && unknownOutcomes !== undefined) return PARKED_IN_DOUBT
  return WAITS[waitsFor] ?? waitsFor
}

function factsOf({ state, amountCents, acceptedAt, processor, requestedAt, ...rest }) {
  const { dueInMs, ownedBy, unknownOutcomes } = rest
  const chip = element('span', { class: 'chip', 'data-tone': STATE_TONES[state] }, state)
  const facts = [
    ['state', chip],
    ['amount', amount(amountCents)],
    ['accepted', acceptedAt === undefined ? undefined : clockTime(acceptedAt, 'exact')],
    ['settled at', processor],
    ['requestedAt', requestedAt === undefined ? undefined : clockTime(requestedAt, 'exact')],
    ['waits for', waitWords(rest)],
    ['until', dueInMs === undefined ? undefined : dueWords(dueInMs)],
    ['worked on by', ownedBy],
    [
      'in doubt at',
      unknownOutcomes === undefined
        ? undefined
        : unknownOutcomes.map(unknownOutcomeText).join('; '),
    ],
  ]
  return facts
    .filter(([, value]) => value !== undefined)
    .map(([title, value]) => element('div', {}, element('dt', {}, title), element('dd', {}, value)))
}

function dueWords(ms) {
  return ms > 0 ? `${clockTime(Date.now() + ms)}, in ${duration(ms)}` : 'now'
}

function unknownOutcomeText({ processor, remainingMs, contradiction }) {
  const yet =
    remainingMs > 0
      ? `may be recorded for another ${duration(remainingMs)}`
      : 'a charge there cannot be recorded any more'
  const wrong = contradiction === undefined ? '' : `, contradicted by its ${contradiction.kind}`
  return `${processor}, ${yet}${wrong}`
}

function attemptsOf({ attempts, ...payment }) {
  const listed = element('ol', { class: 'attempts' }, ...attempts.map(attempt))
  const words = whyMore(payment, attempts)
  const note = words === undefined ? undefined : element('p', { class: 'empty' }, words)
  return [attempts.length === 0 ? undefined : listed, note]
}

function whyMore({ reduced, waitsFor, attemptsKnownTo }, attempts) {
  if (reduced) return 'They are no longer kept.'
  if (attemptsKnownTo !== undefined) {
    return `What instance ${attemptsKnownTo} has attempted is known there only: ask it.`
  }
  if (waitsFor === 'owner') return 'What its instance has attempted is not known here.'
  return attempts.length === 0 ? 'It has not been sent yet.' : undefined
}

function attempt({ processor, requestedAt, reason, outcome, tookMs, detail }, index) {
  const words = OUTCOMES[outcome] ?? outcome
  const line = element(
    'div',
    { class: 'line' },
    element('b', {}, `${index + 1}. ${processor}`),
    element('span', { class: 'chip', 'data-tone': OUTCOME_TONES[outcome] }, words),
    element('span', { class: 'mono' }, clockTime(requestedAt, 'exact')),
    outcome === 'inFlight' ? undefined : element('span', {}, `took ${duration(tookMs)}`),
    detail === undefined ? undefined : element('span', { class: 'mono' }, detail),
  )
  const why = element('p', { class: 'why' }, `chosen because ${REASONS[reason] ?? reason}`)
  return element('li', { 'data-name': processor }, line, why)
}

function whyNone(inspects) {
  const text = inspects
    ? 'Not recorded: no console was open then, or it is outside of the sample (INSPECT_SAMPLE).'
    : 'Start Pit with INSPECT=1 to record them.'
  return element('p', { class: 'empty' }, text)
}

function sequenceOf(messages) {
  const actors = [...new Set(messages.flatMap(({ from, to }) => [from, to]))]
  const grid = element('div', { class: 'sequence', style: `--actors: ${actors.length}` })
  grid.append(element('div', { class: 'at head' }, 'ms'))
  for (const [index, name] of actors.entries()) {
    const column = `grid-column: ${index + 2}`
    grid.append(
      element('div', { class: 'actor', style: `${column}; grid-row: 1` }, name),
      element('div', {
        class: 'lifeline',
        style: `${column}; grid-row: 2 / ${messages.length + 2}`,
        'aria-hidden': 'true',
      }),
    )
  }
  for (const [index, message] of messages.entries())
    grid.append(...rowOf(message, index + 2, actors))
  return element('div', { class: 'scroll' }, grid)
}

function rowOf({ atMs, from, to, event, state }, row, actors) {
  const [a, b] = [actors.indexOf(from), actors.indexOf(to)]
  const left = Math.min(a, b)
  const span = Math.abs(a - b) + 1
  const direction = a === b ? 'self' : a < b ? '' : 'back'
  const chip =
    state === undefined ? undefined : element('span', { class: 'chip', 'data-tone': 'good' }, state)
  const style = `grid-row: ${row}; grid-column: ${left + 2} / span ${span}; --span: ${span}`
  return [
    element('div', { class: 'at', style: `grid-row: ${row}` }, atMs.toFixed(1)),
    element(
      'div',
      { class: `message ${direction}`, style, 'aria-label': `${from} to ${to}: ${event}` },
      element('b', {}, event),
      chip,
    ),
  ]
}
