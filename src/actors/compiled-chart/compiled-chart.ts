// Runs a flat chart from a table instead of by XState's interpreter, with the same steps.
//
// Why: a payment's life is a few transitions, and thousands of payments live each second. On each
// event the interpreter works out anew what never changes (which states to leave and to enter, in
// which order, a copied snapshot per action). Here that is worked out once per chart.
//
// What it saves: without it, in runs that alternated with runs of the same build (XState 5.33.3,
// 2026-11-25, the limits of docker-compose.yml; docs/bench-log/2026-11-25-compiled-chart.md),
//   one payment's life     takes 2.4 times the CPU and allocates 5.2 times the memory
//   a Pit of the challenge takes 17 % more CPU for a payment; the p99 is twice as long
//   beyond saturation      18 % fewer payments are stored at best
//
// How it is checked: spec/actors/compiled-chart takes random walks through random charts, and the
// spec of each compiled chart takes them through that chart, by the interpreter and compiled. All
// that can be seen has to be the same: snapshots, actions, guards, order, errors, inspection
// events. A chart that holds more than the table knows is refused when it is compiled, which every
// spec that starts it notices. docs/XSTATE.md says what this relies on in XState.
//
// How to delete it:
//   src    replace each `compileChart(chart)` by `chart`: payment/logic.ts,
//          persistence/accept-batcher.ts and outcome-batcher.ts, supervisor/supervisor.ts,
//          circuit/processor-health.machine.ts; remove this folder
//   spec   remove actors/compiled-chart, support/same-walks.ts and support/random-chart.ts with the
//          tests that use them; payment-walks, transition-counts and console/inspector-hook call
//          `compileChart` themselves; payment/logic.spec.ts runs the payment both ways
//   bench  remove the kind `compiled`: actors.ts, actors/job.ts, actors/chart-lives.ts
//   texts  STYLE.md (the tree, Charts 3), CONTRIBUTING.md (Add a state 5), a decision in
//          ARCHITECTURE.md, CPU per payment in BENCHMARKS.md, docs/XSTATE.md,
//          docs/DEPENDENCIES.md
// spec/actors/xstate-internals.spec.ts keeps this list whole.

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
