// What XState says to an observer of an actor system, as far as the console and the inspector read
// it. Its own types leave out what every actor has.

import type { AnyEventObject } from 'xstate'

export interface InspectedActor {
  readonly id: string
  readonly sessionId: string
  /** Its name in the system; only long-lived actors have one. */
  readonly systemId?: string
  readonly _parent?: InspectedActor
  readonly logic?: { readonly config?: { readonly id?: string } }
  getSnapshot(): unknown
}

interface Told {
  readonly type: string
  readonly actorRef: InspectedActor
  readonly sourceRef?: InspectedActor
  readonly event: AnyEventObject
  readonly snapshot: unknown
}

export type Inspection =
  | (Pick<Told, 'actorRef'> & { readonly type: '@xstate.actor' })
  | (Pick<Told, 'actorRef' | 'sourceRef' | 'event'> & { readonly type: '@xstate.event' })
  | (Pick<Told, 'actorRef' | 'event' | 'snapshot'> & { readonly type: '@xstate.snapshot' })

export function isPayment(actor: InspectedActor): boolean {
  return actor.id === 'payment'
}

/** By its name in the system, else by its chart's, else by the id that its parent gave it. */
export function nameOf({ systemId, logic, id }: InspectedActor): string {
  return systemId ?? logic?.config?.id ?? id
}

/** The payments that an event is about: none, one, or a batch. */
export function paymentsIn(event: AnyEventObject): readonly string[] {
  const one = paymentIn(event)
  if (one !== undefined) return [one]
  return batchIn(event).flatMap((payment) => payment.correlationId ?? [])
}

/** The one payment that an event is about. Asked of every event, so it allocates nothing. */
export function paymentIn(event: AnyEventObject): string | undefined {
  const fields = event as AnyEventObject & EventFields
  if (fields.correlationId !== undefined) return fields.correlationId
  if (fields.outcome !== undefined) return fields.outcome.correlationId
  return (fields.input?.record ?? fields.output?.context?.record)?.correlationId
}

/** The payments of a batch that an event carries. */
export function batchIn(event: AnyEventObject): Batch {
  const { batch } = event as AnyEventObject & EventFields
  return Array.isArray(batch) ? batch : NOBODY
}

type Batch = readonly { readonly correlationId?: string }[]

const NOBODY: Batch = []

/** Where events of Pit's actors name payments. */
interface EventFields {
  readonly correlationId?: string
  readonly outcome?: { readonly correlationId?: string }
  readonly input?: { readonly record?: { readonly correlationId: string } }
  readonly output?: { readonly context?: { readonly record?: { readonly correlationId: string } } }
  readonly batch?: Batch
}
