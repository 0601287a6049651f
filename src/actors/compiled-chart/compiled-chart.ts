// Runs a flat state machine several times cheaper than XState's interpreter, with the same steps.
// A payment's life is a few transitions, and thousands live each second: what the interpreter works
// out anew on each event (exit sets, entry sets, sorting, cloning) is worked out once here.

import type { AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { Run } from './run.ts'
import { isCompilable } from './limits.ts'
import { drawSnapshot, NOTHING } from './compiled-snapshot.ts'
import { spawnerOf } from './spawn.ts'
import { takeEvent, takeOpening } from './step.ts'
import { compileTable } from './compiled-table.ts'
import type { Table } from './compiled-table.ts'

/**
 * Actor logic that takes the same steps as `machine`: same snapshots, actions, errors and
 * inspection events, in the same order. It is the machine in all other respects (`states`,
 * `definition`, `restoreSnapshot`, `xstate/graph`), so it goes wherever the machine goes.
 *
 * A machine that holds more than `isCompilable` allows is returned as it is, and what a compiled
 * one meets only rarely (a stop, events of XState itself, an actor that is over) is handed to the
 * machine's own transition. Call it after `provide`, once per machine: implementations are
 * resolved here.
 */
export function compileChart<Machine extends AnyStateMachine>(machine: Machine): Machine {
  if (!isCompilable(machine)) return machine
  const table = compileTable(machine)
  const logic: Machine = Object.create(machine, {
    transition: {
      value: (snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope) =>
        takeTransition(table, snapshot, event, scope),
    },
    getInitialSnapshot: {
      value: (scope: AnyActorScope, input: unknown) => start(table, scope, input),
    },
    provide: {
      value: (implementations: Parameters<Machine['provide']>[0]) =>
        compileChart(machine.provide(implementations)),
    },
  })
  return logic
}

function takeTransition(
  table: Table,
  snapshot: AnyMachineSnapshot,
  event: AnyEventObject,
  scope: AnyActorScope,
): AnyMachineSnapshot {
  const row = table.rows.get(snapshot.value as string)
  if (
    row === undefined ||
    snapshot.status !== 'active' ||
    event.type.startsWith('xstate.') ||
    event.type === '*'
  ) {
    return table.machine.transition(snapshot, event, scope)
  }
  const { context, children } = snapshot
  const run: Run = { scope, event, base: snapshot, context, children, assigned: false }
  return takeEvent(table, row, run)
}

function start(table: Table, scope: AnyActorScope, input: unknown): AnyMachineSnapshot {
  const event: AnyEventObject = { type: 'xstate.init', input }
  const run = createRun(table, event, scope)
  let born = { context: run.context, children: run.children }
  try {
    const factory: unknown = table.machine.config.context
    if (typeof factory === 'function') {
      const made = factory({ spawn: spawnerOf(run), input, self: scope.self })
      run.context = { ...made }
    }
    born = { context: run.context, children: run.children }
    return takeOpening(table, run)
  } catch (error) {
    // What the failed steps had changed is dropped; the context that was made stays.
    return drawSnapshot(table, table.unborn, born, { status: 'error', error })
  }
}

function createRun(table: Table, event: AnyEventObject, scope: AnyActorScope): Run {
  const given: unknown = table.machine.config.context
  const context = typeof given !== 'function' && given ? given : {}
  return { scope, event, base: table.nothing, context, children: NOTHING, assigned: false }
}
