// Actions of a compiled chart: plain functions and `assign`, resolved once. The order and the
// arguments are those of XState's `resolveActionsAndContext`.

import type { AnyEventObject, AnyStateMachine, MachineContext } from 'xstate'
import { compileParams, nameOf } from './guard.ts'
import type { Action } from './run.ts'
import { spawnerOf } from './spawn.ts'

/** Undefined for an action of a kind that is left to the interpreter. */
export function compileAction(machine: AnyStateMachine, action: unknown): Action | undefined {
  const inline = typeof action === 'function'
  const name = inline ? action.name || '(anonymous)' : nameOf(action)
  if (name === undefined) return undefined
  const actions = machine.implementations.actions as Readonly<Record<string, unknown>>
  const resolved = inline ? action : actions[name]
  if (resolved !== undefined && typeof resolved !== 'function') return undefined
  const paramsOf = inline ? undefined : compileParams(action)
  if (resolved === undefined || !('resolve' in resolved)) {
    // An action without implementation is announced to inspectors and does nothing.
    return compileEffect(name, resolved as Effect | undefined, paramsOf)
  }
  if (!('type' in resolved) || resolved.type !== 'xstate.assign') return undefined
  if (!('assignment' in resolved)) return undefined
  return compileAssign(resolved.assignment, paramsOf)
}

type Effect = (info: unknown, params: unknown) => void
type ParamsOf = ReturnType<typeof compileParams>

/** Handed to the actor's executor, which inspects it and, before the start, defers it. */
function compileEffect(type: string, exec: Effect | undefined, paramsOf: ParamsOf): Action {
  return ({ scope, event, context }) => {
    const info = { context, event, self: scope.self, system: scope.system }
    const params = paramsOf === undefined ? undefined : paramsOf({ context, event })
    scope.actionExecutor({ type, info, params, exec })
  }
}

interface AssignArgs {
  readonly context: MachineContext
  readonly event: AnyEventObject
  readonly spawn: ReturnType<typeof spawnerOf>
  readonly self: unknown
  readonly system: unknown
}

type Assigner = (args: AssignArgs, params: unknown) => object | undefined

function compileAssign(assignment: unknown, paramsOf: ParamsOf): Action {
  const assigner =
    typeof assignment === 'function'
      ? (assignment as Assigner)
      : assignEach(assignment as Readonly<Record<string, unknown>>)
  return (run) => {
    const { scope, event, context } = run
    const params = paramsOf === undefined ? undefined : paramsOf({ context, event })
    if (!context) throw new Error(NO_CONTEXT)
    const spawn = spawnerOf(run)
    const args = { context, event, spawn, self: scope.self, system: scope.system }
    // A copy that is spread has its fields inside from the start; one that grows from {} would leave
    // several stores of them behind.
    run.context = Object.assign({ ...context }, assigner(args, params))
    run.assigned = true
  }
}

// XState's own words, so that the error is the same whoever runs the chart.
const NO_CONTEXT =
  'Cannot assign to undefined `context`. Ensure that `context` is defined in the machine config.'

/** An `assign({ key: value or function })`: each function sees the context before the assign. */
function assignEach(assignment: Readonly<Record<string, unknown>>): Assigner {
  const entries = Object.entries(assignment)
  return (args, params) => {
    const update: Record<string, unknown> = {}
    for (const [key, value] of entries) {
      update[key] = typeof value === 'function' ? value(args, params) : value
    }
    return update
  }
}
