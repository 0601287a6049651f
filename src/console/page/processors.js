// Both processors: what was settled there, how fast and how well they answer, and the state of each
// instance's circuit.

import { byId, clockTime, count, duration, element } from './format.js'
import { percent, roughAmount, show, sum } from './format.js'

const TONES = {
  closed: 'good',
  open: 'bad',
  halfOpen: 'warn',
  heldOpen: 'warn',
  heldClosed: 'warn',
}
const WORDS = {
  closed: 'closed',
  open: 'open',
  halfOpen: 'half open',
  heldOpen: 'held open',
  heldClosed: 'held closed',
}

export function showProcessors({ instances, fees, at }) {
  const boxes = ['default', 'fallback'].map((name) => factsOf(name, instances, { fees, at }))
  show(byId('processors'), JSON.stringify(boxes), () => boxes.map(draw))
}

function factsOf(name, instances, { fees, at }) {
  const snapshots = instances.flatMap(({ instanceId, circuits }) => {
    const snapshot = circuits[name]
    return snapshot === undefined ? [] : [{ instanceId, ...snapshot }]
  })
  const calls = sum(snapshots.map((snapshot) => snapshot.calls))
  const weighted = (read) =>
    sum(snapshots.map((snapshot) => snapshot.calls * read(snapshot))) / Math.max(1, calls)
  const mean = (read) => sum(snapshots.map(read)) / Math.max(1, snapshots.length)
  const counted = (read) => sum(instances.map(({ processors }) => read(processors[name])))
  return {
    name,
    fee: percent(fees[name]),
    state: worstOf(snapshots),
    facts: [
      ['settled', count(counted((processor) => processor.settled))],
      ['amount', roughAmount(counted((processor) => processor.settledCents))],
      ['failed attempts', count(counted((processor) => processor.failedAttempts))],
      ['in flight', count(sum(instances.map(({ gauges }) => gauges.inFlight[name])))],
      ['responds in', duration(mean((snapshot) => snapshot.measuredMs))],
      ['announces', duration(mean((snapshot) => snapshot.announcedMs))],
      ['failing now', calls === 0 ? '–' : percent(weighted((snapshot) => snapshot.failureRate))],
    ],
    perInstance: snapshots.map(({ instanceId, state, forMs, cause, concurrencyLimit }) => {
      const since = clockTime(steady(`${name} ${instanceId} ${state}`, at - forMs))
      const lets = ['open', 'heldOpen'].includes(state)
        ? 'nothing goes through'
        : `up to ${concurrencyLimit} at once`
      return { instanceId, state, text: `since ${since}: ${cause}, ${lets}` }
    }),
  }
}

const instants = new Map()

/**
 * Another instance's figures are up to a second old, so computed instants would jump by as much.
 */
function steady(key, at) {
  const known = instants.get(key)
  if (known !== undefined && Math.abs(known - at) < 2_500) return known
  instants.set(key, at)
  return at
}

function worstOf(snapshots) {
  const states = snapshots.map(({ state }) => state)
  return ['heldOpen', 'heldClosed', 'open', 'halfOpen', 'closed'].find((state) =>
    states.includes(state),
  )
}

function draw({ name, fee, state, facts, perInstance }) {
  return element(
    'article',
    { class: 'processor', 'data-name': name },
    element('h3', {}, `${name}, fee ${fee}`, chipOf(state)),
    element('dl', {}, ...facts.map(([title, value]) => fact(title, value))),
    element('ul', {}, ...perInstance.map(circuitItem)),
  )
}

function fact(title, value) {
  return element('div', {}, element('dt', {}, title), element('dd', {}, value))
}

function circuitItem({ instanceId, state, text }) {
  return element('li', {}, element('b', {}, instanceId), ' ', chipOf(state), ` ${text}`)
}

function chipOf(state) {
  const tone = TONES[state]
  return element('span', { class: 'chip', 'data-tone': tone }, WORDS[state] ?? 'unknown')
}
