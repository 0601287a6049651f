// Both circuits as the router sees them, with the charges that are out; these are counted here.

import {
  expectedMsOf,
  isFailingWith,
  routeState,
  type ChargeOrder,
  type HealthContext,
} from '../circuit/context.ts'
import { limitAt } from '../circuit/limit.ts'
import type { HealthActor } from '../circuit/processor-health.machine.ts'
import { patienceMs, type SentCharges } from '../circuit/sent-charges.ts'
import type { Telemetry } from '../model/facts.ts'
import type { Attempt, ProcessorName } from '../model/payment.ts'
import type { ChargeAnswer, Clock } from '../model/ports.ts'
import { otherThan, type RouteCircuit } from '../model/route.ts'
import type { WorkSettings } from '../model/settings.ts'
import { hasHungAt } from './history.ts'

export interface CircuitParts {
  readonly settings: Pick<WorkSettings, 'concurrency'>
  readonly clock: Pick<Clock, 'now'>
  readonly telemetry: Telemetry
  readonly health: Readonly<Record<ProcessorName, HealthActor>>
  /** Charges in flight, per processor; changed here only. */
  readonly inFlight: Record<ProcessorName, number>
  /** Those of each processor, in the order of sending. */
  readonly charges: Readonly<Record<ProcessorName, SentCharges>>
}

/**
 * A processor as the router sees it at this moment, for a payment with these attempts. Into a silence
 * one more charge is let through from time to time. One that is half-open and fails again and again
 * counts as open between its trials.
 */
export function circuitNow(
  parts: CircuitParts,
  name: ProcessorName,
  attempts: readonly Attempt[] = [],
): RouteCircuit {
  const { value, context } = parts.health[name].getSnapshot()
  const now = parts.clock.now()
  const charges = parts.charges[name]
  const isSilent = isSilentAt(parts, name, now)
  const mayBeTried = parts.inFlight[name] < parts.settings.concurrency
  const state = isLeftOut(parts, name, now) ? 'open' : routeState(value)
  const inFlight = outAt(parts, name)
  const concurrencyLimit = limitAt(value, context, now)
  if (isSilent && mayBeTried && isTrialDue(parts, name, { now, attempts })) {
    const trialLimit = Math.max(concurrencyLimit, inFlight + 1)
    const usual = { expectedMs: usualMsOf(charges, context), isSilent: false, isTrialDue: true }
    return { state, inFlight, concurrencyLimit: trialLimit, ...usual }
  }
  const expectedMs = Math.max(expectedMsOf(context), charges.lengthAt(now))
  const isDue = charges.isLateTrialDue(now, expectedMs, sentInstead(parts, name, now))
  return { state, inFlight, concurrencyLimit, expectedMs, isSilent, isTrialDue: isDue }
}

/**
 * Whether a processor that has failed each trial gets none yet, while the other one takes everything:
 * each trial may leave a payment in doubt, and where few payments come most would be trials.
 */
function isLeftOut(parts: CircuitParts, name: ProcessorName, now: number): boolean {
  const { value, context } = parts.health[name].getSnapshot()
  if (value !== 'halfOpen') return false
  const other = otherThan(name)
  if (!takesEverything(parts, other, now)) return false
  return !parts.charges[name].isTurn(now, context, parts.charges[other].count)
}

/** Whether a processor's circuit is closed and lets one more through. */
function takesEverything(parts: CircuitParts, name: ProcessorName, now: number): boolean {
  const isClosed = routeState(parts.health[name].getSnapshot().value) === 'closed'
  return isClosed && !isSilentAt(parts, name, now) && !isFull(parts, name, now)
}

/** Charges that the other processor got so far; one that is full gets as many as it takes. */
function sentInstead(parts: CircuitParts, name: ProcessorName, now: number): number {
  const other = otherThan(name)
  return isFull(parts, other, now) ? Number.POSITIVE_INFINITY : parts.charges[other].count
}

function isFull(parts: CircuitParts, name: ProcessorName, now: number): boolean {
  const { value, context } = parts.health[name].getSnapshot()
  return outAt(parts, name) >= limitAt(value, context, now)
}

/**
 * Charges in flight that take up room. What hangs takes up none where one more may be sent: else a
 * processor that works again, half-open or with few at a time, would get no charge before that times
 * out.
 */
function outAt({ settings, inFlight, charges }: CircuitParts, name: ProcessorName): number {
  const out = inFlight[name]
  return out < settings.concurrency ? out - charges[name].hanging : out
}

/**
 * Whether a processor lets charges wait, and no operator has it charged all the same. As many as may be
 * out at a time suffice: whatever else it is heard of to refuse as one too many.
 */
function isSilentAt({ health, charges }: CircuitParts, name: ProcessorName, now: number): boolean {
  const { value, context } = health[name].getSnapshot()
  if (value === 'heldClosed') return false
  charges[name].forget(context.triedFrom)
  const longMs = patienceMs(usualMsOf(charges[name], context))
  if (charges[name].lengthAt(now) > longMs) return true
  const overdue = charges[name].overdueAt(now, longMs)
  if (isFailingWith(context, overdue)) return true
  return value === 'closed' && overdue >= limitAt(value, context, now)
}

/**
 * How long it takes where it answers, ms. Time-outs make it look as slow as they took, and an
 * announcement as quick as it says: neither says how long it may be waited for.
 */
function usualMsOf(charges: SentCharges, { announcedMs }: HealthContext): number {
  return Math.max(charges.usualMs, announcedMs)
}

/**
 * Whether a payment may be sent into a silence: few of all while the other processor can be charged,
 * and none a second time, unless that one has let it hang as well.
 */
function isTrialDue(
  parts: CircuitParts,
  name: ProcessorName,
  { now, attempts }: { readonly now: number; readonly attempts: readonly Attempt[] },
): boolean {
  const other = otherThan(name)
  const { health, charges } = parts
  const isOtherOpen = routeState(health[other].getSnapshot().value) === 'open'
  if (isOtherOpen || isSilentAt(parts, other, now)) {
    return charges[name].isTrialDue(now, Number.POSITIVE_INFINITY)
  }
  if (hasHungAt(attempts, name) && !hasHungAt(attempts, other)) return false
  return charges[name].isTrialDue(now, sentInstead(parts, name, now))
}

/**
 * Counts a charge, and tells of a silence that it is sent into: the circuit is closed until what hangs
 * there times out.
 */
export function countSent(parts: CircuitParts, processor: ProcessorName, now: number): number {
  const charges = parts.charges[processor]
  const sentElsewhere = parts.charges[otherThan(processor)].count
  parts.inFlight[processor] += 1
  if (!isSilentAt(parts, processor, now)) return charges.sent(now, sentElsewhere)
  parts.telemetry.emit({ type: 'processor.silent', processor, forMs: charges.lengthAt(now) })
  return charges.tried(now, sentElsewhere)
}

/**
 * Counts an answer; what it says of now. One that says nothing for certain and took long is not heard
 * of: it timed out, or was cut off.
 */
export function countAnswered(
  parts: CircuitParts,
  processor: ProcessorName,
  { number, kind, tookMs }: NumberedEnd,
): Timeliness {
  const charges = parts.charges[processor]
  parts.inFlight[processor] -= 1
  const isVague = kind === 'inDoubt' || kind === 'refused'
  const longMs = patienceMs(usualMsOf(charges, parts.health[processor].getSnapshot().context))
  const order = charges.orderOf(number, parts.clock.now(), kind === 'settled' ? 0 : longMs)
  charges.answered(number, !isVague || tookMs <= longMs)
  if (kind === 'settled') charges.settled(number, tookMs, order)
  return { order, beside: parts.inFlight[processor] - charges.hanging }
}

export interface Timeliness {
  readonly order: ChargeOrder
  /** Charges that are out now and do not hang. */
  readonly beside: number
}

interface NumberedEnd {
  /** As it was counted. */
  readonly number: number
  readonly kind: ChargeAnswer['kind']
  readonly tookMs: number
}
