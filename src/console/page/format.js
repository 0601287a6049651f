// Numbers, durations, instants and small pieces of page.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const money = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

export function count(number) {
  return whole.format(number)
}

/** From whole cents. */
export function amount(cents) {
  return money.format(cents / 100)
}

/** Without cents once they are below a ten-thousandth of the amount. */
export function roughAmount(cents) {
  return Math.abs(cents) < 1_000_000 ? amount(cents) : count(cents / 100)
}

export function percent(share) {
  return `${Number((share * 100).toFixed(share < 0.1 ? 1 : 0))} %`
}

export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  return `${(ms / 3_600_000).toFixed(1)} h`
}

const ZONE_KEY = 'pit.timeZone'

/** What times are shown in: `UTC`, or undefined for the zone of the browser. */
export const timeZone = localStorage.getItem(ZONE_KEY) === 'UTC' ? 'UTC' : undefined

/** Draws the page anew with the other one. */
export function switchTimeZone() {
  localStorage.setItem(ZONE_KEY, timeZone === 'UTC' ? 'local' : 'UTC')
  location.reload()
}

/** Time of day, with the date unless it is today; with `exact` to the millisecond. */
export function clockTime(epochMs, exact) {
  const at = new Date(epochMs)
  const time = at.toLocaleTimeString('en-GB', { timeZone })
  const ms = exact === 'exact' ? `.${String(Math.floor(epochMs % 1000)).padStart(3, '0')}` : ''
  // Swedish writes dates as ISO does.
  const date = (instant) => instant.toLocaleDateString('sv', { timeZone })
  return `${date(at) === date(new Date()) ? '' : `${date(at)} `}${time}${ms}`
}

/** An element with attributes and children; text is never taken for markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'onclick') made.addEventListener('click', value)
    else if (value !== undefined) made.setAttribute(key, value)
  }
  made.append(...children.filter((child) => child !== undefined))
  return made
}

export function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

export function byId(id) {
  return document.getElementById(id)
}

/** Shows what `make` returns, unless `key` says that it is shown already. */
export function show(node, key, make) {
  if (node.dataset.shown === key) return
  node.dataset.shown = key
  renewChildren(node, [make()].flat())
}

/** Sets the text of an element that holds nothing else, if it is another one. */
export function write(node, text) {
  const shown = node.firstChild
  if (shown === null) node.append(text)
  else if (shown.data !== text) shown.data = text
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

/**
 * Makes the children of `node` equal to these and leaves alone what is equal already, so that
 * focus, selection, scrolling and a click in progress stay where they are.
 */
export function renewChildren(node, fresh) {
  const old = [...node.childNodes]
  if (old.length !== fresh.length) {
    node.replaceChildren(...fresh)
    return
  }
  for (const [index, part] of fresh.entries()) renew(old[index], part)
}

/** An element that listens may be kept: one that acts for another payment has another `data-id`. */
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return
  const types = [old.nodeType, fresh.nodeType]
  if (types.every((type) => type === Node.TEXT_NODE)) old.data = fresh.data
  else if (types.includes(Node.TEXT_NODE)) old.replaceWith(fresh)
  else if (!old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) old.replaceWith(fresh)
  else renewChildren(old, [...fresh.childNodes])
}
