// The console by keyboard: `/` finds, `j` and `k` go through a list, Enter opens, Escape leaves, `?`
// says so.

import { byId } from './format.js'

export function openKeys() {
  addEventListener('keydown', (event) => {
    const act = ACTIONS[event.key]
    const isWritten = event.target.closest?.('input, select, textarea') !== null
    if (act === undefined || isWritten || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  })
  byId('find-id').addEventListener('keydown', ({ key, target }) => {
    if (key !== 'Escape') return
    target.value = ''
    target.blur()
  })
  byId('help-open').addEventListener('click', showHelp)
  byId('help-close').addEventListener('click', () => byId('help').close())
}

const ACTIONS = {
  '/': () => {
    // Behind a sheet nothing can have the focus.
    if (document.querySelector('dialog[open]') === null) byId('find-id').focus()
  },
  j: () => step(1),
  k: () => step(-1),
  '?': showHelp,
}

function showHelp() {
  if (document.querySelector('dialog[open]') === null) byId('help').showModal()
}

/** To the next row of the list that is on top, or to its first one. */
function step(by) {
  const list = byId('drawer').open ? byId('drawer') : byId('payments')
  const links = [...list.querySelectorAll('[data-payment]')]
  const at = links.indexOf(document.activeElement)
  const next = at === -1 ? links[0] : links[at + by]
  next?.focus()
}
