// The table that a chart is compiled into.

import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate'
import { actionsOf, emptyRow, fillRow, rowOf } from './row.ts'
import type { Row, Step } from './row.ts'

export interface Table {
  readonly machine: AnyStateMachine
  readonly rows: Map<string, Row>
  /** Entry into the initial state. */
  readonly opening: Step
  /** Before the initial state: what a failed start leaves behind. */
  readonly unborn: Row
  /** Stands for the snapshot that a start comes from; read only for its children and machine. */
  readonly nothing: AnyMachineSnapshot
  readonly methods: SnapshotMethods
}

/** The functions that every snapshot carries; they work on `this`, so all may share them. */
export type SnapshotMethods = Pick<
  AnyMachineSnapshot,
  'matches' | 'hasTag' | 'can' | 'getMeta' | 'toJSON'
>

/** Compiles a machine that `isCompilable` has let through; throws on any other. */
export function compileTable(machine: AnyStateMachine): Table {
  const root: AnyStateNode = machine.root
  const nodes = Object.values(root.states)
  const rows = new Map(nodes.map((node) => [node.key, emptyRow(machine, node)]))
  for (const node of nodes) fillRow({ machine, rows, row: rowOf(rows, node), node })
  const start = rowOf(rows, root.initial.target[0] as AnyStateNode)
  const first = root.states[start.value] as AnyStateNode
  const entry = [...root.entry, ...root.initial.actions, ...first.entry]
  const unborn = { ...emptyRow(machine, root), value: start.value, nodes: [root] }
  const opening = { transitions: [], guard: undefined, guardName: undefined, ownerId: root.id }
  const nothing = machine.resolveState({ value: start.value, context: {} })
  return {
    machine,
    rows,
    opening: { ...opening, actions: actionsOf(machine, entry), target: start },
    unborn,
    nothing,
    methods: nothing,
  }
}
