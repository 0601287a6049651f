// What the compiled steps share while they work through one event.

import type {
  AnyActorRef,
  AnyActorScope,
  AnyEventObject,
  AnyMachineSnapshot,
  MachineContext,
} from 'xstate'

/** One event being worked through. Written by the actions as they come. */
export interface Run {
  readonly scope: AnyActorScope
  readonly event: AnyEventObject
  /** The snapshot that the current microstep started from. */
  base: AnyMachineSnapshot
  /** Context as of the action that comes next. */
  context: MachineContext
  children: Readonly<Record<string, AnyActorRef>>
  /** Whether an `assign` has run in the current microstep: the interpreter then makes a snapshot. */
  assigned: boolean
}

export type Action = (run: Run) => void
