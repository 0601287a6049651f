// Everything that can be seen of one chart being walked: its snapshots, what its actions, guards
// and parent see, and what inspectors and subscribers are told.

import { SimulatedClock, createActor } from 'xstate'
import type {
  ActorLogic,
  AnyActorRef,
  AnyEventObject,
  AnyStateMachine,
  InspectionEvent,
  Snapshot,
} from 'xstate'
import { picture } from './picture.ts'

export interface Walk {
  readonly input: unknown
  readonly events: readonly AnyEventObject[]
  /** After this many events the actor is replaced by one restored from its persisted snapshot. */
  readonly restoreAfter: number | undefined
  /** Events that `can` is asked about after each step. */
  readonly asked: readonly AnyEventObject[]
}

/** Runs the walk as a child of a plain parent, which stops it at the end. */
export function traceWalk(machine: AnyStateMachine, walk: Walk, notes: unknown[]): unknown[] {
  const parent = createActor(plainParent(notes), {
    clock: new SimulatedClock(),
    inspect: (event) => notes.push(pictureOfInspection(event)),
  }).start()
  const options = { parent, id: 'walker', src: 'walker' }
  let actor: AnyActorRef = watch(createActor(machine, { ...options, input: walk.input }), notes)
  notes.push(pictureOfActor(actor, walk))
  walk.events.forEach((event, index) => {
    if (index === walk.restoreAfter) {
      const snapshot = actor.getPersistedSnapshot()
      parent.send({ type: 'child.stopped', child: actor })
      actor = watch(createActor(machine, { ...options, snapshot, input: walk.input }), notes)
    }
    const before = actor.getSnapshot()
    actor.send(event)
    notes.push({ same: actor.getSnapshot() === before }, pictureOfActor(actor, walk))
  })
  parent.send({ type: 'child.stopped', child: actor })
  notes.push(pictureOfActor(actor, walk))
  return notes
}

function watch(actor: AnyActorRef, notes: unknown[]): AnyActorRef {
  notes.push({ unstarted: picture(actor.getSnapshot().status) })
  actor.subscribe({
    next: (snapshot) => notes.push({ next: picture(snapshot.value) }),
    error: (error) => notes.push({ failed: picture(error) }),
    complete: () => notes.push('complete'),
  })
  actor.start()
  return actor
}

function plainParent(notes: unknown[]): ActorLogic<Snapshot<undefined>, AnyEventObject> {
  return {
    transition(snapshot, event, scope) {
      if (event.type === 'child.stopped') scope.stopChild(event['child'])
      else notes.push({ heard: picture(event) })
      return snapshot
    },
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

function pictureOfActor(actor: AnyActorRef, walk: Walk): unknown {
  const snapshot = actor.getSnapshot()
  // A failed start leaves no more than a status and an error.
  if (!('machine' in snapshot)) return picture(snapshot)
  return {
    ...pictureOfSnapshot(snapshot),
    can: walk.asked.map((event) => attempt(() => snapshot.can(event))),
    matches: Object.keys(snapshot.machine.states).map((value) => snapshot.matches(value)),
    meta: picture(snapshot.getMeta()),
    json: attempt(() => snapshot.toJSON()),
    persisted: attempt(() => actor.getPersistedSnapshot()),
  }
}

function pictureOfSnapshot(snapshot: object): object {
  const { machine, _nodes, ...fields } = snapshot as Record<string, unknown>
  const nodes = Array.isArray(_nodes) ? _nodes.map((node) => node.id) : []
  return { machine: picture((machine as { id?: string } | undefined)?.id), nodes, ...pairs(fields) }
}

function pairs(fields: Record<string, unknown>): object {
  return { fields: picture(fields) }
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
