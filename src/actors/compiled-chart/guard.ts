// Guards of a compiled chart: each is resolved once, then called as XState's `evaluateGuard` would.

import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'

/** Truthy lets the transition pass. Throws what the guard throws. */
export type Guard = (snapshot: AnyMachineSnapshot, event: AnyEventObject) => unknown

/**
 * Resolves a guard as a transition names it: a function, a name, or `{ type, params }`.
 * Undefined when it is anything else, or a name that the chart was given no function for: the
 * interpreter then says so.
 */
export function compileGuard(machine: AnyStateMachine, guard: unknown): Guard | undefined {
  const test = resolveGuard(machine, guard)
  if (test === undefined) return undefined
  const paramsOf = compileParams(guard)
  if ('check' in test) {
    // `and`, `or`, `not` and `stateIn` carry their own evaluation and take no params.
    return (snapshot, event) => {
      const args = { context: snapshot.context, event }
      paramsOf?.(args)
      return (test as BuiltInGuard).check(snapshot, args, test)
    }
  }
  if (paramsOf === undefined) {
    return (snapshot, event) => test({ context: snapshot.context, event }, undefined)
  }
  return (snapshot, event) => {
    const args = { context: snapshot.context, event }
    return test(args, paramsOf({ context: args.context, event }))
  }
}

/** What `params` of a guard or an action may read. */
export interface ParamsArgs {
  readonly context: unknown
  readonly event: AnyEventObject
}

/** How to get the params that a guard or action reference carries; undefined when it has none. */
export function compileParams(reference: unknown): ((args: ParamsArgs) => unknown) | undefined {
  if (typeof reference !== 'object' || reference === null || !('params' in reference)) {
    return undefined
  }
  const params = reference.params
  if (typeof params === 'function') return (args) => params(args)
  return () => params
}

/** The name of a reference, as it stands or in its `type`; undefined for an inline function. */
export function nameOf(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference
  if (typeof reference !== 'object' || reference === null || !('type' in reference)) {
    return undefined
  }
  return typeof reference.type === 'string' ? reference.type : undefined
}

type GuardFunction = (args: ParamsArgs, params: unknown) => unknown

interface BuiltInGuard extends GuardFunction {
  check(snapshot: AnyMachineSnapshot, args: ParamsArgs, guard: GuardFunction): unknown
}

function resolveGuard(machine: AnyStateMachine, guard: unknown): GuardFunction | undefined {
  if (typeof guard === 'function') return guard as GuardFunction
  const name = nameOf(guard)
  if (name === undefined) return undefined
  const guards = machine.implementations.guards as Readonly<Record<string, unknown>>
  const resolved = guards[name]
  return typeof resolved === 'function' ? (resolved as GuardFunction) : undefined
}
