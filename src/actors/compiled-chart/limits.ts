// What a chart may hold to be compiled. Everything else is run by XState's interpreter, whole.

import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { compileAction } from './action.ts'
import { compileGuard } from './guard.ts'

/**
 * Whether the compiled steps cover this machine: one level of atomic and final states, plain
 * functions and `assign` as actions, guards that are implemented, exact or `*` event types.
 */
export function isCompilable(machine: AnyStateMachine): boolean {
  const root: AnyStateNode = machine.root
  if (root.type !== 'compound' || machine.options?.maxIterations !== Infinity) return false
  const states = Object.values(root.states)
  return (
    isPlain(machine, root) &&
    states.every((node) => isLeaf(node) && isPlain(machine, node)) &&
    areActions(machine, root.initial.actions)
  )
}

function isLeaf(node: AnyStateNode): boolean {
  const known = node.type === 'atomic' || node.type === 'final'
  // A key that starts with # is taken for an id.
  return known && !node.key.startsWith('#') && isEmpty(node.states) && !node.config.initial
}

function isPlain(machine: AnyStateMachine, node: AnyStateNode): boolean {
  const transitions = [...node.transitions.values()].flat().concat(node.always ?? [])
  return (
    node.invoke.length === 0 &&
    node.config.after === undefined &&
    ![...node.transitions.keys()].some((type) => type.endsWith('.*')) &&
    areActions(machine, node.entry) &&
    areActions(machine, node.exit) &&
    transitions.every((transition) => isPlainTransition(machine, transition))
  )
}

function isPlainTransition(
  machine: AnyStateMachine,
  { target, source, reenter, guard, actions }: AnyTransitionDefinition,
): boolean {
  const root: AnyStateNode = machine.root
  // A root that re-enters runs its own exit and entry again.
  if (source === root && reenter) return false
  if (target !== undefined && (target.length !== 1 || target[0]?.parent !== root)) return false
  if (guard !== undefined && compileGuard(machine, guard) === undefined) return false
  return areActions(machine, actions)
}

function areActions(machine: AnyStateMachine, actions: readonly unknown[]): boolean {
  return actions.every((action) => compileAction(machine, action) !== undefined)
}

function isEmpty(states: object): boolean {
  return Object.keys(states).length === 0
}
