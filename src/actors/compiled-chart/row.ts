// One state of a compiled chart: its steps by event type, in the order in which they are tried.

import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { compileAction } from './action.ts'
import { compileGuard, nameOf } from './guard.ts'
import type { Guard } from './guard.ts'
import type { Action } from './run.ts'

/** One transition out of one state. */
export interface Step {
  /** As the interpreter shows it to inspectors. */
  readonly transitions: AnyTransitionDefinition[]
  readonly guard: Guard | undefined
  /** Words for the error when the guard throws. */
  readonly guardName: string | undefined
  readonly ownerId: string
  /** Exit actions, the transition's own, entry actions: in this order. */
  readonly actions: readonly Action[]
  /** The state that is entered; undefined for an internal transition. */
  readonly target: Row | undefined
}

/** One state. */
export interface Row {
  readonly value: string
  readonly nodes: AnyStateNode[]
  /** Shared by all snapshots in this state. */
  readonly tags: Set<string>
  /** Steps by event type, in the order in which they are tried. */
  readonly byType: Map<string, readonly Step[]>
  /** For event types that no transition names: the wildcards. */
  readonly others: readonly Step[]
  /** Eventless ones. */
  readonly always: readonly Step[]
  /** Final states only: the node, and the exit actions that follow the output. */
  readonly finale: { readonly node: AnyStateNode; readonly actions: readonly Action[] } | undefined
}

/** A row to be filled once all rows are there. */
export interface Filling {
  readonly machine: AnyStateMachine
  readonly rows: Map<string, Row>
  readonly row: Row
  readonly node: AnyStateNode
}

/** A row without steps: states refer to each other, so all rows come first. */
export function emptyRow(machine: AnyStateMachine, node: AnyStateNode): Row {
  const root: AnyStateNode = machine.root
  const final = node.type === 'final'
  // The order is the interpreter's: outermost first, and turned round by a final state.
  const nodes = node === root ? [root] : final ? [node, root] : [root, node]
  const closing = actionsOf(machine, [...node.exit, ...root.exit])
  return {
    value: node.key,
    nodes,
    tags: new Set(nodes.flatMap((each) => each.tags)),
    byType: new Map(),
    others: [],
    always: [],
    finale: final ? { node, actions: closing } : undefined,
  }
}

/** Adds the steps of a state and, behind them, those of the root. */
export function fillRow(filling: Filling): void {
  const { machine, row, node } = filling
  const root: AnyStateNode = machine.root
  const owners = [node, root]
  const stepsFor = (type: string): Step[] =>
    owners
      .flatMap((owner) => [
        ...(owner.transitions.get(type) ?? []),
        ...(owner.transitions.get(WILDCARD) ?? []),
      ])
      .map((transition) => compileStep(filling, transition))
  for (const type of owners.flatMap((owner) => [...owner.transitions.keys()])) {
    if (type !== WILDCARD) row.byType.set(type, stepsFor(type))
  }
  const wild = owners.flatMap((owner) => owner.transitions.get(WILDCARD) ?? [])
  const eventless = owners.flatMap((owner) => owner.always ?? [])
  Object.assign(row, {
    others: wild.map((transition) => compileStep(filling, transition)),
    always: eventless.map((transition) => compileStep(filling, transition)),
  })
}

const WILDCARD = '*'

function compileStep(filling: Filling, transition: AnyTransitionDefinition): Step {
  const { machine, rows, node } = filling
  const target = transition.target?.[0] as AnyStateNode | undefined
  // A target that is the source itself is left and entered again only when the chart says so; one
  // named by the root always is.
  const moves = target !== undefined && (transition.source !== target || transition.reenter)
  const actions = moves
    ? [...node.exit, ...transition.actions, ...target.entry]
    : transition.actions
  return {
    transitions: [transition],
    guard: transition.guard === undefined ? undefined : compileGuard(machine, transition.guard),
    guardName: nameOf(transition.guard),
    ownerId: transition.source.id,
    actions: actionsOf(machine, actions),
    target: moves ? rowOf(rows, target) : undefined,
  }
}

/** Throws on an action that `isCompilable` would have refused. */
export function actionsOf(
  machine: AnyStateMachine,
  actions: readonly unknown[],
): readonly Action[] {
  return actions.map((action) => {
    const compiled = compileAction(machine, action)
    if (compiled === undefined) throw new Error(`${machine.id}: an action cannot be compiled`)
    return compiled
  })
}

/** Throws on a node that is not a state of the chart. */
export function rowOf(rows: Map<string, Row>, node: AnyStateNode): Row {
  const row = rows.get(node.key)
  if (row === undefined) throw new Error(`${node.id} is not a state of the chart`)
  return row
}
