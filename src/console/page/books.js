// The sheet of the payments in which Pit's books and one processor's differ, while they are searched
// for and afterwards.

import { amount, clockTime, element } from './format.js'
import { foundTable } from './payment-table.js'
import { addressOfPayment } from './routes.js'

/**
 * What the sheet shows; the first answer begins a search, and the others follow that one. One that
 * has failed is begun again once the instance lets it.
 */
export function differingTopic(name) {
  const path = `/console/books/${encodeURIComponent(name)}`
  return {
    title: `Where the books differ: ${name}`,
    path,
    pathAfter: ({ run, state }) => (state === 'failed' ? path : `${path}?run=${run}`),
    refusalOf: (text) => JSON.parse(text).detail,
    draw: (search) => [element('p', { class: 'empty' }, stateOf(search)), ...foundOf(search)],
  }
}

function stateOf({ processor, from, to, state, found, why }) {
  const window = `from ${clockTime(from)} until ${clockTime(to)}`
  if (state === 'running') return `Being searched ${window}, slowly: ${processor} takes payments.`
  if (state === 'failed') return `The search has ended early, and begins again: ${why}`
  const cut = state === 'cut' ? ' These are the first; pit reconcile goes through all of them.' : ''
  return `${found.length === 0 ? 'No difference found' : 'Searched'} ${window}.${cut}`
}

function foundOf({ processor, found }) {
  const payments = found.filter(({ kind }) => kind === 'payment')
  const words = found.filter(({ kind }) => kind === 'words')
  return [
    ...(payments.length === 0 ? [] : [table(processor, payments)]),
    ...words.map((each) => element('p', { class: 'finding' }, each.words)),
  ]
}

function table(processor, payments) {
  const caption = `payments that ${processor} has otherwise`
  const heads = ['payment', 'Pit has', `${processor} has`]
  return foundTable({ caption, heads, rows: payments.map(row), kind: 'differing' })
}

function row({ correlationId, pit, recorded }) {
  const href = addressOfPayment(correlationId)
  const link = element('a', { class: 'mono', href, 'data-payment': correlationId }, correlationId)
  return element(
    'tr',
    { 'data-id': correlationId },
    element('th', { scope: 'row' }, link),
    element('td', {}, oursOf(pit)),
    element('td', {}, recorded === null ? 'nothing' : theirsOf(recorded)),
  )
}

function oursOf({ state, amountCents, processor, requestedAt }) {
  const where =
    processor === undefined ? '' : ` at ${processor}, ${clockTime(requestedAt, 'exact')}`
  return `${amount(amountCents)} ${state}${where}`
}

function theirsOf({ amountCents, requestedAt }) {
  const sum = amountCents === null ? 'fractions of a cent' : amount(amountCents)
  return `${sum}, ${clockTime(requestedAt, 'exact')}`
}
