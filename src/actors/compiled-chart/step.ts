// Runs one event through a compiled chart: the macrostep of XState, for the charts that
// `isCompilable` lets through.

import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import type { Run } from './run.ts'
import { drawSnapshot } from './compiled-snapshot.ts'
import { stopChildren } from './spawn.ts'
import type { Row, Step } from './row.ts'
import type { Table } from './compiled-table.ts'

/** The microstep of the event itself, then the eventless ones. `row` is the state of `run.base`. */
export function takeEvent(table: Table, row: Row, run: Run): AnyMachineSnapshot {
  const steps = row.byType.get(run.event.type) ?? row.others
  const step = steps.length === 0 ? undefined : selectForEvent(steps, run)
  const next = step === undefined ? run.base : takeStep(table, row, step, run)
  inspect(run, next, step)
  return settle(table, next, run)
}

/** Entry into the initial state, then the eventless steps. */
export function takeOpening(table: Table, run: Run): AnyMachineSnapshot {
  return settle(table, takeStep(table, table.unborn, table.opening, run), run)
}

/** Eventless steps until none is enabled or one changes nothing, as the interpreter does. */
function settle(table: Table, from: AnyMachineSnapshot, run: Run): AnyMachineSnapshot {
  let current = from
  while (current.status === 'active') {
    const row = table.rows.get(current.value as string) as Row
    if (row.always.length === 0) return current
    run.base = current
    const step = row.always.find(({ guard }) => guard === undefined || guard(current, run.event))
    if (step === undefined) return current
    const next = takeStep(table, row, step, run)
    inspect(run, next, step)
    if (next === current) return current
    current = next
  }
  run.base = current
  stopChildren(run)
  return current
}

function selectForEvent(steps: readonly Step[], run: Run): Step | undefined {
  for (const step of steps) {
    if (step.guard === undefined || passes(step, run)) return step
  }
  return undefined
}

/** A guard that throws is reported in XState's own words, and as there without a cause. */
function passes(step: Step, run: Run): unknown {
  let fault: unknown
  try {
    return step.guard?.(run.base, run.event)
  } catch (error) {
    fault = error
  }
  const name = step.guardName ? `'${step.guardName}' ` : ''
  const place = `event '${run.event.type}' in state node '${step.ownerId}'`
  const text = `Unable to evaluate guard ${name}in transition for ${place}:\n`
  throw new Error(text + (fault as Error).message)
}

/** A step that neither moves nor assigns gives back the snapshot it came from. */
function takeStep(table: Table, row: Row, step: Step, run: Run): AnyMachineSnapshot {
  run.assigned = false
  for (const action of step.actions) action(run)
  const place = step.target ?? row
  if (step.target?.finale !== undefined) return finish(table, step.target, run)
  if (place === row && !run.assigned) return run.base
  const { output, error } = run.base
  return drawSnapshot(table, place, run, { status: 'active', output, error })
}

/** The output sees the context before the last exit actions, which an actor's end still runs. */
function finish(table: Table, row: Row, run: Run): AnyMachineSnapshot {
  const output = outputOf(table, row, run)
  for (const action of row.finale?.actions ?? []) action(run)
  return drawSnapshot(table, row, run, { status: 'done', output })
}

function outputOf(table: Table, row: Row, run: Run): unknown {
  const node = row.finale?.node
  const final: unknown = node?.output
  // The interpreter asks a final state twice: for an event that nobody hears, and for the root.
  if (final !== undefined) mapOutput(final, run, run.event)
  const whole: unknown = table.machine.root.output
  if (whole === undefined) return undefined
  const output = final === undefined ? undefined : mapOutput(final, run, run.event)
  return mapOutput(whole, run, { type: `xstate.done.state.${node?.id}`, output })
}

function mapOutput(mapper: unknown, run: Run, event: AnyEventObject): unknown {
  if (typeof mapper !== 'function') return mapper
  return mapper({ context: run.context, event, self: run.scope.self })
}

/** XState's types leave this out, inspectors live on it. Without observers it does nothing. */
interface Inspected {
  _sendInspectionEvent(event: object): void
}

const NO_TRANSITIONS: readonly never[] = Object.freeze([])

function inspect(
  { scope, event }: Run,
  snapshot: AnyMachineSnapshot,
  step: Step | undefined,
): void {
  const system = scope.system as unknown as Inspected
  system._sendInspectionEvent({
    type: '@xstate.microstep',
    actorRef: scope.self,
    event,
    snapshot,
    _transitions: step === undefined ? NO_TRANSITIONS : step.transitions,
  })
}
