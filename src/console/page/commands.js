// What operators have ordered, and buttons for those who may: each asks for a reason first.

import { metBy, orderOf } from './command-words.js'
import { byId, clockTime, element, show } from './format.js'
import { askOrder } from './order-dialog.js'

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

export function openCommands() {
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

/** What it met stands in the list. */
function ask(words, order) {
  const time = element(
    'select',
    { id: 'order-time' },
    ...HOLDS.map(([title, ms]) => element('option', { value: String(ms) }, title)),
  )
  const isHold = order.kind === 'hold'
  const timed = () => (isHold ? { ...order, forMs: Number(time.value) } : order)
  const label = element('label', { for: 'order-time' }, 'For')
  return askOrder({
    words: `${words}?`,
    fields: isHold ? [element('p', {}, label, ' ', time)] : [],
    prepare: () => ({ order: timed }),
    onGiven: readCommands,
  })
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

function item(command) {
  const { at, by, via, reason, until } = command
  const end = until === null ? '' : ` until ${clockTime(Date.parse(until))}`
  return element(
    'li',
    {},
    element('time', {}, clockTime(Date.parse(at))),
    ' ',
    element('b', {}, orderOf(command)),
    `${end}, by `,
    // A mark of direction in what people wrote ends with it; an older reason may have one.
    element('bdi', {}, by),
    ` (${via}): `,
    element('bdi', {}, reason),
    `. ${metBy(command)}`,
  )
}
