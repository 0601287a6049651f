// Messages as a ladder: a column for each actor, a row with an arrow for each message.

import { element } from './format.js'

export function sequenceOf(messages) {
  const actors = [...new Set(messages.flatMap(({ from, to }) => [from, to]))]
  const grid = element('div', { class: 'sequence', style: `--actors: ${actors.length}` })
  grid.append(element('div', { class: 'at head' }, 'ms'))
  for (const [index, name] of actors.entries()) {
    const column = `grid-column: ${index + 2}`
    grid.append(
      element('div', { class: 'actor', style: `${column}; grid-row: 1` }, name),
      element('div', {
        class: 'lane',
        style: `${column}; grid-row: 2 / ${messages.length + 2}`,
        'aria-hidden': 'true',
      }),
    )
  }
  for (const [index, message] of messages.entries())
    grid.append(...rowOf(message, index + 2, actors))
  return element('div', { class: 'scroll' }, grid)
}

function rowOf({ atMs, from, to, event, state }, row, actors) {
  const [a, b] = [actors.indexOf(from), actors.indexOf(to)]
  const left = Math.min(a, b)
  const span = Math.abs(a - b) + 1
  const direction = a === b ? 'self' : a < b ? '' : 'back'
  const chip =
    state === undefined ? undefined : element('span', { class: 'chip', 'data-tone': 'good' }, state)
  const style = `grid-row: ${row}; grid-column: ${left + 2} / span ${span}; --span: ${span}`
  return [
    element('div', { class: 'at', style: `grid-row: ${row}` }, atMs.toFixed(1)),
    element(
      'div',
      { class: `message ${direction}`, style, 'aria-label': `${from} to ${to}: ${event}` },
      element('b', {}, event),
      chip,
    ),
  ]
}
