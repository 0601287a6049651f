// What the actors do, in the format of Stately's inspector, for the connected viewers.

import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect'
import type { AnyEventObject } from 'xstate'
import { type InspectedActor, type Inspection, nameOf } from './inspector-hook.ts'
import type { OnBug } from './contained.ts'
import { createSendBuffer } from './send-buffer.ts'
import type { Viewer } from './stream.ts'

export interface StatelyStream {
  /** Sends a new viewer these actors as they are now, and from then on what happens. */
  join(viewer: Viewer, actors: Iterable<InspectedActor>): void
  leave(viewer: Viewer): void
  readonly viewers: number
  actor(actor: InspectedActor): void
  report(inspection: Inspection): void
}

export interface StreamOptions {
  /** Monotonic, ms. */
  readonly now: () => number
  /** Gets how many messages viewers have missed since the last call, once a second at most. */
  readonly onDropped: (messages: number) => void
  readonly onBug: OnBug
}

export function createStatelyStream({ now, onDropped, onBug }: StreamOptions): StatelyStream {
  const sendBuffer = createSendBuffer({ now, onBug })
  let firstTexts: string[] | undefined
  const write = createMessageWriter((text) => {
    if (firstTexts === undefined) sendBuffer.put(text)
    else firstTexts.push(text)
  })
  const noteDropped = (actor: InspectedActor): void => {
    const messages = sendBuffer.missed()
    if (messages === 0) return
    onDropped(messages)
    write.event(rootOf(actor), { type: 'inspection.thinned', messages })
  }
  /** False while no viewer would be sent a message; it is then counted as missed and not made. */
  const isWanted = (actor: InspectedActor): boolean => {
    noteDropped(actor)
    if (sendBuffer.isOpen) return true
    sendBuffer.miss()
    return false
  }
  return {
    get viewers() {
      return sendBuffer.viewers
    },
    join(viewer, actors) {
      firstTexts = []
      for (const actor of actors) write.actor(actor)
      viewer.sendAll(firstTexts)
      firstTexts = undefined
      sendBuffer.join(viewer)
    },
    leave: (viewer) => sendBuffer.leave(viewer),
    actor(actor) {
      if (isWanted(actor)) write.actor(actor)
    },
    report(inspection) {
      // The caller sends an actor itself before what happens to it.
      if (inspection.type === '@xstate.actor' || !isWanted(inspection.actorRef)) return
      const { actorRef, event } = inspection
      if (inspection.type === '@xstate.snapshot')
        write.snapshot(actorRef, event, inspection.snapshot)
      else write.event(actorRef, event, inspection.sourceRef)
    },
  }
}

/** Turns actors, events and snapshots into texts by Stately's package. */
function createMessageWriter(put: (text: string) => void) {
  const definitions = new WeakMap<object, string>()
  let about: InspectedActor | undefined
  const send = (message: StatelyInspectionEvent): void => put(JSON.stringify(message))
  // The library leaves these out: the system, the actor's name, and its chart, made once per kind.
  const serialize = (message: StatelyInspectionEvent): StatelyInspectionEvent => {
    if (about === undefined) return message
    const rootId = rootOf(about).sessionId
    if (message.type !== '@xstate.actor') return Object.assign(message, { rootId })
    const definition = definitionOf(about, definitions)
    const parentId = about._parent?.sessionId
    return Object.assign(message, { rootId, name: nameOf(about), definition, parentId })
  }
  const inspector = createInspector({ send }, { serialize })
  return {
    actor(actor: InspectedActor): void {
      about = actor
      inspector.actor(actor.sessionId, plainSnapshot(actor.getSnapshot()))
    },
    event(actor: InspectedActor, event: AnyEventObject, from?: InspectedActor): void {
      about = actor
      const source = from === undefined ? {} : { source: from.sessionId }
      inspector.event(actor.sessionId, plainEvent(event), source)
    },
    snapshot(actor: InspectedActor, event: AnyEventObject, snapshot: unknown): void {
      about = actor
      inspector.snapshot(actor.sessionId, plainSnapshot(snapshot), { event: plainEvent(event) })
    },
  }
}

function plainEvent(event: AnyEventObject): AnyEventObject {
  return plainData(event) as AnyEventObject
}

function rootOf(actor: InspectedActor): InspectedActor {
  return actor._parent === undefined ? actor : rootOf(actor._parent)
}

/** Functions become their names, as in Stately's own converter. */
function definitionOf(
  actor: InspectedActor,
  definitions: WeakMap<object, string>,
): string | undefined {
  const config = actor.logic?.config
  if (config === undefined) return JSON.stringify({ id: nameOf(actor) })
  const known = definitions.get(config)
  if (known !== undefined) return known
  const text = JSON.stringify(config, (_, value: unknown) =>
    typeof value === 'function' ? { type: value.name } : value,
  )
  definitions.set(config, text)
  return text
}

/**
 * Ports, callbacks and whole subsystems: they are no data, and some hold connections and passwords.
 */
const NOT_SHOWN = new Set(
  ['ports', 'cache', 'fence', 'work', 'health', 'telemetry', 'ledger', 'lease', 'machine'].concat([
    'processors',
    'random',
    'replyTo',
    'settledSet',
    'dependencies',
    'clock',
    'children',
    'system',
  ]),
)

const DEPTH_MAX = 7
/** Enough to see that it is a batch; a payment's attempts are all in its status. */
const ITEMS_MAX = 8
const TEXT_MAX = 400

/**
 * Data fit to be shown: numbers, texts, and bounded arrays and objects of them. Instances of
 * classes become the name of their class; functions and what actors work with are left out.
 */
export function plainData(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.slice(0, TEXT_MAX)
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value !== 'object') return undefined
  if (value instanceof Error) return { name: value.name, message: value.message.slice(0, TEXT_MAX) }
  if (depth >= DEPTH_MAX) return '…'
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => plainData(item, depth + 1))
    return value.length > ITEMS_MAX ? [...items, `… ${value.length - ITEMS_MAX} more`] : items
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`
  return plainObject(value, depth)
}

/**
 * A snapshot as an inspector shows it: state and context, without XState's internals. An actor that
 * has just been created has none yet.
 */
export function plainSnapshot(snapshot: unknown): PlainSnapshot {
  if (snapshot === undefined) return { status: 'active' }
  const { status, value, context, output, error } = snapshot as Readonly<Record<string, unknown>>
  const shown = { status, value, context, output, error }
  return plainObject(shown, 0) as PlainSnapshot
}

export interface PlainSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly value?: unknown
  readonly context?: unknown
}

/** A loop, because making and mapping entries costs several times the copy itself. */
function plainObject(value: object, depth: number): object {
  const fields = value as Readonly<Record<string, unknown>>
  const plain: Record<string, unknown> = {}
  for (const key of Object.keys(fields)) {
    if (NOT_SHOWN.has(key)) continue
    const field = plainData(fields[key], depth + 1)
    if (field !== undefined) plain[key] = field
  }
  return plain
}
