// Runs a flat chart from a table instead of by XState's interpreter, with the same steps.
//
// Why: a payment's life is a few transitions, and thousands of payments live each second. On each
// event the interpreter works out anew what never changes (which states to leave and to enter, in
// which order, a copied snapshot per action). Here that is worked out once per chart.
//
// What it saves, medians of five runs with and without it in alternation, in the limits of
// docker-compose.yml (2 cores, Debian 12, Node 20, XState 5.33.3, 2026-11-25, a busy hour):
//   the challenge's load      each Pit's CPU over all payments 777 µs, without 907 µs (+17 %);
//                             p99 32 ms, without 65 ms; throttled periods per Pit 14, without 34
//   sustained, 2,000/s asked  1,009/s stored at 800 µs of both Pits per payment;
//                             without 275 to 830/s at 873 to 3,267 µs
//   one life, bench:actors    10.6 µs and 9.4 kB allocated; without 25.2 µs and 48.5 kB
//
// How it is checked: spec/actors/compiled-chart takes random walks through random charts, and the
// spec of each compiled chart takes them through that chart, by the interpreter and compiled. All
// that can be seen has to be the same: snapshots, actions, guards, order, errors, inspection
// events. A chart that holds more than the table knows is refused when it is compiled, which every
// spec that starts it notices. docs/XSTATE.md says what this relies on in XState.
//
// How to delete it: replace each `compileChart(chart)` in src/actors by `chart` (payment/logic.ts,
// persistence/accept-batcher.ts and outcome-batcher.ts, circuit/processor-health.machine.ts,
// supervisor/supervisor.ts). Then remove this folder, spec/actors/compiled-chart,
// spec/support/same-walks.ts and random-chart.ts with the tests that use them, and the compiled
// kind of bench/actors. Nothing else knows of it.

import assert from 'node:assert'
import type { AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { snapshotAt, takeEvent, enterInitial } from './compiled-steps.ts'
import { compileTable, type Run, type Table } from './compiled-table.ts'

/**
 * Actor logic that takes the same steps as `machine`: same snapshots, actions, errors and
 * inspection events, in the same order. In all other respects (`states`, `definition`,
 * `getPersistedSnapshot`) it is the machine. What XState itself sends (`xstate.stop`, a child that
 * failed) is handed to the machine's own transition.
 *
 * Call it after `provide`, once per machine: implementations are resolved here.
 * @throws AssertionError with the name of what the machine holds and the table does not know.
 */
export function compileChart<Machine extends AnyStateMachine>(machine: Machine): Machine {
  const table = compileTable(machine)
  const logic: Machine = Object.create(machine, {
    transition: {
      value: (snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope) =>
        event.type.startsWith('xstate.')
          ? machine.transition(snapshot, event, scope)
          : takeEvent(table, snapshot, { scope, event, context: snapshot.context }),
    },
    getInitialSnapshot: {
      value: (scope: AnyActorScope, input: unknown) => start(table, scope, input),
    },
    provide: {
      value: () => assert.fail(`${machine.id}: provide comes before compileChart`),
    },
  })
  return logic
}

function start(table: Table, scope: AnyActorScope, input: unknown): AnyMachineSnapshot {
  const run: Run = { scope, event: { type: 'xstate.init', input }, context: {} }
  let made = run.context
  try {
    made = { ...table.createContext({ input, self: scope.self }) }
    run.context = made
    return enterInitial(table, run)
  } catch (error) {
    // What the failed steps had changed is dropped; the context that was made stays.
    return snapshotAt(table, table.preInitial, made, { status: 'error', error })
  }
}
