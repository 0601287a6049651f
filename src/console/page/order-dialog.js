// The dialog in which an order is given: what it does, why it is given, and what it has met.

import { change } from './access.js'
import { metBy } from './command-words.js'
import { byId } from './format.js'

/** How often an order that was given is read, ms. */
const READ_MS = 500

/** What the dialog asks about; undefined: it is closed. */
let asked

/** What had the focus before. */
let opener

export function openOrderDialog() {
  const dialog = byId('order')
  byId('order-cancel').addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => {
    asked = undefined
    // The button that was pressed may be gone by now.
    const target = opener.isConnected ? opener : document.querySelector('dialog[open] h2')
    target?.focus()
  })
  byId('order-form').addEventListener('submit', (event) => {
    event.preventDefault()
    // It ends in a note, whatever happens.
    void give(asked)
  })
}

/**
 * Asks whether an order is meant, and why. `prepare` says what it does and which order it is, as
 * `{ about, order }` with `order()`, or why there is none, as `{ fault }`; it may take its time.
 * `fields` are what else is to be chosen. The dialog stays open and tells what the order has met, or
 * is closed by `onGiven` where that is told elsewhere.
 */
export async function askOrder({ words, prepare, fields = [], onGiven }) {
  const own = { onGiven }
  asked = own
  byId('order-title').textContent = words
  byId('order-fields').replaceChildren(...fields)
  byId('order-reason').value = ''
  showPhase('asking')
  say('order-about', '')
  say('order-said', '')
  say('order-met', '')
  byId('order-give').disabled = true
  opener = document.activeElement
  byId('order').showModal()
  byId('order-reason').focus()
  const { about = '', order, fault = '' } = await prepare()
  if (own !== asked) return
  say('order-about', about)
  say('order-said', fault)
  own.order = order
  byId('order-give').disabled = order === undefined
}

async function give(own) {
  if (own?.order === undefined) return
  byId('order-give').disabled = true
  const order = { ...own.order(), reason: byId('order-reason').value }
  const { ok, value } = await change('/console/commands', order)
  if (own !== asked) return
  byId('order-give').disabled = false
  if (!ok) return say('order-said', value.detail ?? 'Pit did not take it.')
  if (own.onGiven !== undefined) {
    byId('order').close()
    return own.onGiven()
  }
  say('order-said', '')
  showPhase('given')
  byId('order-cancel').focus()
  await follow(own, value)
}

/** Until it has ended, or nobody looks on any more. */
async function follow(own, command) {
  for (let latest = command; ;) {
    say('order-met', metBy(latest))
    if (latest.doneAt !== null || latest.isInterrupted) return
    await new Promise((resolve) => setTimeout(resolve, READ_MS))
    if (own !== asked) return
    const answer = await fetch(`/console/commands/${command.id}`).catch(() => undefined)
    if (own !== asked) return
    if (answer?.ok === true) latest = await answer.json()
  }
}

function showPhase(phase) {
  const isAsking = phase === 'asking'
  byId('order-asked').hidden = !isAsking
  byId('order-give').hidden = !isAsking
  byId('order-cancel').textContent = isAsking ? 'Cancel' : 'Close'
}

function say(id, text) {
  byId(id).textContent = text
}
