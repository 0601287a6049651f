// What operators may do about payments: about one on its own page, about all that a list may have.

import { change } from './access.js'
import { amount, element } from './format.js'
import { askOrder } from './order-dialog.js'

/** Buttons for one payment; undefined where there is nothing to be done. */
export function handsOn(status) {
  const { state, correlationId, unknownOutcomes = [], attempts = [] } = status
  const isInDoubt = unknownOutcomes.length > 0
  const buttons = [
    isInDoubt && state === 'parked' ? button('Look up now', () => askLookUp(status)) : undefined,
    state === 'rejected' ? button('Redrive', () => askRedrive(status)) : undefined,
    isInDoubt ? button('Resolve', () => askResolve(status)) : undefined,
  ].filter((each) => each !== undefined)
  if (buttons.length === 0) return undefined
  // Another state, or other doubts, are other buttons: these keep what they were made for.
  const key = JSON.stringify([correlationId, state, unknownOutcomes.map(keyOf), attempts.length])
  return element('p', { class: 'hands', 'data-id': key }, ...buttons)
}

function keyOf({ processor, requestedAt }) {
  return [processor, requestedAt]
}

/** Buttons for all that fit a filter, as far as it names a state about which something can be done. */
export function handsOnAll(fields) {
  const filter = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'cursor'))
  const states = (filter.state ?? '').replace('open', 'parked,owned').split(',')
  const canLookUp = states.includes('parked')
  const canRedrive = states.includes('rejected') && (filter.olderThan ?? '') === ''
  return [
    canLookUp ? button('Look up all in doubt', () => askAll('lookUp', filter)) : undefined,
    canRedrive ? button('Redrive all', () => askAll('redrive', filter)) : undefined,
  ].filter((each) => each !== undefined)
}

function button(title, onclick) {
  return element('button', { type: 'button', class: 'quiet hands', onclick }, title)
}

function askLookUp({ correlationId, amountCents, unknownOutcomes }) {
  const at = unknownOutcomes.map(({ processor }) => processor).join(' and ')
  const about = `${at} is asked for ${amount(amountCents)} at once. No deadline changes.`
  const order = () => ({ kind: 'lookUp', correlationId })
  return askOrder({ words: 'Look up now?', prepare: () => ({ about, order }) })
}

function askRedrive({ correlationId, amountCents }) {
  const about = `${amount(amountCents)} goes to the processors again. What both deny is rejected again.`
  const order = () => ({ kind: 'redrive', correlationId })
  return askOrder({ words: 'Redrive?', prepare: () => ({ about, order }) })
}

const ALL = {
  lookUp: {
    words: 'Look up all in doubt?',
    none: 'No payment of this list is parked in doubt.',
    about: 'in doubt: their processors are asked now. No deadline changes.',
  },
  redrive: {
    words: 'Redrive all?',
    none: 'No payment of this list is rejected.',
    about: 'rejected: they go to the processors again.',
  },
}

/** Counts first. */
function askAll(kind, filter) {
  const { words, none, about } = ALL[kind]
  const prepare = async () => {
    const { ok, value } = await change('/console/matching', { kind, filter })
    if (!ok) return { fault: value.detail ?? 'Pit did not count them.' }
    const { payments, amount: sum, isCut, perSecond } = value
    if (payments === 0) return { fault: isCut ? 'None was found in time.' : none }
    const more = isCut ? ' There may be more: these are taken.' : ''
    const counted = `${payments} ${payments === 1 ? 'payment' : 'payments'}, ${sum} in all, ${about}`
    return {
      about: `${counted}${more} ${perSecond} a second.`,
      order: () => ({ kind, filter, counted: payments }),
    }
  }
  return askOrder({ words, prepare })
}

/** What may have become of it, for each processor where it is in doubt. */
function choicesOf(unknownOutcomes) {
  const names = unknownOutcomes.map(({ processor }) => processor)
  const settled = names.map((processor) => ({ to: 'settled', processor }))
  const never = names.map((processor) => ({ to: 'never', processors: [processor] }))
  const nowhere = names.length > 1 ? [{ to: 'never', processors: names }] : []
  return [...settled, ...never, ...nowhere]
}

function titleOf({ to, processor, processors }) {
  return to === 'settled'
    ? `settled at ${processor}`
    : `never settled at ${processors.join(' and ')}`
}

function consequenceOf({ to, processor, processors }, sum) {
  return to === 'settled'
    ? `${sum} is booked as settled at ${processor} and charged nowhere any more. If ${processor} does not have it, it is never paid.`
    : `${sum} may be charged again. If ${processors.join(' or ')} has it after all, it is paid twice, which nothing undoes.`
}

/** Asks for the outcome, for the instant of one that is settled, and for a yes to what follows. */
function askResolve({ correlationId, amountCents, unknownOutcomes, attempts = [] }) {
  const choices = choicesOf(unknownOutcomes)
  const options = choices.map((choice, index) =>
    element('option', { value: String(index) }, titleOf(choice)),
  )
  const select = element('select', { id: 'resolve-to' }, ...options)
  const instant = element('input', {
    id: 'resolve-at',
    class: 'mono',
    pattern: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+\-]\d\d:\d\d)`,
    title: 'an instant with its offset, such as 2026-01-31T12:00:00.123Z',
    autocomplete: 'off',
    list: 'resolve-instants',
  })
  const known = element('datalist', { id: 'resolve-instants' })
  const at = element(
    'p',
    {},
    element('label', { for: 'resolve-at' }, 'Its requestedAt, as the processor has it'),
    instant,
    known,
  )
  const meant = element('input', { id: 'resolve-meant', type: 'checkbox', required: '' })
  const consequence = element('span', {})
  const chosen = () => choices[Number(select.value)]
  const sent = () => instantsAt(chosen().processor, [...unknownOutcomes, ...attempts])
  const isUnlisted = () => {
    if (chosen().to !== 'settled' || sent().length === 0) return false
    return !sent().includes(isoOf(instant.value))
  }
  const tell = () => {
    const more = isUnlisted() ? ` No attempt that is known there has that instant.` : ''
    const words = consequenceOf(chosen(), amount(amountCents)) + more
    if (words !== consequence.textContent) meant.checked = false
    consequence.textContent = words
  }
  const choose = () => {
    at.hidden = chosen().to !== 'settled'
    instant.required = chosen().to === 'settled'
    instant.value = sent()[0] ?? ''
    known.replaceChildren(...sent().map((value) => element('option', { value })))
    tell()
  }
  select.addEventListener('change', choose)
  instant.addEventListener('input', tell)
  choose()
  const order = () => {
    const settled = chosen().to === 'settled' ? { requestedAt: isoOf(instant.value) } : {}
    // The yes was said to that, too.
    const unlisted = isUnlisted() ? { unlisted: true } : {}
    return { kind: 'resolve', correlationId, ...chosen(), ...settled, ...unlisted }
  }
  const about = `${amount(amountCents)}, ${correlationId}. Pit believes what you say: ask the operators of that processor first.`
  const label = element('label', { for: 'resolve-to' }, 'It was')
  const yes = element('label', { class: 'meant' }, meant, consequence)
  const fields = [element('p', {}, label, select), at, yes]
  return askOrder({ words: 'Resolve?', fields, prepare: () => ({ about, order }) })
}

/** When charges of a payment were sent there, as far as that is known. */
function instantsAt(name, sent) {
  const instants = sent
    .filter(({ processor, requestedAt }) => processor === name && Number.isFinite(requestedAt))
    .map(({ requestedAt }) => isoOf(requestedAt))
  return [...new Set(instants)]
}

/** What is no instant stays as it is, for Pit to refuse. */
function isoOf(instant) {
  const at = new Date(instant)
  return Number.isNaN(at.getTime()) ? instant : at.toISOString()
}
