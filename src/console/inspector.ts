// Says what the actors do in the language of Stately's inspector, to whoever is connected.

import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect'
import type { AnyEventObject } from 'xstate'
import { nameOf, type InspectedActor, type Inspection } from './inspected.ts'
import { createSendBuffer } from './send-buffer.ts'
import { plainData, plainSnapshot } from './plain-data.ts'
import type { Viewer } from './stream.ts'

export interface StatelyStream {
  /** Shows a newcomer these actors as they are; what happens to them follows. */
  join(viewer: Viewer, actors: Iterable<InspectedActor>): void
  leave(viewer: Viewer): void
  readonly viewers: number
  actor(actor: InspectedActor): void
  tell(inspection: Inspection): void
}

export interface StreamOptions {
  /** Monotonic, ms. */
  readonly now: () => number
  /** Hears how many messages viewers have missed since the last call, once a second at most. */
  readonly onDropped: (messages: number) => void
}

export function createStatelyStream({ now, onDropped }: StreamOptions): StatelyStream {
  const sendBuffer = createSendBuffer(now)
  let newcomer: string[] | undefined
  const say = createSpeaker((text) => {
    if (newcomer === undefined) sendBuffer.put(text)
    else newcomer.push(text)
  })
  const noteDropped = (actor: InspectedActor): void => {
    const messages = sendBuffer.missed()
    if (messages === 0) return
    onDropped(messages)
    say.event(rootOf(actor), { type: 'inspection.thinned', messages })
  }
  /** False when what follows need not be made; it is counted as missed. */
  const isHeard = (actor: InspectedActor): boolean => {
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
      newcomer = []
      for (const actor of actors) say.actor(actor)
      viewer.sendAll(newcomer)
      newcomer = undefined
      sendBuffer.join(viewer)
    },
    leave: (viewer) => sendBuffer.leave(viewer),
    actor(actor) {
      if (isHeard(actor)) say.actor(actor)
    },
    tell(inspection) {
      // The caller shows an actor before it tells of it.
      if (inspection.type === '@xstate.actor' || !isHeard(inspection.actorRef)) return
      const { actorRef, event } = inspection
      if (inspection.type === '@xstate.snapshot') say.snapshot(actorRef, event, inspection.snapshot)
      else say.event(actorRef, event, inspection.sourceRef)
    },
  }
}

/** What Stately's package makes of actors, events and snapshots, as texts. */
function createSpeaker(put: (text: string) => void) {
  const definitions = new WeakMap<object, string>()
  let about: InspectedActor | undefined
  const send = (message: StatelyInspectionEvent): void => put(JSON.stringify(message))
  // What the library leaves open: which system, the actor's name, and its chart, made once per kind.
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

/** Functions become their names, as Stately's own converter does it. */
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
