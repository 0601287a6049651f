// Both processors: what was settled there, how fast and how well they answer, and the state of each
// instance's circuit.

import { byId, clockTime, count, duration, element } from './format.js'
import { percent, roughAmount, show, sum } from './format.js'

/** How each state of a circuit is told; the circuit's own word is in the tooltip. */
const STATES = {
  closed: { word: 'healthy', tone: 'good', title: 'its circuit is closed: it is charged' },
  open: { word: 'resting', tone: 'bad', title: 'its circuit is open: nothing is charged there' },
  halfOpen: {
    word: 'testing',
    tone: 'warn',
    title: 'its circuit is half open: some payments try it',
  },
  ready: {
    word: 'ready to be tried',
    title: 'its circuit is half open: the next payment that comes tries it',
  },
  heldOpen: {
    word: 'paused by hand',
    tone: 'warn',
    title: 'its circuit is held open by an order: nothing is charged there',
  },
  heldClosed: {
    word: 'held by hand',
    tone: 'warn',
    title: 'its circuit is held closed by an order: it is charged, though it fails',
  },
}

export function showProcessors({ instances, ...rest }) {
  const boxes = ['default', 'fallback'].map((name) => factsOf(name, instances, rest))
  show(byId('processors'), JSON.stringify(boxes), () => boxes.map(draw))
}

/** Without a payment there is nothing to test it with, however well it is. */
function shownState({ state, calls }) {
  return state === 'halfOpen' && calls === 0 ? 'ready' : state
}

function factsOf(name, instances, { totals, fees, at }) {
  const snapshots = instances.flatMap(({ instanceId, circuits }) => {
    const snapshot = circuits[name]
    return snapshot === undefined ? [] : [{ instanceId, ...snapshot, state: shownState(snapshot) }]
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
      ['settled', totals === null ? '–' : count(totals.settled[name].payments)],
      ['amount', totals === null ? '–' : roughAmount(totals.settled[name].cents)],
      ['failed since start', count(counted((processor) => processor.failedAttempts))],
      ['in flight', count(sum(instances.map(({ gauges }) => gauges.inFlight[name])))],
      ['responds in', measured(mean((snapshot) => snapshot.measuredMs))],
      ['says it needs', measured(mean((snapshot) => snapshot.announcedMs)), SAYS],
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

const SAYS = 'the least response time that its health endpoint tells'

function measured(ms) {
  return ms > 0 ? duration(ms) : '–'
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
  return ['heldOpen', 'heldClosed', 'open', 'halfOpen', 'ready', 'closed'].find((state) =>
    states.includes(state),
  )
}

function draw({ name, fee, state, facts, perInstance }) {
  return element(
    'article',
    { class: 'processor', 'data-name': name },
    element('h3', {}, `${name}, fee ${fee}`, chipOf(state)),
    element('dl', {}, ...facts.map(fact)),
    element('ul', {}, ...perInstance.map(circuitItem)),
  )
}

function fact([title, value, hint]) {
  return element('div', { title: hint }, element('dt', {}, title), element('dd', {}, value))
}

function circuitItem({ instanceId, state, text }) {
  return element('li', {}, element('b', {}, instanceId), ' ', chipOf(state), ` ${text}`)
}

function chipOf(state) {
  const { word, tone, title } = STATES[state] ?? { word: 'unknown' }
  return element('span', { class: 'chip', 'data-tone': tone, title }, word)
}
