// The view of all payments: a filter as a form that writes the address, and a table of those that
// fit, page by page.

import { byId, clockTime, count, element } from './format.js'
import { handsOnAll } from './hands.js'
import { paymentTable } from './payment-table.js'
import { goTo } from './routes.js'

const PAGE = 50

/** Searches that follow each other by themselves while they find little: a few seconds of them. */
const STEPS_MAX = 400

/** What the table shows is of this search; a later one ends it. */
let search

/** Whether the next search gives the first payment that it finds the focus. */
let goesToFirst = false

export function openPayments() {
  const form = byId('filter')
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const hash = addressOf(fieldsOf(form))
    if (hash === location.hash) showPayments(hash.split('?')[1] ?? '')
    else goTo(hash)
  })
  form.addEventListener('reset', (event) => {
    event.preventDefault()
    goTo('#/payments')
  })
}

/** Shows the payments whose ids begin so, and goes to the first of them. */
export function findByBeginning(id) {
  goesToFirst = true
  const hash = addressOf({ id })
  if (hash === location.hash) showPayments(hash.split('?')[1])
  else goTo(hash)
}

/** Shows those that a query asks for; undefined: the view was left. */
export function showPayments(query) {
  search = undefined
  if (query === undefined) return
  const fields = Object.fromEntries(new URLSearchParams(query.replaceAll('+', '%2B')))
  fillForm(byId('filter'), fields)
  search = { fields, payments: [], steps: 0, newer: undefined, older: undefined, goesToFirst }
  goesToFirst = false
  byId('found').replaceChildren()
  byId('found-links').replaceChildren()
  void run(search)
}

async function run(own) {
  const isNewer = own.fields.cursor?.startsWith('newer_')
  const [onwards, backwards] = isNewer ? ['newer', 'older'] : ['older', 'newer']
  let cursor = own.fields.cursor
  for (;;) {
    say('looking…', own)
    const page = await read({ ...own.fields, cursor, limit: PAGE - own.payments.length })
    if (own !== search) return
    if (page.fault !== undefined) return fail(page.fault)
    const { payments } = page
    own.payments = isNewer ? [...payments, ...own.payments] : [...own.payments, ...payments]
    if (own.steps === 0) own[backwards] = page[backwards]
    own[onwards] = page[onwards]
    own.steps += 1
    own.lookedUntil = page.lookedUntil
    draw(own)
    focusFirst(own)
    cursor = page[onwards]
    const isDone = page.lookedUntil === undefined || own.payments.length >= PAGE
    if (isDone || cursor === undefined || own.steps >= STEPS_MAX) return say(verdictOf(own), own)
  }
}

async function read(fields) {
  try {
    const answer = await fetch(`/console/payments?${queryOf(fields)}`)
    const body = await answer.json()
    return answer.ok ? body : { fault: body.detail }
  } catch {
    return { fault: 'Pit does not answer.' }
  }
}

/** Only from the field that asked: whoever is elsewhere by now stays there. */
function focusFirst(own) {
  const first = byId('found').querySelector('[data-payment]')
  if (!own.goesToFirst || first === null) return
  own.goesToFirst = false
  if (document.activeElement === byId('find-id')) first.focus()
}

function fail(fault) {
  byId('found-note').textContent = fault
}

/** How far a search has come that finds little. */
function say(text, { payments, lookedUntil }) {
  const until = lookedUntil === undefined ? '' : `, looked as far as ${clockTime(lookedUntil)}`
  const found = payments.length === 1 ? '1 payment' : `${count(payments.length)} payments`
  byId('found-note').textContent = `${text} ${found}${until}`.trim()
}

function verdictOf({ lookedUntil, older, payments }) {
  if (lookedUntil !== undefined && older !== undefined) return 'There may be more, further back:'
  return payments.length === 0 ? 'Nothing fits:' : ''
}

function draw({ fields, payments, newer, older, lookedUntil }) {
  const table = payments.length === 0 ? [] : [paymentTable(payments, 'Payments that fit')]
  byId('found').replaceChildren(...table)
  const { cursor, ...filter } = fields
  const page = (text, fresh) =>
    fresh === undefined ? undefined : link(text, addressOf({ ...filter, cursor: fresh }))
  const onwards = lookedUntil === undefined ? 'older →' : 'look further back →'
  const links = [
    cursor === undefined ? undefined : link('newest', addressOf(filter)),
    page('← newer', newer),
    page(onwards, older),
    link(
      'CSV',
      `/console/payments?${queryOf({ ...filter, cursor: csvCursor(fields, newer), format: 'csv' })}`,
      'payments.csv',
    ),
  ]
  const hands = payments.length === 0 ? [] : handsOnAll(fields)
  byId('found-links').replaceChildren(...links.filter((each) => each !== undefined), ...hands)
}

/** Where a CSV begins with the first payment that is shown; absent: with the newest. */
function csvCursor({ cursor, id }, newer) {
  if (cursor === undefined || cursor.startsWith('older_')) return cursor
  if (newer === undefined || id !== undefined) return undefined
  const [, atUs] = newer.split('_')
  return `older_${Number(atUs) + 1}_00000000-0000-0000-0000-000000000000`
}

function link(text, href, download) {
  return element('a', { href, download, class: 'quiet' }, text)
}

function addressOf(fields) {
  const query = queryOf(fields)
  return query === '' ? '#/payments' : `#/payments?${query}`
}

/** Without the fields that are empty. */
function queryOf(fields) {
  const set = Object.entries(fields).filter(([, text]) => text !== undefined && text !== '')
  return new URLSearchParams(set).toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
}

const STATES = ['parked', 'owned', 'rejected', 'settled']
const PLAIN = ['processor', 'amountMin', 'amountMax', 'olderThan', 'attemptsMin', 'id']
const INSTANTS = ['from', 'to']

function fieldsOf(form) {
  const { elements } = form
  const states = STATES.filter((state) => elements[`state-${state}`].checked)
  const plain = PLAIN.map((name) => [name, elements[name].value.trim()])
  const instants = INSTANTS.map((name) => [name, isoOf(elements[name].value)])
  return { state: states.join(','), ...Object.fromEntries([...plain, ...instants]) }
}

function fillForm({ elements }, fields) {
  const states = (fields.state ?? '').replace('open', 'parked,owned').split(',')
  for (const state of STATES) elements[`state-${state}`].checked = states.includes(state)
  for (const name of PLAIN) elements[name].value = fields[name] ?? ''
  for (const name of INSTANTS) elements[name].value = localOf(fields[name])
}

/** From the time of day here, as the form has it, to an instant. */
function isoOf(local) {
  return local === '' ? '' : new Date(local).toISOString()
}

function localOf(instant) {
  const at = new Date(instant ?? '')
  if (Number.isNaN(at.getTime())) return ''
  const here = new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  return here.toISOString().slice(0, -1)
}
