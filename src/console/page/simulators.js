// The panel of the dev stack: a button that sends a payment, and switches that break a simulator.

import { change } from './access.js'
import { openPayment } from './drawer.js'
import { byId, element, show } from './format.js'

/** How often what is switched is read, ms: a curl may switch it, too. */
const READ_MS = 2_000

let timer

/** Shows the panel, or hides it where the processors are real ones. */
export function showPanel(isThere) {
  byId('simulators').hidden = !isThere
  clearInterval(timer)
  if (!isThere) return
  // A second time it changes nothing.
  byId('send-payment').addEventListener('click', onSend)
  // Each shows what it has read, or leaves what is shown.
  const read = () => void readAll()
  timer = setInterval(read, READ_MS)
  read()
}

// It ends in a note, whatever happens.
const onSend = () => void sendPayment()

async function readAll() {
  const response = await fetch('/console/simulators').catch(() => undefined)
  if (response?.ok === true) showAll(await response.json())
}

async function turn(path) {
  const { ok, value } = await change(`/console/simulators${path}`)
  if (ok) showAll(value)
}

function showAll({ processors }) {
  show(byId('breakages'), JSON.stringify(processors), () => processors.map(group))
}

function group({ name, breakages }) {
  const buttons = breakages.map(({ key, title, state }) => {
    const isOn = state === 'on'
    const onclick = () => turn(`/${name}/${key}/${isOn ? 'off' : 'on'}`)
    const attributes = {
      type: 'button',
      class: 'quiet switch',
      'aria-pressed': String(isOn),
      onclick,
    }
    return element('button', { ...attributes, 'data-key': key }, title)
  })
  const legend = element('legend', {}, `${name} processor`)
  return element('fieldset', { 'data-name': name }, legend, ...buttons)
}

async function sendPayment() {
  const note = byId('sent')
  note.textContent = 'sending…'
  const { ok, value } = await change('/console/test-payment')
  if (!ok) {
    note.textContent = value.detail ?? 'Pit did not answer it.'
    return
  }
  const { correlationId, status } = value
  const onclick = () => openPayment(correlationId)
  const link = element('button', { type: 'button', class: 'quiet mono', onclick }, correlationId)
  note.replaceChildren(`answered ${status}: `, link)
}
