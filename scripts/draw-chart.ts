// Draws a state machine as a Mermaid stateDiagram-v2: what the chart says, in the chart's order.

import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { labelOf, plain } from './chart-words.ts'

/**
 * The Mermaid text of a machine, lines joined by \n, without a fence. Transitions without a target
 * stand as a line inside their state; transitions of the root leave from `any state`.
 */
export function drawChart(machine: AnyStateMachine): string {
  const root: AnyStateNode = machine.root
  const edges = drawEdges(root)
  const known = new Set(edges.flatMap((line) => line.split(' : ')[0]?.split(' ') ?? []))
  // A state that an arrow or a line of its own names needs no line that says no more.
  const states = drawStates(root).filter((line) => !known.has(line))
  const lines = [...states, ...drawRoot(root), ...edges]
  return ['stateDiagram-v2', ...lines.map((line) => `  ${line}`)].join('\n')
}

/** States and, in a compound one, its initial state; nested ones inside braces. */
function drawStates(parent: AnyStateNode): string[] {
  const children = childrenOf(parent)
  const start = parent.type === 'compound' ? parent.initial.target[0] : undefined
  const opening = start === undefined ? [] : [`[*] --> ${nameOf(start)}`]
  const drawn = children.map((child) => drawState(child))
  if (parent.type !== 'parallel') return [...opening, ...drawn.flat()]
  // Two dashes part the regions of a parallel state.
  return drawn.flatMap((lines, index) => (index === 0 ? lines : ['--', ...lines]))
}

function drawState(node: AnyStateNode): string[] {
  const name = nameOf(node)
  const title = node.type === 'history' ? `${node.key} (history)` : node.key
  const declared = name === title ? [] : [`state "${title}" as ${name}`]
  const inner = childrenOf(node).length === 0 ? [] : drawStates(node)
  if (inner.length === 0) return name === title ? [name] : declared
  return [...declared, `state ${name} {`, ...inner.map((line) => `  ${line}`), '}']
}

/** The root has no box of its own: what it handles is drawn from a state that stands for all. */
function drawRoot(root: AnyStateNode): string[] {
  if (transitionsOf(root).length === 0) return []
  return [`state "any state" as ${ANY_STATE}`]
}

function drawEdges(node: AnyStateNode): string[] {
  const from = node.parent === undefined ? ANY_STATE : nameOf(node)
  const own = drawOwn(from, transitionsOf(node))
  const ending = node.type === 'final' ? [`${from} --> [*]`] : []
  const inner = childrenOf(node).flatMap((child) => drawEdges(child))
  // The root comes last: it answers what no state has answered.
  return node.parent === undefined ? [...inner, ...own] : [...own, ...ending, ...inner]
}

/** Neighbours that lead to the same state share a line; others keep the order in which they count. */
function drawOwn(from: string, transitions: readonly AnyTransitionDefinition[]): string[] {
  const runs: { readonly way: string; readonly labels: string[] }[] = []
  for (const transition of transitions) {
    for (const way of waysOf(from, transition)) {
      const last = runs.at(-1)
      if (last?.way === way) last.labels.push(wordsOf(transition))
      else runs.push({ way, labels: [wordsOf(transition)] })
    }
  }
  return runs.map(({ way, labels }) => `${way} : ${labels.join(', ')}`)
}

function waysOf(from: string, { target }: AnyTransitionDefinition): readonly string[] {
  if (target === undefined || target.length === 0) return [from]
  return target.map((node: AnyStateNode) => `${from} --> ${nameOf(node)}`)
}

function wordsOf(transition: AnyTransitionDefinition): string {
  const forbidden = transition.target === undefined && transition.actions.length === 0
  return `${labelOf(transition)}${forbidden ? ' is ignored' : ''}`
}

/** Events first, then eventless transitions, then delays: the order in which charts are written. */
function transitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  const named = [...node.transitions.values()].flat()
  const isDelayed = (transition: AnyTransitionDefinition): boolean => 'delay' in transition
  return [
    ...named.filter((transition) => !isDelayed(transition)),
    ...(node.always ?? []),
    ...named.filter(isDelayed),
  ]
}

function childrenOf(node: AnyStateNode): readonly AnyStateNode[] {
  return Object.values(node.states)
}

/** The path of keys, since two nested states may share a key; the root stands for any state. */
function nameOf(node: AnyStateNode): string {
  if (node.parent === undefined) return ANY_STATE
  const name = plain(node.path.join('_')).replace(/\W/g, '_')
  return RESERVED.has(name) ? `${name}_` : name
}

const ANY_STATE = 'anyState'

/** Words that Mermaid reads as its own where a state's name stands. */
const RESERVED = new Set(
  ['as', 'class', 'classDef', 'click', 'default', 'direction', 'end'].concat([
    'fork',
    'hide',
    'join',
    'note',
    'scale',
    'state',
    'style',
  ]),
)
