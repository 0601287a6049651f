// The sheet on the right: the payments in a state, or the status of one; kept up to date while
// open.

import { amount, byId, clockTime, duration, element, renewChildren } from './format.js'
import { statusOf } from './payment-status.js'

const REFRESH_MS = 1_000

let shown
let back

export function openDrawer() {
  const drawer = byId('drawer')
  byId('drawer-close').addEventListener('click', () => drawer.close())
  byId('drawer-back').addEventListener('click', () => back && listState(back))
  drawer.addEventListener('click', (event) => {
    // A click on the backdrop is one on the dialog itself.
    if (event.target === drawer) drawer.close()
  })
  drawer.addEventListener('close', () => {
    // This event comes late: the sheet may show something else by now.
    if (!drawer.open) shown = undefined
  })
  setInterval(() => {
    if (shown !== undefined && !document.hidden) void refresh(shown)
  }, REFRESH_MS)
}

export function listState(state) {
  back = undefined
  open({ title: `Payments in ${state}`, path: `/console/payments?state=${state}`, draw: drawList })
}

export function openPayment(correlationId, from) {
  back = from
  const path = `/console/payments/${encodeURIComponent(correlationId)}`
  open({ title: 'Payment', path, draw: statusOf })
}

function open(topic) {
  shown = { ...topic, text: '' }
  byId('drawer-title').textContent = topic.title
  byId('drawer-back').hidden = back === undefined
  byId('drawer-body').replaceChildren(element('p', { class: 'empty' }, 'loading…'))
  const drawer = byId('drawer')
  if (!drawer.open) drawer.showModal()
  void refresh(shown)
}

async function refresh(topic) {
  let parts
  try {
    const answer = await fetch(topic.path)
    const text = await answer.text()
    if (topic !== shown || text === topic.text) return
    topic.text = text
    parts = answer.ok ? topic.draw(JSON.parse(text)) : [note(REASONS[answer.status] ?? text)]
  } catch {
    if (topic !== shown || topic.text !== '') return
    parts = [note('Pit does not answer.')]
  }
  renewChildren(byId('drawer-body'), parts)
}

const REASONS = {
  404: 'No payment has this correlationId.',
  503: 'The database does not answer now; this is tried again.',
}

function note(text) {
  return element('p', { class: 'empty' }, text)
}

function drawList({ state, here, left }) {
  const items =
    here?.map((paymentStatus) => livingItem(paymentStatus, state)) ??
    left.map((one) => leftItem(one, state))
  if (items.length === 0)
    return [note(EMPTY[state] ?? 'No payment of this instance is in this state now.')]
  const about = here
    ? 'At this instance, now; other instances show theirs on their own consoles.'
    : 'The last ones at this instance, newest first.'
  return [note(about), element('ul', { class: 'found' }, ...items)]
}

const EMPTY = {
  rejected: 'No payment was rejected since the start.',
  parked: 'No payment was parked here since the start.',
  settled: 'No payment was settled here since the start.',
}

function livingItem({ correlationId, amountCents, acceptedAt, attempts }, state) {
  const age = duration(Math.max(0, Date.now() - acceptedAt))
  const tries = attempts.length === 1 ? '1 attempt' : `${attempts.length} attempts`
  return item(correlationId, `${amount(amountCents)}, ${age} old, ${tries}`, state)
}

function leftItem({ correlationId, at, note }, state) {
  return item(correlationId, `${clockTime(at, 'exact')}, ${note}`, state)
}

function item(correlationId, note, state) {
  const onclick = () => openPayment(correlationId, state)
  const id = element('span', { class: 'mono' }, correlationId)
  const button = element(
    'button',
    { type: 'button', 'data-id': correlationId, onclick },
    id,
    element('span', {}, note),
  )
  return element('li', {}, button)
}
