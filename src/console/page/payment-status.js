// One payment told: what became of it, each attempt with its reason, and who said what to whom.

import { amount, clockTime, duration, element } from './format.js'
import { sequenceOf } from './sequence.js'

const STATE_TONES = { settled: 'good', rejected: 'bad', confirming: 'doubt' }
const OUTCOME_TONES = {
  settled: 'good',
  known: 'good',
  refused: 'warn',
  failed: 'warn',
  inDoubt: 'doubt',
  rejected: 'bad',
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
  cheaperBusy: 'the cheaper one has no room and the payment has waited long enough',
  cheaperRefused: 'the cheaper one has just refused this payment',
  resend: 'in doubt there: the same request again, with the same requestedAt',
  waitingForCheaper: 'young enough to wait for the cheaper one',
  noneAvailable: 'both circuits are open or full',
}

export function statusOf({ paymentStatus, messages, inspected }) {
  return [
    element('p', { class: 'mono' }, paymentStatus.correlationId),
    element('dl', { class: 'story' }, ...factsOf(paymentStatus)),
    element('h3', {}, 'Attempts'),
    attemptsOf(paymentStatus),
    element('h3', {}, 'Messages between actors'),
    messages === null ? whyNone(inspected) : sequenceOf(messages),
  ]
}

const WAITS = {
  route: 'a processor that may be charged',
  lookUp: 'the next question to the processor that it is in doubt at',
  backoff: 'the next quick try',
  retryQueue: 'its turn in the retry queue, once a circuit lets it through',
  owner: 'the instance that works on it',
}

function factsOf({ state, amountCents, acceptedAt, processor, requestedAt, ...rest }) {
  const { waitsFor, dueInMs, ownedBy, unknownOutcomes } = rest
  const chip = element('span', { class: 'chip', 'data-tone': STATE_TONES[state] }, state)
  const facts = [
    ['state', chip],
    ['amount', amount(amountCents)],
    ['accepted', clockTime(acceptedAt, 'exact')],
    ['settled at', processor],
    ['requestedAt', requestedAt === undefined ? undefined : clockTime(requestedAt, 'exact')],
    ['waits for', WAITS[waitsFor] ?? waitsFor],
    ['until', dueInMs === undefined ? undefined : dueWords(dueInMs)],
    ['worked on by', ownedBy],
    [
      'in doubt at',
      unknownOutcomes === undefined ? undefined : unknownOutcomes.map(doubtWords).join('; '),
    ],
  ]
  return facts
    .filter(([, value]) => value !== undefined)
    .map(([title, value]) => element('div', {}, element('dt', {}, title), element('dd', {}, value)))
}

function dueWords(ms) {
  return ms > 0 ? `${clockTime(Date.now() + ms)}, in ${duration(ms)}` : 'now'
}

function doubtWords({ processor, remainingMs }) {
  const yet = remainingMs > 0 ? `for ${duration(remainingMs)} yet` : 'no longer open'
  return `${processor}, ${yet}`
}

function attemptsOf({ attempts }) {
  if (attempts.length === 0) return element('p', { class: 'empty' }, 'It was not sent yet.')
  return element('ol', { class: 'attempts' }, ...attempts.map(attempt))
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

function whyNone(inspected) {
  const text = inspected
    ? 'This payment was not recorded: only a sample is, beginning when a console is open.'
    : 'Start Pit with INSPECT=1 to record them.'
  return element('p', { class: 'empty' }, text)
}
