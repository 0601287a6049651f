// Which of all that happens in the actor system is inspected. Decided before anything is converted,
// which costs more than the payment's own work; and asked some twenty times in each payment's life,
// so that what is not shown allocates nothing here.

import assert from 'node:assert'
import type { AnyEventObject } from 'xstate'
import {
  batchIn,
  type InspectedActor,
  type Inspection,
  isPayment,
  paymentIn,
} from './inspector-hook.ts'
import { type RateLimit, createRateLimit } from './rate-limit.ts'

export interface Sample {
  /**
   * Whether to show this. A `new` payment is one of the sample, an `unusual` one is
   * not: neither was shown before, so the actor itself comes first, as it is now.
   */
  judge(inspection: Inspection): 'shown' | 'new' | 'unusual' | 'hidden'
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

/** A settled charge that took longer is unusual, ms. */
const SLOW_MS = 500

/** Unusual payments outside the sample that are shown, a second: an outage makes all unusual. */
const UNUSUAL_PER_SECOND = 10

/** Events of one type at another actor that are about no payment, a second. */
const OTHERS_PER_SECOND = 1

/** Shown events whose snapshots are still to come, at most: each comes at once, or never. */
const AWAITED_MAX = 64

/** Unusual payments that have ended and that events at other actors may still name. */
const ENDED_MAX = 128

const UNUSUAL = new Set(
  ['charge.refused', 'charge.failed', 'charge.doubted'].concat(['charge.known', 'charge.denied']),
)

export function createSample({ oneIn, now }: SampleOptions): Sample {
  const shown = new Set<InspectedActor>()
  const unusualIds = createUnusualIds()
  const awaited = createAwaited()
  const isChanged = createChangeFilter()
  const unusualLimit = createRateLimit(UNUSUAL_PER_SECOND, now)
  const otherLimit = createLimitPerActor(now)
  const isChosen = createIdFilter(oneIn)
  const isShownId = (id: string): boolean => isChosen(id) || unusualIds.has(id)
  const judgePayment = (inspection: Inspection) => {
    const { actorRef, type } = inspection
    // It has no snapshot yet; its first event says which payment it is.
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
      return 'new'
    }
    if (!isUnusual(event) || !unusualLimit.take('payments')) return 'hidden'
    shown.add(actorRef)
    unusualIds.add(paymentOf(actorRef), ENDED_MAX + shown.size)
    return 'unusual'
  }
  const isEventShown = (actor: InspectedActor, event: AnyEventObject): boolean => {
    const id = paymentIn(event)
    if (id !== undefined) return isShownId(id)
    const batch = batchIn(event)
    if (batch.length === 0) return otherLimit.take(actor, event.type)
    for (const { correlationId } of batch) {
      if (correlationId !== undefined && isShownId(correlationId)) return true
    }
    return false
  }
  const judgeOther = (inspection: Inspection) => {
    const { actorRef, type } = inspection
    if (type === '@xstate.actor') return otherLimit.take(actorRef, type) ? 'shown' : 'hidden'
    const { event } = inspection
    if (type === '@xstate.snapshot') {
      return awaited.take(event) && isChanged(actorRef, inspection.snapshot) ? 'shown' : 'hidden'
    }
    if (isNoise(event) || !isEventShown(actorRef, event)) return 'hidden'
    awaited.add(event)
    return 'shown'
  }
  return {
    judge(inspection) {
      // Half of all reports, of which almost none follows an event that was shown.
      if (inspection.type === '@xstate.snapshot' && shown.size + awaited.size === 0) return 'hidden'
      return isPayment(inspection.actorRef) ? judgePayment(inspection) : judgeOther(inspection)
    },
    living: () => shown,
    forget() {
      shown.clear()
      awaited.forget()
      unusualIds.forget()
      otherLimit.forget()
    },
  }
}

/** Ids of unusual payments, latest last; whether a payment is in the sample follows from its id. */
function createUnusualIds() {
  const ids = new Set<string>()
  return {
    has: (id: string): boolean => ids.size > 0 && ids.has(id),
    add(id: string, atMost: number): void {
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

/** Whether an actor's snapshot differs from its last one: actors without states have only one. */
function createChangeFilter(): (actor: InspectedActor, snapshot: unknown) => boolean {
  const seen = new WeakMap<InspectedActor, unknown>()
  return (actor, snapshot) => {
    if (seen.get(actor) === snapshot) return false
    seen.set(actor, snapshot)
    return true
  }
}

/** Limits by actor and by kind, in two steps: a joined name would cost more than all else here. */
function createLimitPerActor(now: () => number) {
  const byActor = new Map<string, RateLimit>()
  return {
    take({ systemId, id }: InspectedActor, kind: string): boolean {
      const name = systemId ?? id
      const known = byActor.get(name)
      const limit = known ?? createRateLimit(OTHERS_PER_SECOND, now)
      if (known === undefined) byActor.set(name, limit)
      return limit.take(kind)
    },
    forget: () => byActor.clear(),
  }
}

function isUnusual(event: AnyEventObject): boolean {
  const { type } = event
  if (type === 'charge.settled') return Number(event['tookMs']) > SLOW_MS
  return UNUSUAL.has(type)
}

/** They come twenty times a second and carry nothing of interest. */
function isNoise({ type }: AnyEventObject): boolean {
  return type === 'payments.ticked' || type === 'capacity.offered'
}

function hasLeft(snapshot: unknown): boolean {
  return (snapshot as { readonly status: string }).status !== 'active'
}

/** The payment that a payment's actor is about. */
function paymentOf(actor: InspectedActor): string {
  const snapshot = actor.getSnapshot() as
    { readonly context?: { readonly record?: { readonly correlationId: string } } } | undefined
  const id = snapshot?.context?.record?.correlationId
  assert(id !== undefined, 'a payment that gets events has a record')
  return id
}

/**
 * Whether a payment is in the sample, by its id: so all instances show the same ones. The last
 * answer is remembered, because a payment is passed from actor to actor within one turn.
 */
function createIdFilter(oneIn: number): (correlationId: string) => boolean {
  let lastId = ''
  let lastAnswer = oneIn === 1
  return (correlationId) => {
    if (correlationId === lastId) return lastAnswer
    lastId = correlationId
    lastAnswer = isSampled(correlationId, oneIn)
    return lastAnswer
  }
}

/** The last digits are random in every kind of UUID that clients may use. */
export function isSampled(correlationId: string, oneIn: number): boolean {
  if (oneIn === 1) return true
  let value = 0
  const { length } = correlationId
  for (let index = Math.max(0, length - DIGITS); index < length; index += 1) {
    value = 16 * value + hexValueAt(correlationId, index)
  }
  return value % oneIn === 0
}

/** Hexadecimal digits, at the end of the id, that decide. */
const DIGITS = 8

/** Digits in either case; by hand, since parsing a slice of each id takes ten times as long. */
function hexValueAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code < COLON ? code - ZERO : (code | LOWER) - TEN
}

const ZERO = 48
const COLON = 58
const LOWER = 32
/** The code of `a` stands for ten. */
const TEN = 87
