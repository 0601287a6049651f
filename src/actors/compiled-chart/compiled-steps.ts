// Takes one event through a compiled chart: XState's macrostep, with the snapshots it leads to.

import assert from 'node:assert'
import type { AnyEventObject, AnyMachineSnapshot, MachineContext } from 'xstate'
import type { Row, Run, Step, Table } from './compiled-table.ts'

/** The microstep of the event itself, then the eventless ones. */
export function takeEvent(table: Table, from: AnyMachineSnapshot, run: Run): AnyMachineSnapshot {
  const steps = rowOf(table, from).byType.get(run.event.type) ?? NONE
  const step = firstOf(steps, run, passesForEvent)
  const next = step === undefined ? from : takeStep(table, step, from, run)
  inspect(run, next, step)
  return runEventless(table, next, run)
}

const NONE: readonly never[] = Object.freeze([])

/** Entry into the initial state, then the eventless steps. */
export function enterInitial(table: Table, run: Run): AnyMachineSnapshot {
  for (const action of table.initialActions) action(run)
  return runEventless(table, arrive(table, table.initial, run), run)
}

/** Eventless steps until none is enabled or one changes nothing, as the interpreter does. */
function runEventless(table: Table, from: AnyMachineSnapshot, run: Run): AnyMachineSnapshot {
  let current = from
  while (current.status === 'active') {
    const step = firstOf(rowOf(table, current).always, run, passes)
    if (step === undefined) return current
    const next = takeStep(table, step, current, run)
    inspect(run, next, step)
    if (next === current) return current
    current = next
  }
  return current
}

function firstOf(steps: readonly Step[], run: Run, test: typeof passes): Step | undefined {
  for (const step of steps) if (test(step, run)) return step
  return undefined
}

function passes({ guard }: Step, { context, event }: Run): boolean {
  return guard === undefined || Boolean(guard({ context, event }))
}

/** A guard that throws is reported in XState's own words, and as there without a cause. */
function passesForEvent(step: Step, run: Run): boolean {
  let fault: unknown
  try {
    return passes(step, run)
  } catch (error) {
    fault = error
  }
  const place = `event '${run.event.type}' in state node '${step.transitions[0].source.id}'`
  const text = `Unable to evaluate guard '${step.guardName}' in transition for ${place}:\n`
  throw new Error(text + (fault as Error).message)
}

/** A step that neither leaves the state nor assigns gives back the snapshot it came from. */
function takeStep(
  table: Table,
  step: Step,
  from: AnyMachineSnapshot,
  run: Run,
): AnyMachineSnapshot {
  const before = run.context
  for (const action of step.actions) action(run)
  const row = step.target ?? rowOf(table, from)
  return row.value === from.value && run.context === before ? from : arrive(table, row, run)
}

function arrive(table: Table, row: Row, run: Run): AnyMachineSnapshot {
  if (row.doneType === undefined) return snapshotAt(table, row, run.context, ACTIVE)
  const event = { type: row.doneType, output: undefined }
  const output = table.outputOf?.({ context: run.context, event, self: run.scope.self })
  return snapshotAt(table, row, run.context, { status: 'done', output })
}

/** How a snapshot differs from an active one. */
interface Ending {
  readonly status: 'active' | 'done' | 'error'
  readonly output?: unknown
  readonly error?: unknown
}

const ACTIVE: Ending = { status: 'active' }

/** Children and history: none. Shared and frozen: the interpreter copies before it writes. */
const NOTHING: Readonly<Record<string, never>> = Object.freeze({})

/** A snapshot with the fields, the methods and the order of keys that XState's own has. */
export function snapshotAt(
  { machine, methods }: Table,
  row: Row,
  context: MachineContext,
  ending: Ending,
): AnyMachineSnapshot {
  const snapshot = {
    status: ending.status,
    output: ending.output,
    error: ending.error,
    machine,
    context,
    _nodes: row.nodes,
    value: row.value,
    tags: row.tags,
    children: NOTHING,
    historyValue: NOTHING,
    matches: methods.matches,
    hasTag: methods.hasTag,
    can: methods.can,
    getMeta: methods.getMeta,
    toJSON: methods.toJSON,
  }
  return snapshot as unknown as AnyMachineSnapshot
}

function rowOf(table: Table, { value }: AnyMachineSnapshot): Row {
  assert(typeof value === 'string', 'a compiled chart is flat')
  const row = table.rows.get(value)
  assert(row !== undefined, 'a snapshot is in a state of its chart')
  return row
}

/** XState's types leave this out, and inspectors live on it. Without observers it does nothing. */
interface InspectedSystem {
  _sendInspectionEvent(event: {
    readonly type: '@xstate.microstep'
    readonly actorRef: unknown
    readonly event: AnyEventObject
    readonly snapshot: AnyMachineSnapshot
    readonly _transitions: readonly unknown[]
  }): void
}

function inspect(
  { scope, event }: Run,
  snapshot: AnyMachineSnapshot,
  step: Step | undefined,
): void {
  const system = scope.system as unknown as InspectedSystem
  system._sendInspectionEvent({
    type: '@xstate.microstep',
    actorRef: scope.self,
    event,
    snapshot,
    _transitions: step === undefined ? NONE : step.transitions,
  })
}
