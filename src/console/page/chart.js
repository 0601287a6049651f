// The payment's chart: laid out by Graphviz from the machine, with live counts in its states and a
// moving dot for each payment that takes a transition.

import { instance } from './viz.js'
import { byId, count, element } from './format.js'

const NARROW = matchMedia('(max-width: 700px)')
const STILL = matchMedia('(prefers-reduced-motion: reduce)')

/** Dots that move at once; further payments only make the line thicker. */
const DOTS_MAX = 160
const DOT_MS = 900

/** Draws, and returns how to update the drawing. `onState` is called with a state's name. */
export async function openChart(onState) {
  const [viz, chart] = await Promise.all([instance(), fetchChart()])
  let drawing
  let before
  let shown
  const showCounts = () => {
    for (const { name } of chart.states) setCount(drawing, name, shown && (shown[name] ?? 0))
  }
  const draw = () => {
    drawing = drawn(viz, chart, onState)
    byId('chart').replaceChildren(drawing.svg)
    showCounts()
  }
  NARROW.addEventListener('change', draw)
  draw()
  animate(() => drawing)
  return {
    update(counts, transitions) {
      shown = counts
      showCounts()
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
  const dots = document.createElementNS(SVG, 'g')
  svg.querySelector('g').append(dots)
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
  const text = node.querySelectorAll('text')[1]
  text.setAttribute('class', 'count')
  text.setAttribute('dy', '2')
  return { node, text }
}

function openEdge(svg, { from, to, labels }) {
  const edge = svg.querySelector(`#edge-${from}-${to}`)
  const title = document.createElementNS(SVG, 'title')
  title.textContent = `${from} → ${to}: ${labels.join(', ')}`
  edge.prepend(title)
  const path = edge.querySelector('path')
  return { edge, path, length: path.getTotalLength(), rate: 0, dots: [] }
}

function setCount({ nodes }, name, number) {
  const { node, text } = nodes.get(name)
  const shown = number === undefined ? '–' : count(number)
  if (text.textContent !== shown) text.textContent = shown
  node.setAttribute('aria-label', `${name}: ${shown} payments`)
  node.classList.toggle('busy', number > 0 && !FINAL.includes(name))
}

const FINAL = ['settled', 'rejected']

function showMoves(drawing, name, gone) {
  const edge = drawing.edges.get(name)
  edge.rate = 0.7 * edge.rate + 0.3 * gone
  edge.edge.classList.toggle('moving', edge.rate > 0.05)
  const width = 1 + Math.min(3.5, Math.log2(1 + edge.rate))
  edge.edge.style.setProperty('--weight', width.toFixed(2))
  if (STILL.matches || document.hidden) return
  const capacity = DOTS_MAX - drawing.dots.childElementCount
  const fresh = Math.min(gone, 6, capacity)
  for (let index = 0; index < fresh; index += 1) addDot(drawing, edge, (index / fresh) * 250)
}

function addDot(drawing, edge, delayMs) {
  const circle = document.createElementNS(SVG, 'circle')
  circle.setAttribute('class', 'dot')
  circle.setAttribute('r', '4')
  circle.setAttribute('visibility', 'hidden')
  drawing.dots.append(circle)
  edge.dots.push({ circle, startsAt: performance.now() + delayMs })
}

function animate(current) {
  const step = (now) => {
    for (const edge of current().edges.values()) {
      if (edge.dots.length > 0) edge.dots = edge.dots.filter((dot) => moved(edge, dot, now))
    }
    requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
}

/** False once it has arrived. */
function moved({ path, length }, { circle, startsAt }, now) {
  const share = (now - startsAt) / DOT_MS
  if (share >= 1) {
    circle.remove()
    return false
  }
  if (share < 0) return true
  const { x, y } = path.getPointAtLength(length * share)
  circle.setAttribute('cx', x)
  circle.setAttribute('cy', y)
  circle.setAttribute('visibility', 'visible')
  return true
}

/** Shown in place of the chart when it cannot be drawn. */
export function showNoChart(error) {
  byId('chart').replaceChildren(
    element('p', { class: 'empty' }, `The chart could not be drawn: ${error.message}`),
  )
}
