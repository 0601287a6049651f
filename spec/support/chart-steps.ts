// Pure steps of any flat chart: where an event leads and which effects it asks for.

import { initialTransition, transition } from 'xstate'
import type { AnyStateMachine, ContextFrom, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate'

export interface Stepped<Machine extends AnyStateMachine> {
  readonly snapshot: SnapshotFrom<Machine>
  readonly context: ContextFrom<Machine>
  /** The state and the effects of the last event, as words. */
  readonly told: string
  /** The effects of the last event with the context that each was given. */
  readonly effects: readonly Effect<Machine>[]
}

export interface Effect<Machine extends AnyStateMachine> {
  readonly type: string
  readonly context: ContextFrom<Machine>
}

/** The chart after its start and these events. */
export function stepped<Machine extends AnyStateMachine>(
  machine: Machine,
  input: InputFrom<Machine>,
  events: readonly EventFromLogic<Machine>[] = [],
): Stepped<Machine> {
  const [snapshot, actions] = initialTransition(machine, input)
  const first = drawn<Machine>(snapshot, actions)
  return events.reduce((before, event) => oneStep(machine, before.snapshot, event), first)
}

/** One event more. */
export function oneStep<Machine extends AnyStateMachine>(
  machine: Machine,
  before: SnapshotFrom<Machine>,
  event: EventFromLogic<Machine>,
): Stepped<Machine> {
  const [snapshot, actions] = transition(machine, before, event)
  return drawn<Machine>(snapshot, actions)
}

function drawn<Machine extends AnyStateMachine>(
  snapshot: SnapshotFrom<Machine>,
  actions: readonly { readonly type: string; readonly info?: unknown }[],
): Stepped<Machine> {
  const { value, context } = snapshot as unknown as { value: string; context: ContextFrom<Machine> }
  const effects = actions.map(({ type, info }) => {
    return { type, context: (info as { context: ContextFrom<Machine> }).context }
  })
  const told = [value, ...effects.map(({ type }) => type)].join(' ')
  return { snapshot, context, told, effects }
}
