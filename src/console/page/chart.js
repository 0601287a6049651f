// The payment's chart: laid out by Graphviz from the machine, with live counts in its states and a
// moving dot for each payment that takes a transition.

import { instance } from './viz.js'
import { byId, count, element, setAttribute, write } from './format.js'

const NARROW = matchMedia('(max-width: 700px)')
const STILL = matchMedia('(prefers-reduced-motion: reduce)')

/** Dots on the page at once; further payments only make the line thicker. */
const DOTS_MAX = 40

/** More payments along one line in a frame, a hundred a second, have one dot that comes again. */
const DOTS_PER_FRAME = 50
const FRAME_MS = 500

/** All dots step together: each step has the picture put together anew. */
const STEP_MS = 50
const MOVE = { duration: 18 * STEP_MS, easing: 'steps(18)' }
const STREAM = { duration: 36 * STEP_MS, iterations: Infinity }

function onBeat(ms) {
  return STEP_MS * Math.ceil(ms / STEP_MS)
}

/** Draws, and returns how to update the drawing. `onState` is called with a state's name. */
export async function openChart(onState) {
  const [viz, chart] = await Promise.all([instance(), fetchChart()])
  let drawing
  let before
  let shown
  const showCounts = () => {
    // A state that is not named has none; one that is undefined is not known.
    for (const { name } of chart.states) {
      setCount(drawing, name, shown && (name in shown ? shown[name] : 0))
    }
  }
  const draw = () => {
    drawing = drawn(viz, chart, onState)
    byId('chart').replaceChildren(drawing.svg, drawing.dots)
    showCounts()
  }
  NARROW.addEventListener('change', draw)
  draw()
  return {
    update(counts, transitions) {
      shown = counts
      showCounts()
      removeArrived(drawing.dots)
      for (const edge of chart.edges) {
        const name = `${edge.from}>${edge.to}`
        const gone = before === undefined ? 0 : (transitions[name] ?? 0) - (before[name] ?? 0)
        showMoves(drawing, name, Math.max(0, gone))
      }
      before = transitions
    },
    /** After a break the counts have jumped, which must not be shown as movement. */
    forget() {
      before = undefined
    },
  }
}

async function fetchChart() {
  const answer = await fetch('/console/chart')
  return answer.json()
}

function drawn(viz, chart, onState) {
  const svg = viz.renderSVGElement(NARROW.matches ? chart.dot.narrow : chart.dot.wide)
  svg.removeAttribute('width')
  svg.removeAttribute('height')
  svg.setAttribute('role', 'group')
  svg.setAttribute('aria-label', 'Chart of a payment’s states')
  for (const title of svg.querySelectorAll('title')) title.remove()
  const nodes = new Map(chart.states.map(({ name }) => [name, openNode(svg, name, onState)]))
  const edges = new Map(chart.edges.map((edge) => [`${edge.from}>${edge.to}`, openEdge(svg, edge)]))
  const dots = element('div', { class: 'dots', 'aria-hidden': 'true' })
  // What is placed for another size is placed anew by the next dot.
  new ResizeObserver(() => {
    for (const edge of edges.values()) {
      edge.places = undefined
      edge.stream?.remove()
      edge.stream = undefined
    }
  }).observe(svg)
  return { svg, nodes, edges, dots }
}

const SVG = 'http://www.w3.org/2000/svg'

function openNode(svg, name, onState) {
  const node = svg.querySelector(`#state-${name}`)
  node.dataset.state = name
  node.setAttribute('tabindex', '0')
  node.setAttribute('role', 'button')
  node.addEventListener('click', () => onState(name))
  node.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    onState(name)
  })
  const title = document.createElementNS(SVG, 'title')
  title.textContent = MEANINGS[name] ?? name
  node.prepend(title)
  const text = node.querySelectorAll('text')[1]
  text.setAttribute('class', 'count')
  text.setAttribute('dy', '2')
  return { node, text }
}

const MEANINGS = {
  pending: 'accepted, and waits in memory for a processor',
  tryingDefault: 'a charge is under way at default',
  tryingFallback: 'a charge is under way at fallback',
  confirming: 'in doubt: what became of its charge is looked up',
  retry: 'refused, and waits in memory for its next quick try',
  parked: 'waits in the database until it is due again',
  settled: 'paid, once',
  rejected: 'denied by both processors',
}

function openEdge(svg, { from, to, labels }) {
  const edge = svg.querySelector(`#edge-${from}-${to}`)
  const title = document.createElementNS(SVG, 'title')
  title.textContent = `${from} → ${to}: ${labels.join(', ')}`
  edge.prepend(title)
  return { edge, path: edge.querySelector('path'), rate: 0, width: 1 }
}

/** Where a dot on this line is, step by step, in pixels of the layer above the drawing. */
function placesOn(path, layer) {
  const onScreen = path.getScreenCTM()
  const { left, top } = layer.getBoundingClientRect()
  const length = path.getTotalLength()
  return Array.from({ length: PLACES }, (_, index) => {
    const { x, y } = path
      .getPointAtLength((length * index) / (PLACES - 1))
      .matrixTransform(onScreen)
    const [right, down] = [(x - left).toFixed(1), (y - top).toFixed(1)]
    return { transform: `translate(${right}px, ${down}px)`, opacity: 1 }
  })
}

const PLACES = 24

function setCount({ nodes }, name, number) {
  const { node, text } = nodes.get(name)
  const shown = number === undefined ? '–' : count(number)
  write(text, shown)
  setAttribute(node, 'aria-label', `${name}: ${shown} payments`)
  node.classList.toggle('busy', number > 0 && !FINAL.includes(name))
}

const FINAL = ['settled', 'rejected']

function showMoves(drawing, name, gone) {
  const edge = drawing.edges.get(name)
  edge.rate = 0.7 * edge.rate + 0.3 * gone
  const isMoving = edge.rate > 0.05
  // In halves: a line that changes by less would be drawn anew for nothing.
  const width = isMoving ? 1 + Math.round(2 * Math.min(3.5, Math.log2(1 + edge.rate))) / 2 : 1
  if (edge.width !== width) {
    edge.width = width
    edge.edge.classList.toggle('moving', isMoving)
    edge.edge.style.setProperty('--weight', width)
  }
  const isStill = STILL.matches || document.hidden
  const isStream = !isStill && edge.rate > DOTS_PER_FRAME
  if (!isStream) {
    edge.stream?.remove()
    edge.stream = undefined
    if (!isStill) addDots(drawing.dots, edge, gone)
  } else if (edge.stream === undefined) {
    edge.stream = addDot(drawing.dots, edge, STREAM)
    edge.stream.className = 'many'
  }
}

function addDots(dots, edge, gone) {
  const fresh = Math.min(gone, DOTS_MAX - dots.childElementCount)
  for (let index = 0; index < fresh; index += 1) {
    addDot(dots, edge, { delay: onBeat((index / fresh) * FRAME_MS) })
  }
}

function addDot(dots, edge, how) {
  edge.places ??= placesOn(edge.path, dots)
  const dot = element('i')
  dots.append(dot)
  const moves = dot.animate(edge.places, { ...MOVE, ...how })
  moves.startTime = onBeat(document.timeline.currentTime)
  return dot
}

/** With the next frame, which draws anyway; until then they are not seen. */
function removeArrived(dots) {
  for (const dot of dots.querySelectorAll('i')) {
    if (dot.getAnimations().length === 0) dot.remove()
  }
}

/** Shown in place of the chart when it cannot be drawn. */
export function showNoChart(error) {
  byId('chart').replaceChildren(
    element('p', { class: 'empty' }, `The chart could not be drawn: ${error.message}`),
  )
}
