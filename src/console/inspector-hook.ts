// Where inspection listens in on an actor system, and what it hears there. XState's own way,
// `system.inspect`, copies every event for its observers before one of them can refuse it, some
// twenty times in a payment's life. So while somebody watches, the one function that actors report
// to is replaced by ours, which decides first. It is internal to XState: a spec compares it with
// `system.inspect`.

import type { AnyEventObject } from 'xstate'

/** What actors report: events and snapshots, and each action and step besides. */
export type Report =
  | Inspection
  | { readonly type: '@xstate.action' | '@xstate.microstep'; readonly actorRef: InspectedActor }

/** The part of an actor system that the hook replaces. */
export interface HookedSystem {
  _sendInspectionEvent: (report: Report) => void
}

/**
 * `listener` gets what XState's own observers get, without the copy; they still get theirs. What it
 * throws fails the actor that reports. The returned function removes the hook without a trace.
 */
export function hookInto(
  system: HookedSystem,
  listener: (inspection: Inspection) => void,
): () => void {
  const own = system._sendInspectionEvent
  system._sendInspectionEvent = (report) => {
    if (isInspection(report)) listener(report)
    own(report)
  }
  return () => {
    system._sendInspectionEvent = own
  }
}

function isInspection(report: Report): report is Inspection {
  const { type } = report
  return type === '@xstate.event' || type === '@xstate.snapshot' || type === '@xstate.actor'
}

export interface InspectedActor {
  readonly id: string
  readonly sessionId: string
  /** Its name in the system; only long-lived actors have one. */
  readonly systemId?: string
  readonly _parent?: InspectedActor
  readonly logic?: { readonly config?: { readonly id?: string } }
  getSnapshot(): unknown
}

/** Members of XState's inspection events; its own types leave out what every actor has. */
interface Fields {
  readonly type: string
  readonly actorRef: InspectedActor
  readonly sourceRef?: InspectedActor
  readonly event: AnyEventObject
  readonly snapshot: unknown
}

export type Inspection =
  | (Pick<Fields, 'actorRef'> & { readonly type: '@xstate.actor' })
  | (Pick<Fields, 'actorRef' | 'sourceRef' | 'event'> & { readonly type: '@xstate.event' })
  | (Pick<Fields, 'actorRef' | 'event' | 'snapshot'> & { readonly type: '@xstate.snapshot' })

export function isPayment(actor: InspectedActor): boolean {
  return actor.id === 'payment'
}

/** An actor's name in the system, else its chart's, else the id that its parent gave it. */
export function nameOf({ systemId, logic, id }: InspectedActor): string {
  return systemId ?? logic?.config?.id ?? id
}

/** The payments that an event is about: none, one, or a batch. */
export function paymentsIn(event: AnyEventObject): readonly string[] {
  const one = paymentIn(event)
  if (one !== undefined) return [one]
  return batchIn(event).flatMap((payment) => payment.correlationId ?? [])
}

/** The one payment that an event is about. Called for every event, so it allocates nothing. */
export function paymentIn(event: AnyEventObject): string | undefined {
  const fields = event as AnyEventObject & EventFields
  if (fields.correlationId !== undefined) return fields.correlationId
  if (fields.outcome !== undefined) return fields.outcome.correlationId
  return (fields.input?.record ?? fields.output?.context?.record)?.correlationId
}

/** The payments of a batch that an event carries. */
export function batchIn(event: AnyEventObject): Batch {
  const { batch } = event as AnyEventObject & EventFields
  return Array.isArray(batch) ? batch : NO_PAYMENTS
}

type Batch = readonly { readonly correlationId?: string }[]

const NO_PAYMENTS: Batch = []

/** The members in which events of Pit's actors name payments. */
interface EventFields {
  readonly correlationId?: string
  readonly outcome?: { readonly correlationId?: string }
  readonly input?: { readonly record?: { readonly correlationId: string } }
  readonly output?: { readonly context?: { readonly record?: { readonly correlationId: string } } }
  readonly batch?: Batch
}
