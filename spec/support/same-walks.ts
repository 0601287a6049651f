// Walks a chart twice, by XState's interpreter and compiled, and demands that nothing differs that
// can be seen: by its own actions and guards, its parent, subscribers or inspectors.

import { inspect, isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import { createActor, SimulatedClock } from 'xstate'
import type {
  ActorLogic,
  AnyActorRef,
  AnyEventObject,
  AnyStateMachine,
  InspectionEvent,
  Snapshot,
} from 'xstate'
import { compileChart } from '../../src/actors/compiled-chart/compiled-chart.ts'
import { seeded, type Random } from './seeded.ts'

export interface Walks {
  /** Events to choose from; a function makes one anew each time. */
  readonly events: readonly (AnyEventObject | ((random: Random) => AnyEventObject))[]
  /** Input of each actor. */
  readonly input?: (random: Random) => unknown
  readonly walks: number
  /** Printed with the result; give it to see a failure again. */
  readonly seed?: number
}

/** Events of the longest walk. */
const STEPS_MAX = 14

/** Passes once when all walks are the same, fails with the first that differs. */
export function sameWalks(t: Test, machine: AnyStateMachine, request: Walks): void {
  const seed = request.seed ?? Date.now() % 1_000_000
  const differing = differingWalk(machine, machine, { ...request, seed })
  const walks = `${machine.id}: ${request.walks} walks of seed ${seed}`
  if (differing === undefined) t.pass(`${walks} are the same`)
  else t.fail(`${walks} are not the same`, { chart: show(machine.config), ...differing })
}

/** The first walk that `stock`, interpreted, takes otherwise than `other`, compiled. */
export function differingWalk(
  stock: AnyStateMachine,
  other: AnyStateMachine,
  request: Walks & { readonly seed: number },
): object | undefined {
  const random = seeded(request.seed)
  let seen: unknown[] = []
  const note = (what: unknown): void => void seen.push(what)
  const logics = [noting(stock, note), compileChart(noting(other, note))]
  for (let walked = 0; walked < request.walks; walked += 1) {
    const walk = makeWalk(request, random)
    const traces = logics.map((logic) => {
      seen = []
      traceWalk(logic, walk, note)
      return seen
    })
    const difference = differenceOf(traces)
    if (difference !== undefined) return { walked, walk: show(walk), ...difference }
  }
  return undefined
}

interface Walk {
  readonly input: unknown
  readonly events: readonly AnyEventObject[]
  /** Events that `can` is asked about after each step. */
  readonly asked: readonly AnyEventObject[]
}

function makeWalk({ events, input }: Walks, random: Random): Walk {
  const made = (event: (typeof events)[number]): AnyEventObject =>
    typeof event === 'function' ? event(random) : event
  return {
    input: input?.(random),
    events: Array.from({ length: 1 + random.below(STEPS_MAX) }, () => made(random.pick(events))),
    asked: events.map(made),
  }
}

type Note = (what: unknown) => void

/** Runs the walk as a child of a plain parent, which stops it at the end. */
function traceWalk(logic: AnyStateMachine, walk: Walk, note: Note): void {
  const parent = createActor(plainParent(note), {
    clock: new SimulatedClock(),
    inspect: (event) => note(pictureOfInspection(event)),
  }).start()
  const actor: AnyActorRef = createActor(logic, { parent, id: 'walker', input: walk.input })
  note({ unstarted: actor.getSnapshot().status })
  actor.subscribe({
    next: (snapshot) => note({ next: picture(snapshot.value) }),
    error: (error) => note({ failed: picture(error) }),
    complete: () => note('complete'),
  })
  actor.start()
  note(pictureOfActor(actor, walk))
  for (const event of walk.events) {
    const before = actor.getSnapshot()
    actor.send(event)
    note({ same: actor.getSnapshot() === before })
    note(pictureOfActor(actor, walk))
  }
  parent.send({ type: 'child.stopped', child: actor })
  note(pictureOfActor(actor, walk))
}

function plainParent(note: Note): ActorLogic<Snapshot<undefined>, AnyEventObject> {
  return {
    transition(snapshot, event, scope) {
      if (event.type === 'child.stopped') scope.stopChild(event['child'])
      else note({ heard: picture(event) })
      return snapshot
    },
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

/** The machine with each plain action and guard noting what it is given before it does its work. */
function noting(machine: AnyStateMachine, note: Note): AnyStateMachine {
  const { actions, guards } = machine.implementations
  return machine.provide({ actions: noteEach(actions, note), guards: noteEach(guards, note) })
}

type Implementation = (args: { context: unknown; event: unknown }, params: unknown) => unknown

function noteEach(implementations: object, note: Note): Record<string, Implementation> {
  const entries = Object.entries(implementations as Readonly<Record<string, Implementation>>)
  return Object.fromEntries(
    entries.map(([name, each]) => {
      if ('resolve' in each) return [name, each]
      const noted: Implementation = (args, params) => {
        note([name, picture([args.context, args.event, params])])
        return each(args, params)
      }
      return [name, noted]
    }),
  )
}

function pictureOfActor(actor: AnyActorRef, { asked }: Walk): unknown {
  const snapshot = actor.getSnapshot()
  // A failed start leaves no more than a status and an error.
  if (!('machine' in snapshot)) return picture(snapshot)
  return {
    ...pictureOfSnapshot(snapshot),
    can: asked.map((event) => attempt(() => snapshot.can(event))),
    matches: Object.keys(snapshot.machine.states).map((value) => snapshot.matches(value)),
    meta: picture(snapshot.getMeta()),
    json: attempt(() => snapshot.toJSON()),
    persisted: attempt(() => actor.getPersistedSnapshot()),
  }
}

function pictureOfSnapshot(snapshot: object): object {
  const { machine, _nodes: nodes, ...fields } = snapshot as Readonly<Record<string, unknown>>
  return {
    machine: (machine as { id?: string } | undefined)?.id,
    nodes: Array.isArray(nodes) ? nodes.map((node) => node.id) : [],
    fields: picture(fields),
  }
}

function attempt(read: () => unknown): unknown {
  try {
    return picture(read())
  } catch (error) {
    return picture(error)
  }
}

function pictureOfInspection(event: InspectionEvent): unknown {
  const seen: Record<string, unknown> = { actor: picture(event.actorRef), type: event.type }
  if ('event' in event) seen['event'] = picture(event.event)
  if ('snapshot' in event) seen['snapshot'] = pictureOfSnapshot(event.snapshot)
  if ('action' in event) seen['action'] = picture(event.action)
  if ('sourceRef' in event) seen['source'] = picture(event.sourceRef)
  if ('_transitions' in event) {
    seen['transitions'] = event._transitions.map((transition) => picture(transition.toJSON()))
  }
  return seen
}

/** Comparable: functions, actors and errors become words; what lies deeper than `depth` does not count. */
function picture(value: unknown, depth = 6): unknown {
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'string') return withoutSession(value)
  if (typeof value !== 'object' || value === null) return value
  if ('sessionId' in value && 'send' in value && 'id' in value) {
    return `actor ${withoutSession(String(value.id))}`
  }
  if (value instanceof Error) return { error: value.name, message: withoutSession(value.message) }
  if (depth === 0) return 'deeper'
  if (Array.isArray(value)) return value.map((item) => picture(item, depth - 1))
  if (value instanceof Set) return { set: picture([...value], depth - 1) }
  // Key order counts: it is part of how a snapshot is written out.
  return Object.entries(value).map(([key, item]) => [withoutSession(key), picture(item, depth - 1)])
}

/** Session ids come from a counter of the whole process. */
function withoutSession(text: string): string {
  return text.replace(/x:\d+/g, 'x:n')
}

function differenceOf(traces: readonly (readonly unknown[])[]): object | undefined {
  const [stock = [], compiled = []] = traces
  const length = Math.max(stock.length, compiled.length)
  for (let index = 0; index < length; index += 1) {
    if (!isDeepStrictEqual(stock[index], compiled[index])) {
      return { index, stock: show(stock[index]), compiled: show(compiled[index]) }
    }
  }
  return undefined
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: 100 })
}
