// Where inspection listens in on an actor system. XState's own way, `system.inspect`, copies every
// event for its observers before one of them can say that it is not wanted, some twenty times in a
// payment's life. So while somebody watches, the one function that actors report to is replaced by
// ours, which looks first. It is internal to XState: a spec holds it against `system.inspect`.

import type { Inspection, InspectedActor } from './inspected.ts'

/** What actors report: events and snapshots, and each action and step besides. */
export type Report =
  | Inspection
  | { readonly type: '@xstate.action' | '@xstate.microstep'; readonly actorRef: InspectedActor }

/** The part of an actor system that is listened in on. */
export interface Tapped {
  _sendInspectionEvent: (report: Report) => void
}

/**
 * `hear` gets what XState's own observers would get, without the copy; they still get theirs. What
 * it throws fails the actor that reports. The answer ends it, and nothing of it is left.
 */
export function listenIn(system: Tapped, hear: (inspection: Inspection) => void): () => void {
  const own = system._sendInspectionEvent
  system._sendInspectionEvent = (report) => {
    if (isTold(report)) hear(report)
    own(report)
  }
  return () => {
    system._sendInspectionEvent = own
  }
}

function isTold(report: Report): report is Inspection {
  const { type } = report
  return type === '@xstate.event' || type === '@xstate.snapshot' || type === '@xstate.actor'
}
