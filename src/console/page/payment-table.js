// Payments as a table, the same in a sheet and in the view of all payments; and how a table that is
// drawn anew keeps focus, selection and scrolling.

import { amount, clockTime, element } from './format.js'
import { addressOfPayment } from './routes.js'

const STATE_TONES = { settled: 'good', rejected: 'bad', confirming: 'doubt', parked: 'warn' }

const HEADS = ['payment', 'amount', 'state', 'where', 'accepted', 'requested or due', 'attempts']

export function paymentTable(payments, caption) {
  return foundTable({ caption, heads: HEADS, rows: payments.map(row) })
}

/** A table that scrolls by itself, with its caption for those who do not see it. */
export function foundTable({ caption, heads, rows, kind = '' }) {
  return element(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    element(
      'table',
      { class: `found ${kind}`.trim() },
      element('caption', { class: 'hidden' }, caption),
      element(
        'thead',
        {},
        element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head))),
      ),
      element('tbody', {}, ...rows),
    ),
  )
}

function row({ correlationId, state, amountCents, attempts, ...payment }) {
  const { acceptedAt, requestedAt, dueAt } = payment
  const link = element(
    'a',
    { class: 'mono', href: addressOfPayment(correlationId), 'data-payment': correlationId },
    correlationId,
  )
  const cells = [
    element('th', { scope: 'row' }, link),
    amount(amountCents),
    element('span', { class: 'chip', 'data-tone': STATE_TONES[state] }, state),
    whereOf(payment),
    acceptedAt === undefined ? '–' : clockTime(acceptedAt, 'exact'),
    instantOf(requestedAt ?? dueAt),
    attemptsOf(state, attempts),
  ]
  const [first, ...others] = cells
  return element(
    'tr',
    { 'data-id': correlationId },
    first,
    ...others.map((cell) => element('td', {}, cell)),
  )
}

/** A payment that an instance works on may have more, which that instance alone knows. */
function attemptsOf(state, attempts) {
  if (attempts === undefined) return '–'
  return state === 'owned' ? `${attempts}+` : String(attempts)
}

function whereOf({ processor, ownedBy, inDoubtAt = [] }) {
  const doubts = inDoubtAt.length === 0 ? [] : [`in doubt at ${inDoubtAt.join(' and ')}`]
  const all = [processor, ownedBy, ...doubts].filter((part) => part !== undefined)
  return all.length === 0 ? '–' : all.join(', ')
}

function instantOf(at) {
  return at === undefined ? '–' : clockTime(at, 'exact')
}

/**
 * Makes the children of `node` equal to these and leaves alone what is equal already. Rows are known
 * by their payments: one that moves keeps its elements, and the focus if it has it.
 */
export function renewRows(node, fresh) {
  const focused = node.contains(document.activeElement)
    ? document.activeElement.dataset.payment
    : undefined
  renewAll(node, fresh)
  if (focused === undefined || node.contains(document.activeElement)) return
  linkTo(node, focused)?.focus()
}

/** The link to a payment in a list; undefined where it is not listed. */
export function linkTo(node, correlationId) {
  const links = [...node.querySelectorAll('[data-payment]')]
  return links.find((link) => link.dataset.payment === correlationId)
}

function renewAll(node, fresh) {
  const known = new Map([...node.childNodes].map((child, index) => [keyOf(child, index), child]))
  const wanted = fresh.map((part, index) => {
    const old = known.get(keyOf(part, index))
    return old === undefined ? part : renewed(old, part)
  })
  const gone = [...node.childNodes].filter((child) => !wanted.includes(child))
  for (const child of gone) child.remove()
  for (const [index, part] of wanted.entries()) {
    if (node.childNodes[index] !== part) node.insertBefore(part, node.childNodes[index] ?? null)
  }
}

function keyOf(child, index) {
  return child.dataset?.id ?? index
}

/** The old element where it can be kept, else the new one. */
function renewed(old, fresh) {
  if (old.isEqualNode(fresh)) return old
  const isText = old.nodeType !== Node.ELEMENT_NODE || fresh.nodeType !== Node.ELEMENT_NODE
  if (isText || !old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) return fresh
  renewAll(old, [...fresh.childNodes])
  return old
}
