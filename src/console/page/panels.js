// The lower cards: instances, books, news.

import { amount, byId, clockTime, count, element, show, sum } from './format.js'

const STATE_TONES = { accepting: 'good', starting: 'warn', stopped: 'bad' }

export function showInstances(instances) {
  const rows = instances.map((instance) => ({
    id: instance.instanceId,
    state: instance.state,
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

function instanceRow({ id, state, numbers, startedAt }) {
  const chip = element('span', { class: 'chip', 'data-tone': STATE_TONES[state] ?? 'warn' }, state)
  return [id, chip, ...numbers, clockTime(startedAt)]
}

export function showBooks({ books, tellsBooks }) {
  const node = byId('books')
  if (books === null || books.ours === undefined) {
    show(node, 'none', () => element('p', { class: 'empty' }, 'the database does not answer'))
    return
  }
  byId('books-note').textContent = `${sinceOf(books)}until ${clockTime(books.to)}`
  const rows = ['default', 'fallback'].map((name) => bookRow(name, books))
  const heads = ['', 'ours', 'amount', 'theirs', 'amount', '']
  const hint = tellsBooks ? [] : [element('p', { class: 'empty' }, NO_TOKEN)]
  const key = JSON.stringify([books.ours, books.theirs, tellsBooks])
  show(node, key, () => [table(heads, rows), ...hint])
}

/** The processors may have been started with us: before that there is nothing to compare. */
function sinceOf({ from, to }) {
  return to - from < DAYS_MS ? `from ${clockTime(from)} ` : 'all payments '
}

const DAYS_MS = 1000 * 86_400_000

const NO_TOKEN = 'Set PROCESSOR_TOKEN to see the processors’ books beside ours.'

function bookRow(name, { ours, theirs }) {
  const own = ours[name]
  const their = theirs[name]
  const row = [name, count(own.payments), amount(own.cents)]
  if (their === undefined) return [...row, '–', '–', '']
  const agrees = own.payments === their.payments && own.cents === their.cents
  const text = agrees ? 'agree' : `differ by ${count(Math.abs(own.payments - their.payments))}`
  const chip = element('span', { class: 'chip', 'data-tone': agrees ? 'good' : 'bad' }, text)
  return [...row, count(their.payments), amount(their.cents), chip]
}

export function showNews(news, instanceId) {
  byId('news-note').textContent = `on ${instanceId}`
  if (news.length === 0) return
  const key = String(news.at(-1).number)
  show(byId('news'), key, () => news.toReversed().map(newsLine))
}

function newsLine({ at, text, tone }) {
  const time = element('time', {}, clockTime(at))
  return element('li', {}, time, element('span', { 'data-tone': tone }, text))
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
