// Snapshots of a compiled chart: the fields, methods and key order of XState's own, made without
// working out again what the state already says.

import type { AnyMachineSnapshot } from 'xstate'
import type { Run } from './run.ts'
import type { Row } from './row.ts'
import type { Table } from './compiled-table.ts'

/** How a snapshot differs from an active one. */
export interface Ending {
  readonly status: 'active' | 'done' | 'error'
  readonly output?: unknown
  readonly error?: unknown
}

/** A snapshot in the state of `row`, with the run's context and children. */
export function drawSnapshot(
  table: Table,
  row: Row,
  run: Pick<Run, 'context' | 'children'>,
  ending: Ending,
): AnyMachineSnapshot {
  const { methods } = table
  const snapshot = {
    status: ending.status,
    output: ending.output,
    error: ending.error,
    machine: table.machine,
    context: run.context,
    _nodes: row.nodes,
    value: row.value,
    tags: row.tags,
    children: run.children,
    historyValue: NOTHING,
    matches: methods.matches,
    hasTag: methods.hasTag,
    can: methods.can,
    getMeta: methods.getMeta,
    toJSON: methods.toJSON,
  }
  return snapshot as unknown as AnyMachineSnapshot
}

/** No children, no history. Shared and frozen: the interpreter copies before it writes. */
export const NOTHING: Readonly<Record<string, never>> = Object.freeze({})
