// The payment's chart as a drawing: taken from the machine itself, described in Graphviz' language.

import { toDirectedGraph } from 'xstate/graph'
import { paymentMachine } from '../actors/payment/payment.machine.ts'

export interface ChartEdge {
  readonly from: string
  readonly to: string
  /** The events that make a payment take this transition, each with its guard. */
  readonly labels: readonly string[]
}

export interface Chart {
  readonly states: readonly { readonly name: string; readonly isFinal: boolean }[]
  readonly edges: readonly ChartEdge[]
  /** Drawn for wide and for narrow pages; nodes and edges carry the ids `state-A` and `edge-A-B`. */
  readonly dot: { readonly wide: string; readonly narrow: string }
}

/** Drawn once and kept: the machine does not change while the process lives. */
export function paymentChart(): Chart {
  known ??= draw()
  return known
}

let known: Chart | undefined

function draw(): Chart {
  const nodes = toDirectedGraph(paymentMachine).children
  const states = nodes.map(({ stateNode: { key, type } }) => {
    return { name: key, isFinal: type === 'final' }
  })
  const edges = edgesOf(nodes)
  const dot = { wide: dotOf(states, edges, 'LR'), narrow: dotOf(states, edges, 'TB') }
  return { states, edges, dot }
}

type Nodes = ReturnType<typeof toDirectedGraph>['children']

/** Transitions between the same two states are one arrow; those within one state are not drawn. */
function edgesOf(nodes: Nodes): readonly ChartEdge[] {
  const byEnds = new Map<string, { from: string; to: string; labels: string[] }>()
  for (const { from, to, label } of nodes.flatMap(transitionsFrom)) {
    if (from === to) continue
    const edge = byEnds.get(`${from} ${to}`) ?? { from, to, labels: [] }
    edge.labels.push(label)
    byEnds.set(`${from} ${to}`, edge)
  }
  return [...byEnds.values()]
}

/** The graph leaves out the transitions that need no event; the state's node has them. */
function transitionsFrom({ stateNode, edges }: Nodes[number]): readonly Transition[] {
  const from = stateNode.key
  return [...edges.map(({ transition }) => transition), ...(stateNode.always ?? [])].flatMap(
    ({ target = [], eventType, guard }) =>
      target.map(({ key: to }) => ({ from, to, label: labelOf(eventType, guard) })),
  )
}

interface Transition {
  readonly from: string
  readonly to: string
  readonly label: string
}

function labelOf(eventType: string, guard: unknown): string {
  const event = eventType === '' ? 'at once' : eventType
  const name = typeof guard === 'object' && guard !== null && 'type' in guard ? guard.type : guard
  return typeof name === 'string' ? `${event} [${name}]` : event
}

/** The two lines of a node are its name and its count, which the page keeps up to date. */
function dotOf(states: Chart['states'], edges: Chart['edges'], direction: 'LR' | 'TB'): string {
  const nodes = states.map(({ name, isFinal }) => {
    const style = isFinal ? 'style="rounded,bold"' : 'style=rounded'
    return `"${name}" [id="state-${name}", label="${name}\\n0", ${style}]`
  })
  const gaps = direction === 'LR' ? 'nodesep=0.28; ranksep=1.05' : 'nodesep=0.3; ranksep=0.62'
  return [
    `digraph payment { rankdir=${direction}; ${gaps}; splines=ortho; bgcolor=transparent; pad=0.1`,
    `node [shape=box, ${BOXES[direction]}, fontname="Helvetica"]`,
    'edge [arrowsize=0.7]',
    ...nodes,
    ...edges.map(arrowOf),
    ...COLUMNS.map((column) => `{ rank=same; ${column.join('; ')} }`),
    '}',
  ].join('\n')
}

/** A narrow page shows the drawing smaller, so its text is larger. */
const BOXES = {
  LR: 'width=1.6, height=0.75, fontsize=14',
  TB: 'width=2.3, height=0.95, fontsize=22',
} as const

function arrowOf({ from, to, labels }: ChartEdge): string {
  const ends = `${from} ${to}`
  // A payment takes these only in a stop or an outage.
  const isRare = ends === NO_ROUTE || labels.every((label) => label.startsWith('payment.recalled'))
  const marks = [
    `id="edge-${from}-${to}"`,
    `weight=${STRAIGHT[ends] ?? 1}`,
    ...(BACKWARDS.includes(ends) ? ['constraint=false'] : []),
    ...(isRare ? ['style=dashed'] : []),
  ]
  return `"${from}" -> "${to}" [${marks.join(', ')}]`
}

/** A start or a backoff that ends while no processor may be charged. */
const NO_ROUTE = 'pending parked'

/** States drawn in one column; Graphviz places any other state. */
const COLUMNS: readonly (readonly string[])[] = [
  ['tryingDefault', 'tryingFallback'],
  ['confirming', 'retry'],
  ['settled', 'parked', 'rejected'],
]

/** The transitions that most payments take, drawn as straight as possible. */
const STRAIGHT: Readonly<Record<string, number>> = {
  'pending tryingDefault': 20,
  'tryingDefault settled': 20,
  'pending tryingFallback': 8,
  'tryingFallback settled': 8,
  'confirming settled': 4,
  'retry parked': 4,
}

/** Transitions that lead back and must not decide the order of the columns. */
const BACKWARDS: readonly string[] = [
  'confirming tryingDefault',
  'confirming tryingFallback',
  'retry pending',
  'tryingFallback tryingDefault',
]
