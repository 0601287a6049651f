// Which of all that happens in the actor system is inspected. Decided before anything is converted:
// that costs more than the payment's own work.

import type { AnyEventObject } from 'xstate'
import { createAllowance } from './allowance.ts'
import { isPayment, paymentsIn, type InspectedActor, type Inspection } from './inspected.ts'

export interface Sample {
  /**
   * Whether to show this. `born` and `caught` payments were not shown before: the actor itself
   * comes first, as it is at this moment.
   */
  judge(inspection: Inspection): 'shown' | 'born' | 'caught' | 'hidden'
  /** Payments in work that are being shown. */
  living(): Iterable<InspectedActor>
  forget(): void
}

export interface SampleOptions {
  /** One payment in so many, by its correlationId: so all instances show the same ones. */
  readonly oneIn: number
  /** Monotonic, ms. */
  readonly now: () => number
}

/** A settled charge that took longer is worth a look, ms. */
const SLOW_MS = 500

/** Unusual payments outside the sample that are shown, a second: an outage makes all unusual. */
const UNUSUAL_PER_SECOND = 10

/** Events of one type at other actors of one id that are about no payment, a second. */
const PLAIN_PER_SECOND = 1

/** They come twenty times a second and say nothing. */
const NOISE = new Set(['payments.ticked', 'room.offered'])

/** Payments that left lately and that others may still speak of. */
const LEFT_MAX = 128

const UNUSUAL = new Set(
  ['charge.refused', 'charge.failed', 'charge.doubted'].concat(['charge.known', 'charge.rejected']),
)

export function createSample({ oneIn, now }: SampleOptions): Sample {
  const shown = new Map<string, InspectedActor>()
  const ids = new Set<string>()
  const told = new WeakSet<AnyEventObject>()
  const unusual = createAllowance(UNUSUAL_PER_SECOND, now)
  const plain = createAllowance(PLAIN_PER_SECOND, now)

  const isShownId = (id: string): boolean => isSampled(id, oneIn) || ids.has(id)
  const show = (actor: InspectedActor, id: string | undefined): void => {
    shown.set(actor.sessionId, actor)
    if (id === undefined) return
    ids.add(id)
    const [oldest] = ids
    if (ids.size > LEFT_MAX + shown.size && oldest !== undefined) ids.delete(oldest)
  }
  const judgePayment = (inspection: Inspection) => {
    const { actorRef, type } = inspection
    // It has no snapshot yet; its first event tells which payment it is.
    if (type === '@xstate.actor') return 'hidden'
    const { event } = inspection
    if (shown.has(actorRef.sessionId)) {
      if (type === '@xstate.snapshot' && hasLeft(inspection.snapshot)) {
        shown.delete(actorRef.sessionId)
      }
      return 'shown'
    }
    if (type !== '@xstate.event') return 'hidden'
    const [id] = paymentsIn(event)
    if (event.type === 'xstate.init' && id !== undefined && isSampled(id, oneIn)) {
      show(actorRef, id)
      return 'born'
    }
    if (!isUnusual(event) || !unusual.take('payments')) return 'hidden'
    show(actorRef, paymentOf(actorRef))
    return 'caught'
  }
  const judgeOther = (inspection: Inspection) => {
    const { actorRef } = inspection
    if (inspection.type === '@xstate.actor') return plain.take(actorRef.id) ? 'shown' : 'hidden'
    const { event } = inspection
    if (inspection.type === '@xstate.snapshot') return told.has(event) ? 'shown' : 'hidden'
    if (NOISE.has(event.type)) return 'hidden'
    const payments = paymentsIn(event)
    const isShown =
      payments.length > 0 ? payments.some(isShownId) : plain.take(`${actorRef.id} ${event.type}`)
    if (!isShown) return 'hidden'
    told.add(event)
    return 'shown'
  }
  return {
    judge: (inspection) =>
      isPayment(inspection.actorRef) ? judgePayment(inspection) : judgeOther(inspection),
    living: () => shown.values(),
    forget() {
      shown.clear()
      ids.clear()
    },
  }
}

/** The last digits are random in every kind of UUID that clients may use. */
export function isSampled(correlationId: string, oneIn: number): boolean {
  return oneIn === 1 || Number.parseInt(correlationId.slice(-8), 16) % oneIn === 0
}

function isUnusual(event: AnyEventObject): boolean {
  if (UNUSUAL.has(event.type)) return true
  return event.type === 'charge.settled' && Number(event['tookMs']) > SLOW_MS
}

function hasLeft(snapshot: unknown): boolean {
  return (snapshot as { readonly status: string }).status !== 'active'
}

function paymentOf(actor: InspectedActor): string | undefined {
  const { context } = (actor.getSnapshot() ?? {}) as {
    readonly context?: { readonly record?: { readonly correlationId: string } }
  }
  return context?.record?.correlationId
}
