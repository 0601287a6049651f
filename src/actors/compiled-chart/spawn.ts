// Children of a compiled chart: born by `spawn` inside an `assign` or in the context's factory,
// stopped when the actor ends. Both are borrowed from the interpreter's own actions, so that
// registration, deferred starts and what inspectors see stay its business.

import { assign, stopChild } from 'xstate'
import type { AnyActorLogic, AnyActorRef, AnyMachineSnapshot } from 'xstate'
import type { Run } from './run.ts'

/** The `spawn` that an assigner or a context factory is given: the interpreter's own. */
export function spawnerOf(
  run: Run,
): (src: string | AnyActorLogic, options?: object) => AnyActorRef {
  return (src, options) => {
    const born: AnyActorRef[] = []
    const spawning = assign(({ spawn }) => {
      born.push(spawn(src as AnyActorLogic, options as never))
      return {}
    }) as unknown as BuiltIn
    const snapshot = { ...run.base, context: run.context, children: run.children }
    const info = infoOf(run)
    const [next] = spawning.resolve(run.scope, snapshot, info, undefined, spawning)
    run.children = (next as AnyMachineSnapshot).children
    return born[0] as AnyActorRef
  }
}

/** Stops the children of an actor that has come to its end. */
export function stopChildren(run: Run): void {
  const { scope } = run
  for (const child of Object.values(run.children)) {
    const stopping = stopChild(child) as unknown as BuiltIn & Required<BuiltIn>
    const info = infoOf(run)
    const [, params] = stopping.resolve(scope, run.base, info, undefined, stopping)
    const exec = (): void => stopping.execute(scope, params)
    scope.actionExecutor({ type: stopping.type, info, params, exec })
  }
}

/** A built-in action of XState as it is at run time; its types show none of this. */
interface BuiltIn {
  readonly type: string
  resolve(
    scope: Run['scope'],
    snapshot: AnyMachineSnapshot,
    info: ReturnType<typeof infoOf>,
    params: undefined,
    action: BuiltIn,
  ): [unknown, unknown]
  execute?(scope: Run['scope'], params: unknown): void
}

function infoOf({ scope, event, context }: Run) {
  return { context, event, self: scope.self, system: scope.system }
}
