// Charts that are left to the interpreter, each by the name of what it holds.

import {
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  raise,
  sendParent,
  sendTo,
  spawnChild,
} from 'xstate'
import type { AnyStateMachine } from 'xstate'

const GO = { type: 'go' }

/** What a state, transition or root may not hold to be compiled, by name. */
export const INTERPRETED: Readonly<Record<string, AnyStateMachine>> = {
  invoke: flat({ states: { a: { invoke: { src: fromPromise(async () => 1) } } } }),
  after: flat({ states: { a: { after: { 10: 'b' } } } }),
  raise: flat({ states: { a: { entry: raise(GO) } } }),
  sendTo: flat({ states: { a: { on: { go: { actions: sendTo('other', GO) } } } } }),
  sendParent: flat({ states: { a: { exit: sendParent(GO) } } }),
  emit: flat({ on: { go: { actions: emit(GO) } } }),
  enqueueActions: flat({ entry: enqueueActions(() => undefined) }),
  spawnChild: flat({ states: { a: { always: { actions: spawnChild('lasting') } } } }),
  nested: flat({ states: { a: { initial: 'c', states: { c: {} } } } }),
  parallelState: flat({ states: { a: { type: 'parallel', states: { c: {}, d: {} } } } }),
  parallelRoot: createMachine({ type: 'parallel', states: { a: {}, b: {} } }),
  atomicRoot: createMachine({ on: { go: {} } }),
  history: flat({ states: { c: { type: 'history' } } }),
  partialWildcard: flat({ states: { a: { on: { 'go.*': 'b' } } } }),
  guardNotImplemented: flat({ states: { a: { on: { go: { target: 'b', guard: 'absent' } } } } }),
  targetOfRoot: flat({ id: 'top', states: { a: { on: { go: '#top' } } } }),
  rootReenters: flat({ on: { go: { target: '.a', reenter: true } } }),
  initialBuiltIn: flat({ initial: { target: 'a', actions: raise(GO) } }),
  iterationBound: flat({ options: { maxIterations: 100 } }),
  keyLikeId: flat({ states: { '#c': {} } }),
}

function flat({ states, ...config }: { states?: object } & Record<string, unknown>) {
  const whole = { initial: 'a', ...config, states: { a: {}, b: {}, ...states } }
  return createMachine(whole as never) as AnyStateMachine
}
