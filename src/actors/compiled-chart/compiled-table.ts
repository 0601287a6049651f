// The table that a chart is compiled into: its states, each with its transitions by event type,
// guards and actions resolved. What no compiled chart of Pit holds is refused here, by its name.

import assert from 'node:assert'
import type {
  AnyActorScope,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  MachineContext,
} from 'xstate'

/** One event being worked through. */
export interface Run {
  readonly scope: AnyActorScope
  readonly event: AnyEventObject
  /** As of the action that comes next; replaced by each `assign`. */
  context: MachineContext
}

export type Action = (run: Run) => void

/** Truthy lets the transition pass. */
export type Guard = (args: Readonly<{ context: MachineContext; event: AnyEventObject }>) => unknown

/** One transition out of one state. */
export interface Step {
  /** The definition, as the interpreter shows it to inspectors. */
  readonly transitions: readonly [AnyTransitionDefinition]
  readonly guard: Guard | undefined
  readonly guardName: string | undefined
  /** The transition's own, then the entry actions of its target. */
  readonly actions: readonly Action[]
  /** The state that is entered; undefined for a transition that stays. */
  readonly target: Row | undefined
}

/** One state. */
export interface Row {
  readonly value: string
  /** In the interpreter's order. */
  readonly nodes: readonly AnyStateNode[]
  /** Shared by all snapshots in this state. */
  readonly tags: ReadonlySet<string>
  /** The state's own steps, then the root's, in the order in which they are tried. */
  readonly byType: Map<string, readonly Step[]>
  /** Eventless ones. */
  readonly always: Step[]
  /** Final states only: the type of the event that the output is computed from. */
  readonly doneType: string | undefined
}

export interface Table {
  readonly machine: AnyStateMachine
  readonly rows: ReadonlyMap<string, Row>
  readonly initial: Row
  /** Entry actions of the initial state. */
  readonly initialActions: readonly Action[]
  /** Before the initial state: what a failed start leaves behind. */
  readonly preInitial: Row
  readonly createContext: (args: { input: unknown; self: unknown }) => MachineContext
  readonly outputOf:
    | ((args: { context: MachineContext; event: AnyEventObject; self: unknown }) => unknown)
    | undefined
  /** The functions that every snapshot carries; they work on `this`, so all may share them. */
  readonly methods: Pick<AnyMachineSnapshot, 'matches' | 'hasTag' | 'can' | 'getMeta' | 'toJSON'>
}

/** @throws AssertionError that names what the machine holds beyond the keys below. */
export function compileTable(machine: AnyStateMachine): Table {
  const root: AnyStateNode = machine.root
  const value: unknown = root.config.initial
  const createContext: unknown = machine.config.context
  assertKnown(machine.id, root.config, ROOT_KEYS)
  assert(typeof value === 'string', `${machine.id}: initial is not the name of a state`)
  assert(typeof createContext === 'function', `${machine.id}: context is not a function`)
  const outputOf: unknown = root.output
  assert(
    outputOf === undefined || typeof outputOf === 'function',
    `${machine.id}: output is not a function`,
  )
  const nodes = Object.values(root.states)
  const rows = new Map(nodes.map((node) => [node.key, emptyRow(machine, node)]))
  for (const node of nodes) fillRow({ machine, rows }, node)
  const initial = rowOf(rows, value)
  const initialNode = root.states[value]
  assert(initialNode !== undefined, `${machine.id}: initial is the name of a state`)
  return {
    machine,
    rows,
    initial,
    initialActions: actionsOf(machine, initialNode.entry),
    preInitial: { ...initial, nodes: [root], tags: new Set() },
    createContext: createContext as Table['createContext'],
    outputOf: outputOf as Table['outputOf'],
    methods: machine.resolveState({ value, context: {} }),
  }
}

/** What the root, a state and a transition may say; what XState adds to them stands last. */
const ROOT_KEYS = ['id', 'context', 'initial', 'on', 'states', 'output', 'schemas']
const STATE_KEYS = ['type', 'tags', 'entry', 'on', 'always']
const TRANSITION_KEYS = ['guard', 'target', 'actions', 'source', 'reenter', 'eventType', 'toJSON']

function assertKnown(where: string, holder: object, keys: readonly string[]): void {
  for (const [key, value] of Object.entries(holder)) {
    const isKnown = value === undefined || keys.includes(key)
    assert(isKnown, `${where}: ${key} is not compiled`)
  }
}

/** A state without its steps: those refer to other states, so all states come first. */
function emptyRow(machine: AnyStateMachine, node: AnyStateNode): Row {
  const where = `${machine.id}, state ${node.key}`
  assertKnown(where, node.config, STATE_KEYS)
  const isFinal = node.type === 'final'
  assert(isFinal || node.type === 'atomic', `${where}: type ${node.type} is not compiled`)
  return {
    value: node.key,
    // Outermost first, and turned round by a final state.
    nodes: isFinal ? [node, machine.root] : [machine.root, node],
    tags: new Set(node.tags),
    byType: new Map(),
    always: [],
    doneType: isFinal ? `xstate.done.state.${node.id}` : undefined,
  }
}

type Filling = Pick<Table, 'machine' | 'rows'>

/** Adds the steps of a state and, behind them, those of the root. A final state takes none. */
function fillRow(filling: Filling, node: AnyStateNode): void {
  const row = rowOf(filling.rows, node.key)
  if (row.doneType !== undefined) return
  const owners: readonly AnyStateNode[] = [node, filling.machine.root]
  for (const type of owners.flatMap((owner) => [...owner.transitions.keys()])) {
    const transitions = owners.flatMap((owner) => owner.transitions.get(type) ?? [])
    row.byType.set(
      type,
      transitions.map((transition) => compileStep(filling, transition)),
    )
  }
  row.always.push(...(node.always ?? []).map((transition) => compileStep(filling, transition)))
}

function compileStep({ machine, rows }: Filling, transition: AnyTransitionDefinition): Step {
  const { source, eventType, guard, reenter, actions } = transition
  const where = `${machine.id}, ${eventType === '' ? 'always' : eventType} of ${source.key}`
  assertKnown(where, transition, TRANSITION_KEYS)
  assert(!eventType.includes('*'), `${where}: a wildcard is not compiled`)
  assert(!reenter, `${where}: reenter is not compiled`)
  assert(guard === undefined || typeof guard === 'string', `${where}: a guard without a name`)
  const target = targetOf(where, transition)
  return {
    transitions: [transition],
    guard: guard === undefined ? undefined : guardOf(machine, guard),
    guardName: guard,
    actions: actionsOf(machine, [...actions, ...(target?.entry ?? [])]),
    target: target === undefined ? undefined : rowOf(rows, target.key),
  }
}

function targetOf(
  where: string,
  { source, target }: AnyTransitionDefinition,
): AnyStateNode | undefined {
  if (target === undefined) return undefined
  const [node] = target
  assert(target.length === 1 && node !== undefined, `${where}: several targets are not compiled`)
  assert(node.parent !== undefined, `${where}: the root as a target is not compiled`)
  assert(node !== source, `${where}: a state that targets itself is not compiled`)
  return node
}

function guardOf(machine: AnyStateMachine, guard: string): Guard {
  const guards = machine.implementations.guards as Readonly<Record<string, unknown>>
  const implementation = guards[guard]
  assert(
    typeof implementation === 'function' && !('check' in implementation),
    `${machine.id}: guard ${guard} is not a plain function`,
  )
  return implementation as Guard
}

function actionsOf(machine: AnyStateMachine, actions: readonly unknown[]): readonly Action[] {
  return actions.map((action) => compileAction(machine, action))
}

/** A named action, by its name alone or with static params; the order is XState's. */
function compileAction(machine: AnyStateMachine, action: unknown): Action {
  const { type, params } = (typeof action === 'string' ? { type: action } : action) as Named
  assert(typeof type === 'string', `${machine.id}: an action without a name`)
  assert(typeof params !== 'function', `${machine.id}: params of ${type} are a function`)
  const actions = machine.implementations.actions as Readonly<Record<string, unknown>>
  const implementation = actions[type]
  assert(typeof implementation === 'function', `${machine.id}: action ${type} is not provided`)
  if (!('resolve' in implementation)) return compileEffect(type, implementation as Effect, params)
  assert(
    'assignment' in implementation && params === undefined,
    `${machine.id}: action ${type} is neither a plain function nor an assign without params`,
  )
  return compileAssign(`${machine.id}: assign ${type}`, implementation.assignment)
}

interface Named {
  readonly type?: unknown
  readonly params?: unknown
}

type Effect = (args: ActionArgs, params: unknown) => void

/** XState gives an assigner `spawn` besides; no compiled chart has children of its own. */
interface ActionArgs {
  readonly context: MachineContext
  readonly event: AnyEventObject
  readonly self: unknown
  readonly system: unknown
}

function argsOf({ scope, event, context }: Run): ActionArgs {
  return { context, event, self: scope.self, system: scope.system }
}

/** The actor's executor shows it to inspectors and, before the start, defers it. */
function compileEffect(type: string, exec: Effect, params: unknown): Action {
  return (run) => run.scope.actionExecutor({ type, info: argsOf(run), params, exec } as never)
}

// A copy that is spread has its fields inside from the start; one that grows from {} would leave
// several stores of them behind.
function compileAssign(where: string, assignment: unknown): Action {
  if (typeof assignment === 'function') {
    const assigner = assignment as (args: ActionArgs) => object
    return (run) => {
      run.context = Object.assign({ ...run.context }, assigner(argsOf(run)))
    }
  }
  const update = assignment as Readonly<Record<string, unknown>>
  for (const [key, value] of Object.entries(update)) {
    assert(typeof value !== 'function', `${where}: a function for ${key} is not compiled`)
  }
  return (run) => {
    run.context = Object.assign({ ...run.context }, update)
  }
}

function rowOf(rows: Table['rows'], key: string): Row {
  const row = rows.get(key)
  assert(row !== undefined, `${key} is not a state of the chart`)
  return row
}
