// The lower cards: instances, books, events.

import { amount, byId, clockTime, count, element, show, sum } from './format.js'
import { whatHappened } from './outages.js'

const STATE_TONES = { accepting: 'good', starting: 'warn', stopped: 'bad' }

export function showInstances(instances) {
  const rows = instances.map((instance) => ({
    id: instance.instanceId,
    state: instance.state,
    notReady: instance.notReady,
    startedAt: instance.startedAt,
    numbers: [
      instance.accepted,
      instance.processors.default.settled + instance.processors.fallback.settled,
      instance.gauges.ready + sum(Object.values(instance.gauges.byState)),
    ].map(count),
  }))
  const heads = ['instance', 'state', 'accepted', 'settled', 'in memory', 'since']
  show(byId('instances'), JSON.stringify(rows), () => table(heads, rows.map(instanceRow)))
}

function instanceRow({ id, numbers, startedAt, ...standing }) {
  return [id, standingOf(standing), ...numbers, clockTime(startedAt)]
}

/** One that takes no payments by its own state says so by that. */
function standingOf({ state, notReady }) {
  if (state !== 'accepting' || notReady === undefined)
    return chip(state, STATE_TONES[state] ?? 'warn')
  const cause = element('span', { class: 'note' }, ` ${notReady}`)
  return element('span', { title: notReady }, chip('not ready', 'bad'), cause)
}

export function showBooks({ books, hasProcessorBooks, inDoubt, notReady }) {
  const node = byId('books')
  if (books === null || books.ours === undefined) {
    const why = books === null ? 'not read yet' : 'our books could not be read'
    const text = notReady === undefined ? why : `${why}: ${notReady}`
    show(node, text, () => element('p', { class: 'empty' }, text))
    return
  }
  byId('books-note').textContent = `${sinceOf(books)}until ${clockTime(books.to)}`
  const hint = hasProcessorBooks ? [] : [element('p', { class: 'empty' }, NO_TOKEN)]
  const { ours, theirs, rows } = books
  const key = JSON.stringify([ours, theirs, rows, hasProcessorBooks, inDoubt > 0])
  show(node, key, () => [table(['', ...PROCESSORS], bookRows(books, inDoubt)), ...hint])
}

const PROCESSORS = ['default', 'fallback']

/** Processors that Pit started itself have no books from before: then the window has a start. */
function sinceOf({ from, to }) {
  return to - from < DAYS_MS ? `from ${clockTime(from)} ` : 'all payments '
}

const DAYS_MS = 1000 * 86_400_000

const NO_TOKEN = 'Set PROCESSOR_TOKEN to see the processors’ books beside ours.'

function bookRows({ ours, theirs, rows }, inDoubt) {
  const row = (title, read) => [title, ...PROCESSORS.map(read)]
  const told = (name, write) => (theirs[name] === undefined ? '–' : write(theirs[name]))
  return [
    row('our payments', (name) => count(ours[name].payments)),
    row('theirs', (name) => told(name, ({ payments }) => count(payments))),
    row('our amount', (name) => amount(ours[name].cents)),
    row('theirs', (name) => told(name, ({ cents }) => amount(cents))),
    row('our rows', (name) => ROWS[stateOf(rows, name, ours[name])].text(rows, name)),
    row('', (name) => told(name, (their) => verdict(ours[name], their, { inDoubt, rows, name }))),
  ]
}

/** Totals are what is shown: they may be right while the row of a payment is gone or altered. */
const ROWS = {
  agree: { text: ({ from }) => `add up from ${clockTime(from)}`, chip: ['agree', 'good'] },
  differ: {
    text: ({ differing }, name) => `${count(differing[name])} totals differ`,
    chip: ['rows differ', 'bad'],
  },
  unknown: { text: () => 'being compared', chip: ['sums agree', 'warn'] },
  none: { text: () => '–', chip: ['agree', 'good'] },
}

function stateOf(rows, name, own) {
  if (rows === undefined) return own?.payments === 0 ? 'none' : 'unknown'
  if (rows.differing[name] > 0) return 'differ'
  return rows.until === null ? 'agree' : 'unknown'
}

/** A payment in doubt may be in the processor's books already, and not yet in ours. */
function verdict(own, their, { inDoubt, rows, name }) {
  const payments = their.payments - own.payments
  if (payments === 0 && own.cents === their.cents) {
    const state = stateOf(rows, name, own)
    const [text, tone] = ROWS[state].chip
    return state === 'differ' ? differing(name, text, tone) : chip(text, tone)
  }
  const isExplained = payments > 0 && inDoubt > 0
  const text = `differ by ${count(Math.abs(payments))}`
  return isExplained
    ? differing(name, `${text}, some in doubt`, 'doubt')
    : differing(name, text, 'bad')
}

/** Leads to the payments. */
function differing(name, text, tone) {
  const title = 'lists the payments that differ'
  return element('a', { class: 'chip', href: `#/books/${name}`, 'data-tone': tone, title }, text)
}

/** Whether a processor's books or our own rows say otherwise, and no payment in doubt explains it. */
export function booksDiffer(books, inDoubt) {
  if (books?.ours === undefined) return false
  const { ours, theirs, rows } = books
  return PROCESSORS.some((name) => {
    if (stateOf(rows, name, ours[name]) === 'differ') return true
    const their = theirs[name]
    if (their === undefined) return false
    const isSame = their.payments === ours[name].payments && their.cents === ours[name].cents
    return !isSame && !(their.payments > ours[name].payments && inDoubt > 0)
  })
}

function chip(text, tone) {
  return element('span', { class: 'chip', 'data-tone': tone }, text)
}

export function showEvents({ events, outages, instanceId }) {
  byId('events-note').textContent = `outages at all instances; else on ${instanceId}`
  if (events.length + outages.length === 0) return
  const key = JSON.stringify([events.at(-1)?.number, outages])
  show(byId('events'), key, () => whatHappened(outages, events))
}

function table(heads, rows) {
  const cells = (name, row) => row.map((cell) => element(name, {}, cell))
  return element(
    'table',
    {},
    element('thead', {}, element('tr', {}, ...cells('th', heads))),
    element('tbody', {}, ...rows.map((row) => element('tr', {}, ...cells('td', row)))),
  )
}
