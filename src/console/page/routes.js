// The address says what is open: `#/` the live figures, `#/payments?…` the payments that fit a filter,
// `#/states/NAME`, `#/books/PROCESSOR` and `#/payments/ID` a sheet over either of them. Each can be
// linked to; back and forward of the browser lead through them, and a reload shows the same.

import { byId } from './format.js'

const LIVE = '#/'

/** What is shown: its address, the view under it, and how many sheets were opened over that one. */
let shown

/**
 * `showScreen` gets `{ screen, query }` when another view is to be shown, `showSheet` the sheet's
 * `{ sheet, name, from }`, and undefined when none is open any more; `from` is a list of payments.
 */
export function openRoutes({ showScreen, showSheet }) {
  const arrive = () => {
    const route = routeOf(location.hash)
    if (route === undefined) return
    const { base, depth, from } = history.state ?? placeOf(route)
    history.replaceState({ base, depth, from }, '')
    if (shown?.base !== base) showScreen(routeOf(base))
    shown = { hash: location.hash, base, depth }
    showSheet(route.sheet === undefined ? undefined : { ...route, from })
  }
  addEventListener('hashchange', arrive)
  byId('skip').addEventListener('click', (event) => {
    // Its target is no address of its own.
    event.preventDefault()
    byId('chart-title').focus()
  })
  arrive()
  if (shown === undefined) location.replace(LIVE)
}

export function goTo(hash) {
  location.hash = hash
}

export function addressOfPayment(correlationId) {
  return `#/payments/${encodeURIComponent(correlationId)}`
}

/** Leaves all sheets: back to where the first one was opened, or to the view under a linked one. */
export function closeSheets() {
  if (shown.depth > 0) history.go(-shown.depth)
  else location.replace(shown.base)
}

/** Undefined for what is no address of this page. */
function routeOf(hash) {
  const [path, query = ''] = hash.split('?', 2)
  const [root, kind, name] = path.split('/').map(decoded)
  if (hash === '' || hash === '#' || hash === LIVE) return { screen: 'live', query: '' }
  if (root !== '#') return undefined
  if (kind === 'payments' && name === undefined) return { screen: 'payments', query }
  if (kind === 'payments') return { sheet: 'payment', name }
  if (kind === 'books' && name !== undefined) return { sheet: 'books', name }
  return kind === 'states' && name !== undefined ? { sheet: 'state', name } : undefined
}

/** What cannot be decoded is looked for as it is, and not found. */
function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Where an address stands that was not open before. */
function placeOf({ sheet }) {
  if (sheet === undefined) return { base: location.hash || LIVE, depth: 0 }
  if (shown === undefined) return { base: LIVE, depth: 0 }
  const from = /^#\/(states|books)\//.test(shown.hash) ? shown.hash : undefined
  return { base: shown.base, depth: shown.depth + 1, from }
}
