// Which of all that happens in the actor system is inspected. Decided before anything is converted,
// which costs more than the payment's own work; and asked some twenty times in each payment's life,
// so that what is not shown allocates nothing here.

import type { AnyEventObject } from 'xstate'
import { createAllowance, type Allowance } from './allowance.ts'
import { batchIn, isPayment, paymentIn, type InspectedActor, type Inspection } from './inspected.ts'
import { createChoice } from './share.ts'

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

/** Events of one type at another actor that are about no payment, a second. */
const PLAIN_PER_SECOND = 1

/** Events shown whose snapshots are still to come, at most: each comes at once, or never. */
const AWAITED_MAX = 64

/** Payments that left lately and that others may still speak of. */
const LEFT_MAX = 128

const UNUSUAL = new Set(
  ['charge.refused', 'charge.failed', 'charge.doubted'].concat(['charge.known', 'charge.rejected']),
)

export function createSample({ oneIn, now }: SampleOptions): Sample {
  const shown = new Set<InspectedActor>()
  const caught = createCaught()
  const awaited = createAwaited()
  const isNews = createNews()
  const unusual = createAllowance(UNUSUAL_PER_SECOND, now)
  const plain = createPlainAllowance(now)
  const isChosen = createChoice(oneIn)
  const isShownId = (id: string): boolean => isChosen(id) || caught.has(id)
  const judgePayment = (inspection: Inspection) => {
    const { actorRef, type } = inspection
    // It has no snapshot yet; its first event tells which payment it is.
    if (type === '@xstate.actor') return 'hidden'
    const { event } = inspection
    if (shown.has(actorRef)) {
      if (type === '@xstate.snapshot' && hasLeft(inspection.snapshot)) shown.delete(actorRef)
      return 'shown'
    }
    if (type !== '@xstate.event') return 'hidden'
    if (event.type === 'xstate.init') {
      const id = paymentIn(event)
      if (id === undefined || !isChosen(id)) return 'hidden'
      shown.add(actorRef)
      return 'born'
    }
    if (!isUnusual(event) || !unusual.take('payments')) return 'hidden'
    shown.add(actorRef)
    caught.add(paymentOf(actorRef), LEFT_MAX + shown.size)
    return 'caught'
  }
  const isEventShown = (actor: InspectedActor, event: AnyEventObject): boolean => {
    const id = paymentIn(event)
    if (id !== undefined) return isShownId(id)
    const batch = batchIn(event)
    if (batch.length === 0) return plain.take(actor, event.type)
    for (const { correlationId } of batch) {
      if (correlationId !== undefined && isShownId(correlationId)) return true
    }
    return false
  }
  const judgeOther = (inspection: Inspection) => {
    const { actorRef, type } = inspection
    if (type === '@xstate.actor') return plain.take(actorRef, type) ? 'shown' : 'hidden'
    const { event } = inspection
    if (type === '@xstate.snapshot') {
      return awaited.take(event) && isNews(actorRef, inspection.snapshot) ? 'shown' : 'hidden'
    }
    if (isNoise(event) || !isEventShown(actorRef, event)) return 'hidden'
    awaited.add(event)
    return 'shown'
  }
  return {
    judge(inspection) {
      // Half of all reports, of which nearly none follows on something shown.
      if (inspection.type === '@xstate.snapshot' && shown.size + awaited.size === 0) return 'hidden'
      return isPayment(inspection.actorRef) ? judgePayment(inspection) : judgeOther(inspection)
    },
    living: () => shown,
    forget() {
      shown.clear()
      awaited.forget()
      caught.forget()
      plain.forget()
    },
  }
}

/** Unusual payments, latest last; sampled ones are told by the id itself and are not among them. */
function createCaught() {
  const ids = new Set<string>()
  return {
    has: (id: string): boolean => ids.size > 0 && ids.has(id),
    add(id: string | undefined, atMost: number): void {
      if (id === undefined) return
      ids.add(id)
      const [oldest] = ids
      if (ids.size > atMost && oldest !== undefined) ids.delete(oldest)
    },
    forget: () => ids.clear(),
  }
}

/** Events that were shown, each as often as it was, until the snapshots that they lead to are. */
function createAwaited() {
  const events: AnyEventObject[] = []
  return {
    get size() {
      return events.length
    },
    add(event: AnyEventObject): void {
      if (events.push(event) > AWAITED_MAX) events.shift()
    },
    /** Whether this event was shown once more than it was taken. */
    take(event: AnyEventObject): boolean {
      const index = events.indexOf(event)
      if (index !== -1) events.splice(index, 1)
      return index !== -1
    },
    forget: () => void (events.length = 0),
  }
}

/** Whether an actor's snapshot is another than the last: those without states have only one. */
function createNews(): (actor: InspectedActor, snapshot: unknown) => boolean {
  const seen = new WeakMap<InspectedActor, unknown>()
  return (actor, snapshot) => {
    if (seen.get(actor) === snapshot) return false
    seen.set(actor, snapshot)
    return true
  }
}

/** By actor and kind, in two steps: to join both names would cost more than all else here. */
function createPlainAllowance(now: () => number) {
  const byActor = new Map<string, Allowance>()
  return {
    take({ systemId, id }: InspectedActor, kind: string): boolean {
      const name = systemId ?? id
      const known = byActor.get(name)
      const allowance = known ?? createAllowance(PLAIN_PER_SECOND, now)
      if (known === undefined) byActor.set(name, allowance)
      return allowance.take(kind)
    },
    forget: () => byActor.clear(),
  }
}

function isUnusual(event: AnyEventObject): boolean {
  const { type } = event
  if (type === 'charge.settled') return Number(event['tookMs']) > SLOW_MS
  return UNUSUAL.has(type)
}

/** They come twenty times a second and say nothing. */
function isNoise({ type }: AnyEventObject): boolean {
  return type === 'payments.ticked' || type === 'capacity.offered'
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
