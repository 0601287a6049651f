// Says what the actors do in the language of Stately's inspector, to whoever is connected.

import { createInspector, type StatelyInspectionEvent } from '@statelyai/inspect'
import { nameOf, type InspectedActor, type Inspection } from './inspected.ts'
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

/** `onDropped` hears how many messages slow viewers have missed since the last call, now and then. */
export function createStatelyStream(onDropped: (messages: number) => void): StatelyStream {
  const viewers = new Set<Viewer>()
  let audience: Iterable<Viewer> = viewers
  let dropped = 0
  let about: InspectedActor | undefined
  const definitions = new WeakMap<object, string>()

  const send = (message: StatelyInspectionEvent): void => {
    const text = JSON.stringify(message)
    for (const viewer of audience) if (!viewer.send(text)) dropped += 1
  }
  // What the library leaves open: which system, the actor's name, and its chart, made once per kind.
  const serialize = (message: StatelyInspectionEvent): StatelyInspectionEvent => {
    if (about === undefined) return message
    const rootId = rootOf(about).sessionId
    if (message.type !== '@xstate.actor') return { ...message, rootId }
    const definition = definitionOf(about, definitions)
    return {
      ...message,
      rootId,
      name: nameOf(about),
      definition,
      parentId: about._parent?.sessionId,
    }
  }
  const inspector = createInspector({ send }, { serialize })

  const actor = (shown: InspectedActor): void => {
    about = shown
    inspector.actor(shown.sessionId, plainSnapshot(shown.getSnapshot()))
  }
  const noteDropped = (): void => {
    if (dropped === 0 || about === undefined) return
    const event = { type: 'inspection.thinned', messages: dropped }
    onDropped(dropped)
    dropped = 0
    inspector.event(rootOf(about).sessionId, event)
  }
  return {
    get viewers() {
      return viewers.size
    },
    join(viewer, actors) {
      audience = [viewer]
      for (const shown of actors) actor(shown)
      audience = viewers
      viewers.add(viewer)
    },
    leave: (viewer) => void viewers.delete(viewer),
    actor,
    tell(inspection) {
      about = inspection.actorRef
      noteDropped()
      // The caller shows an actor before it tells of it.
      if (inspection.type === '@xstate.actor') return
      const event = plainData(inspection.event) as { type: string }
      if (inspection.type === '@xstate.snapshot') {
        inspector.snapshot(about.sessionId, plainSnapshot(inspection.snapshot), { event })
        return
      }
      const { sourceRef } = inspection
      const source = sourceRef === undefined ? {} : { source: sourceRef.sessionId }
      inspector.event(about.sessionId, event, source)
    },
  }
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
