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

/** The part of an actor system that takes observers. */
export interface Inspectable {
  inspect(observer: { next(inspection: Told): void }): { unsubscribe(): void }
}

export function isPayment(actor: InspectedActor): boolean {
  return actor.id === 'payment'
}

/** By its name in the system, else by its chart's, else by the id that its parent gave it. */
export function nameOf({ systemId, logic, id }: InspectedActor): string {
  return systemId ?? logic?.config?.id ?? id
}

/** The payments that an event is about: none, one, or a batch. */
export function paymentsIn(event: AnyEventObject): readonly string[] {
  const fields = event as AnyEventObject & EventFields
  const record = fields.input?.record ?? fields.output?.context?.record
  const one = fields.correlationId ?? fields.outcome?.correlationId ?? record?.correlationId
  if (one !== undefined) return [one]
  if (!Array.isArray(fields.batch)) return NOBODY
  return fields.batch.flatMap((payment) => payment.correlationId ?? [])
}

const NOBODY: readonly string[] = []

/** Where events of Pit's actors name payments. */
interface EventFields {
  readonly correlationId?: string
  readonly outcome?: { readonly correlationId?: string }
  readonly input?: { readonly record?: { readonly correlationId: string } }
  readonly output?: { readonly context?: { readonly record?: { readonly correlationId: string } } }
  readonly batch?: readonly { readonly correlationId?: string }[]
}
