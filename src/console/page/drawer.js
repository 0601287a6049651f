// The sheet on the right: the payments in a state, or the status of one; kept up to date while
// open. What it shows is in the address.

import { differingTopic } from './books.js'
import { byId, element } from './format.js'
import { handsOnAll } from './hands.js'
import { linkTo, paymentTable, renewRows } from './payment-table.js'
import { statusOf } from './payment-status.js'
import { addressOfPayment, closeSheets, goTo } from './routes.js'

const REFRESH_MS = 1_000

let shown

export function openDrawer() {
  const drawer = byId('drawer')
  byId('drawer-close').addEventListener('click', leave)
  byId('drawer-back').addEventListener('click', () => history.back())
  drawer.addEventListener('click', (event) => {
    // A click on the backdrop is one on the dialog itself.
    if (event.target === drawer) leave()
  })
  drawer.addEventListener('cancel', (event) => {
    event.preventDefault()
    leave()
  })
  drawer.addEventListener('close', () => {
    // A browser lets nobody prevent it a second time.
    if (shown !== undefined) leave()
  })
  setInterval(() => {
    if (shown !== undefined && !document.hidden) void refresh(shown)
  }, REFRESH_MS)
}

/** At once: the address follows, and shows the same. */
function leave() {
  showSheet(undefined)
  closeSheets()
}

export function listState(state) {
  goTo(`#/states/${state}`)
}

export function openPayment(correlationId) {
  goTo(addressOfPayment(correlationId))
}

/** Shows what the address says, or nothing; focus goes in with it, and out to where it came from. */
export function showSheet(route) {
  const drawer = byId('drawer')
  if (route === undefined) {
    const last = shown
    shown = undefined
    drawer.close()
    if (last !== undefined) focusBelow(last)
    return
  }
  const topic = topicOf(route)
  const opener = shown?.opener ?? document.activeElement
  shown = { ...topic, opener, left: shown?.correlationId, text: '' }
  byId('drawer-title').textContent = topic.title
  byId('drawer-back').hidden = route.from === undefined
  byId('drawer-body').replaceChildren(note('loading…'))
  if (!drawer.open) drawer.showModal()
  byId('drawer-title').focus()
  void refresh(shown)
}

function topicOf({ sheet, name }) {
  if (sheet === 'books') return differingTopic(name)
  if (sheet === 'payment') {
    const path = `/console/payments/${encodeURIComponent(name)}`
    return { title: 'Payment', path, draw: statusOf, correlationId: name }
  }
  const isStored = STORED.includes(name)
  const path = isStored
    ? `/console/payments?state=${name}&limit=${LISTED_MAX}`
    : `/console/states/${encodeURIComponent(name)}`
  const draw = isStored ? (page) => storedList(name, page) : livingList
  return { title: `Payments in ${name}`, path, draw, state: name }
}

/** States that the database knows; the others are only in the memory of an instance. */
const STORED = ['settled', 'rejected', 'parked']

const LISTED_MAX = 100

/** To the row, which may have been drawn anew; else to what opened the first sheet. */
function focusBelow({ opener, correlationId }) {
  const row = correlationId === undefined ? undefined : linkTo(byId('payments'), correlationId)
  for (const target of [byId('find-id'), opener, row]) target?.focus()
}

async function refresh(topic) {
  let parts
  try {
    const answer = await fetch(topic.path)
    const text = await answer.text()
    if (topic !== shown || text === topic.text) return
    topic.text = text
    if (answer.ok) {
      const value = JSON.parse(text)
      topic.path = topic.pathAfter?.(value) ?? topic.path
      parts = topic.draw(value)
    } else parts = [note(reasonOf(answer, topic, text) ?? text)]
  } catch {
    if (topic !== shown || topic.text !== '') return
    parts = [note('Pit does not answer.')]
  }
  const body = byId('drawer-body')
  renewRows(body, parts)
  // Back in a list: to the row that was opened from there.
  const row = topic.left === undefined ? undefined : linkTo(body, topic.left)
  topic.left = undefined
  if (row !== undefined) row.focus()
  else if (!byId('drawer').contains(document.activeElement)) byId('drawer-title').focus()
}

function reasonOf({ status }, { state, refusalOf }, text) {
  if (refusalOf !== undefined && status !== 503) return refusalOf(text)
  if (status === 503) return 'The database does not answer now; this is tried again.'
  if (status !== 404) return undefined
  return state === undefined ? 'No payment has this correlationId.' : 'There is no such state.'
}

function note(text) {
  return element('p', { class: 'empty' }, text)
}

function livingList({ state, here }) {
  if (here.length === 0) return [note('No payment of this instance is in this state now.')]
  const payments = here.map(({ attempts, ...payment }) => ({
    ...payment,
    state,
    attempts: attempts.length,
  }))
  const about = 'At this instance, now; other instances show theirs on their own consoles.'
  return [note(about), paymentTable(payments, `Payments in ${state}`)]
}

function storedList(state, { payments, older }) {
  const all = element('a', { href: `#/payments?state=${state}` }, 'All of them, with filters')
  const about = element('p', { class: 'empty' }, `In the database, ${ORDERS[state]}. `, all)
  const hands = element('p', { class: 'hands', 'data-id': state }, ...handsOnAll({ state }))
  if (payments.length === 0) return [note('No payment is in this state.')]
  const more = older === undefined ? [] : [note(`The first ${payments.length}; there are more.`)]
  return [about, hands, paymentTable(payments, `Payments in ${state}`), ...more]
}

const ORDERS = {
  settled: 'the newest first',
  rejected: 'the newest first',
  parked: 'those that are due last first',
}
