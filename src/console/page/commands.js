// What operators have ordered, and buttons for those who may: each asks for a reason first.

import { change } from './access.js'
import { byId, clockTime, element, show } from './format.js'

/** How often the list is read, ms: others order, too, and instances answer within a second. */
const READ_MS = 2_000
const LISTED = 20

const PROCESSORS = ['default', 'fallback']

const HOLDS = [
  ['10 minutes', 600_000],
  ['an hour', 3_600_000],
  ['a day', 86_400_000],
]

let instanceIds = []

/** What the dialog asks about. */
let asked

export function openCommands() {
  byId('order-cancel').addEventListener('click', () => byId('order').close())
  byId('order-form').addEventListener('submit', (event) => {
    event.preventDefault()
    // It ends in a note, whatever happens.
    void give(asked)
  })
  // Each shows what it has read, or leaves what is shown.
  setInterval(() => void readCommands(), READ_MS)
  void readCommands()
}

/** Takes who there is to be drained. */
export function showOrders(instances) {
  instanceIds = instances.map(({ instanceId }) => instanceId)
  const mayOperate = document.body.dataset.scope === 'operate'
  const buttons = byId('order-buttons')
  buttons.hidden = !mayOperate
  show(buttons, JSON.stringify(instanceIds), () => [...PROCESSORS.map(ofProcessor), drains()])
}

function ofProcessor(processor) {
  const make = (title, order) => button(title, `${title} ${processor}`, { processor, ...order })
  return element(
    'fieldset',
    { 'data-orders': processor },
    element('legend', {}, `${processor} processor`),
    make('Pause', { kind: 'pause' }),
    make('Resume', { kind: 'resume' }),
    make('Hold open', { kind: 'hold', to: 'open' }),
    make('Hold closed', { kind: 'hold', to: 'closed' }),
  )
}

function drains() {
  const buttons = instanceIds.map((instanceId) =>
    button(instanceId, `Drain ${instanceId}`, { kind: 'drain', instanceId }),
  )
  return element('fieldset', {}, element('legend', {}, 'drain an instance'), ...buttons)
}

function button(title, words, order) {
  const onclick = () => ask(words, order)
  return element('button', { type: 'button', class: 'quiet', onclick }, title)
}

/** Asks whether it is meant, and why. */
function ask(words, order) {
  byId('order-title').textContent = `${words}?`
  byId('order-said').textContent = ''
  byId('order-reason').value = ''
  byId('order-time').hidden = order.kind !== 'hold'
  byId('order-time-select').replaceChildren(
    ...HOLDS.map(([title, ms]) => element('option', { value: String(ms) }, title)),
  )
  asked = order
  byId('order').showModal()
  byId('order-reason').focus()
}

async function give(order) {
  const reason = byId('order-reason').value
  const time = order.kind === 'hold' ? { forMs: Number(byId('order-time-select').value) } : {}
  const { ok, value } = await change('/console/commands', { ...order, ...time, reason })
  if (ok) byId('order').close()
  else byId('order-said').textContent = value.detail ?? 'Pit did not take it.'
  await readCommands()
}

async function readCommands() {
  const answer = await fetch(`/console/commands?limit=${LISTED}`).catch(() => undefined)
  if (answer?.ok !== true) return
  const { commands } = await answer.json()
  const none = () => element('li', { class: 'empty' }, 'none yet')
  show(byId('orders'), JSON.stringify(commands), () =>
    commands.length === 0 ? none() : commands.map(item),
  )
}

function item({ at, by, via, kind, payload, reason, until, awaited, result }) {
  const { about: flags, correlationId, processor, instanceId, to, processors } = payload
  const named = [flags, correlationId, processor, instanceId, to, processors?.join(' and ')]
  const about = named.filter((each) => each !== undefined)
  const end = until === null ? '' : ` until ${clockTime(Date.parse(until))}`
  const answered = awaited.filter((each) => each in result)
  const met = answered.map((each) => metAt(each, result[each]))
  const silent = awaited.filter((each) => !(each in result))
  const words = [...met, ...silent.map((each) => `${each} has not answered`)].join('; ')
  return element(
    'li',
    {},
    element('time', {}, clockTime(Date.parse(at))),
    ' ',
    element('b', {}, [kind, ...about].join(' ')),
    `${end}, by ${by} (${via}): ${reason}. ${words}`,
  )
}

function metAt(instanceId, { circuit, payment, payments, redriven, due, notUnderstood }) {
  if (notUnderstood !== undefined) return `${instanceId} does not know this command`
  if (due !== undefined) return `${due} of ${payments} payments due`
  if (redriven !== undefined) return `${redriven} of ${payments} payments redriven`
  if (payment !== undefined) return `${instanceId} found it ${PAYMENT_MET[payment] ?? payment}`
  return circuit === undefined ? `${instanceId} obeys` : `${instanceId} obeys, it was ${circuit}`
}

/** How the order to resolve a payment found it. */
const PAYMENT_MET = {
  resolved: 'in doubt, and did it',
  notInDoubt: 'not in doubt there',
  busy: 'in work and not in doubt',
  owned: 'in the hands of another one',
}
