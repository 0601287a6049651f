// The effects of the payment machine: each asks a port and sends the answer back as an event.
// They run once per payment or more, so they are callbacks, not invoked promises.

import assert from 'node:assert'
import { circuitOf } from '../circuit/context.ts'
import type { HealthActor } from '../circuit/processor-health.machine.ts'
import type { TimerQueue } from '../payments/timers.ts'
import type { Telemetry } from '../model/facts.ts'
import {
  contradicts,
  type CurrentAttempt,
  type NextRoute,
  type PaymentContext,
  type TrackedUnknownOutcome,
  type PaymentEvent,
} from './context.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { ChargeAnswer, Clock, Lease, LookUpAnswer, Processor } from '../model/ports.ts'
import { chooseRoute, letsThrough, type RouteCircuit, type Route } from '../model/route.ts'
import {
  backoff,
  LOOK_UP_PAUSE_MAX_MS,
  LOOK_UP_PAUSE_MS,
  outlasting,
  type WorkSettings,
} from '../model/settings.ts'

/** What a payment waits for in the timer queue. */
export interface DueStep {
  readonly slot: number
  readonly generation: number
  readonly kind: 'lookUp' | 'backoff'
}

/** What the effects share with the parent of all payments. */
export interface PaymentDependencies {
  readonly settings: WorkSettings
  readonly clock: Clock
  readonly lease: Lease
  readonly telemetry: Telemetry
  /** 0 to 1, for jitter. */
  readonly random: () => number
  /** Share of the CPU quota used since the last call; 0 without a quota. */
  readonly quotaUsed: () => number
  readonly processors: Readonly<Record<ProcessorName, Processor>>
  readonly health: Readonly<Record<ProcessorName, HealthActor>>
  /** Charges in flight, per processor; changed here only. */
  readonly inFlight: Record<ProcessorName, number>
  readonly due: TimerQueue<DueStep>
  /** Purges that are known of: all in memory was accepted or claimed at that count. */
  purges(): number
  /** Takes a settlement whose payment has left this instance: it is proved all the same. */
  settledLate(settlement: LateSettlement): void
  generationOf(slot: number): number
  /** Whether a payment in doubt has to leave memory. */
  isCrowded(): boolean
  /** Whether the instance drains: nothing more is sent, and a payment leaves after its answer. */
  isDraining(): boolean
}

/** An attempt that was answered with success after its payment had left this instance. */
export interface LateSettlement {
  /** As it was when the charge was sent. */
  readonly context: PaymentContext
  readonly attempt: CurrentAttempt
  readonly answer: ChargeAnswer
  readonly tookMs: number
  /** The purge count when the charge was sent. */
  readonly purges: number
}

interface PaymentSelf {
  send(event: PaymentEvent): void
}

/** A processor as the router sees it at this moment. */
export function circuitNow(dependencies: PaymentDependencies, name: ProcessorName): RouteCircuit {
  const { value, context } = dependencies.health[name].getSnapshot()
  const { state, concurrencyLimit, expectedMs } = circuitOf(value, context)
  return { state, concurrencyLimit, expectedMs, inFlight: dependencies.inFlight[name] }
}

/** The route for a payment, with the stamp of an attempt that is sent at once. */
export function nextRoute(
  dependencies: PaymentDependencies,
  payment: { readonly acceptedAt: number; readonly refusedBy: readonly ProcessorName[] },
): NextRoute {
  const { to, reason } = routeFor(dependencies, payment)
  return { to, reason, requestedAt: dependencies.clock.wallNow() }
}

/** The route for a payment in work at this moment. */
export function routeNow(
  dependencies: PaymentDependencies,
  { record, refusedBy }: PaymentContext,
): NextRoute {
  return nextRoute(dependencies, { acceptedAt: record.acceptedAt, refusedBy })
}

/** Waits while this instance may not send. */
function routeFor(
  dependencies: PaymentDependencies,
  { acceptedAt, refusedBy }: { acceptedAt: number; refusedBy: readonly ProcessorName[] },
): Route {
  const now = dependencies.clock.now()
  if (dependencies.isDraining() || !dependencies.lease.holds(now))
    return { to: null, reason: 'noneAvailable' }
  const circuits = {
    default: circuitNow(dependencies, 'default'),
    fallback: circuitNow(dependencies, 'fallback'),
  }
  const question = { circuits, ageMs: now - acceptedAt, refusedBy }
  return chooseRoute(question, dependencies.settings.route)
}

export function sendCharge(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  self: PaymentSelf,
): void {
  const { attempt, record, slot } = context
  assert(attempt !== null, 'a payment is tried by an attempt')
  const { processor, requestedAt } = attempt
  const { correlationId, amountCents } = record
  const generation = dependencies.generationOf(slot)
  const purges = dependencies.purges()
  const sentAt = dependencies.clock.now()
  dependencies.inFlight[processor] += 1
  dependencies.processors[processor].charge(
    { correlationId, amountCents, requestedAt },
    (answer) => {
      dependencies.inFlight[processor] -= 1
      const at = dependencies.clock.now()
      const tookMs = at - sentAt
      reportAttempt(dependencies, processor, { answer, tookMs, at })
      const isStale = dependencies.generationOf(slot) !== generation
      // A settlement is reported with its payment, unless that has left this instance meanwhile.
      if (isStale || answer.kind !== 'settled')
        noteAttempt(dependencies, context, { attempt, answer, tookMs })
      if (isStale) {
        if (answer.kind === 'settled')
          dependencies.settledLate({ context, attempt, answer, tookMs, purges })
        return
      }
      self.send(chargeEvent(dependencies, context, { attempt, answer, tookMs, at }))
    },
  )
}

export function planLookUp(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  self: PaymentSelf,
): void {
  if (dependencies.isCrowded() || dependencies.isDraining()) {
    self.send({ type: 'payment.recalled', endsAt: 0 })
    return
  }
  const { slot } = context
  const generation = dependencies.generationOf(slot)
  dependencies.due.push({ slot, generation, kind: 'lookUp' }, lookUpPauseMs(dependencies, context))
}

/** Whether the same request may be sent again to its processor: in place of every other look-up. */
export function mayResendNow(dependencies: PaymentDependencies, context: PaymentContext): boolean {
  if (context.lookUps % 2 === 0) return false
  const { processor } = outcomeToLookUp(context)
  const now = dependencies.clock.now()
  return dependencies.lease.holds(now) && letsThrough(circuitNow(dependencies, processor))
}

export function sendLookUp(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  self: PaymentSelf,
): void {
  const { processor } = outcomeToLookUp(context)
  const generation = dependencies.generationOf(context.slot)
  const askedAt = dependencies.clock.now()
  dependencies.processors[processor].lookUp(context.record.correlationId, (answer) => {
    if (dependencies.generationOf(context.slot) !== generation) return
    self.send(lookUpEvent(dependencies, context, { answer, processor, askedAt }))
  })
}

export function planBackoff(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  self: PaymentSelf,
): void {
  // The chart parks it in this very step.
  if (context.tries >= context.triesMax) return
  if (dependencies.isDraining()) {
    self.send({ type: 'payment.recalled', endsAt: 0 })
    return
  }
  const { quickBackoffMs: firstMs, retryDelayMaxMs: maxMs } = dependencies.settings
  const delayMs = backoff({ firstMs, step: context.tries - 1, maxMs }, dependencies.random)
  const { slot } = context
  const generation = dependencies.generationOf(slot)
  dependencies.due.push({ slot, generation, kind: 'backoff' }, delayMs)
}

const LOOK_UP_PAUSE = { firstMs: LOOK_UP_PAUSE_MS, maxMs: LOOK_UP_PAUSE_MAX_MS }

function lookUpPauseMs(dependencies: PaymentDependencies, context: PaymentContext): number {
  const { lookUps } = context
  const remainingMs = outcomeToLookUp(context).endsAt - dependencies.clock.now()
  // A millisecond more, for instants that were added up.
  const lagMs = outlasting(dependencies.settings.lookUpLagMs) + 1
  if (lookUps === 0) return remainingMs <= lagMs ? Math.max(0, remainingMs) : 0
  const pauseMs = backoff({ ...LOOK_UP_PAUSE, step: lookUps }, dependencies.random)
  return remainingMs > 0 ? Math.min(pauseMs, remainingMs) : pauseMs
}

/** Of two processors that may have the payment, each is asked in turn. */
function outcomeToLookUp({ unknownOutcomes, lookUps }: PaymentContext): TrackedUnknownOutcome {
  const unknown = unknownOutcomes[lookUps % unknownOutcomes.length]
  assert(unknown !== undefined, 'a payment is looked up for an unknown outcome')
  return unknown
}

function chargeEvent(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  end: { attempt: CurrentAttempt; answer: ChargeAnswer; tookMs: number; at: number },
): PaymentEvent {
  const { attempt, answer, tookMs, at } = end
  const { detail } = answer
  const { lookUpLagMs, settleByMs } = dependencies.settings
  switch (answer.kind) {
    case 'settled':
      return { type: 'charge.settled', tookMs, detail }
    case 'rejected':
      return { type: 'charge.rejected', tookMs, detail }
    case 'refused':
      return {
        type: 'charge.refused',
        tookMs,
        detail,
        next: nextRoute(dependencies, {
          acceptedAt: context.record.acceptedAt,
          refusedBy: [...context.refusedBy, attempt.processor],
        }),
      }
    case 'failed':
      return { type: 'charge.failed', tookMs, detail, endsAt: at + outlasting(lookUpLagMs) }
    case 'known':
    case 'inDoubt': {
      const type = answer.kind === 'known' ? 'charge.known' : 'charge.doubted'
      return { type, tookMs, detail, endsAt: at - tookMs + outlasting(settleByMs) }
    }
  }
}

function lookUpEvent(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  end: { answer: LookUpAnswer; processor: ProcessorName; askedAt: number },
): PaymentEvent {
  const { answer, processor, askedAt } = end
  switch (answer.kind) {
    case 'found':
      return { type: 'lookup.found', processor, requestedAt: answer.requestedAt }
    case 'missing':
      if (contradicts(context, { processor, askedAt })) {
        const { correlationId, amountCents } = context.record
        dependencies.telemetry.emit({
          type: 'payment.contradicted',
          correlationId,
          processor,
          amountCents,
          contradiction: { kind: 'absence' },
        })
      }
      return { type: 'lookup.missing', processor, askedAt, next: routeNow(dependencies, context) }
    case 'failed':
      return { type: 'lookup.failed', processor }
  }
}

function reportAttempt(
  dependencies: PaymentDependencies,
  processor: ProcessorName,
  end: { answer: ChargeAnswer; tookMs: number; at: number },
): void {
  const { kind } = end.answer
  const isOwnFault = kind === 'refused' && !dependencies.lease.holds(end.at)
  if (isOwnFault) return
  const failed = kind === 'refused' || kind === 'failed' || kind === 'inDoubt'
  const { tookMs, at } = end
  dependencies.health[processor].send({ type: 'attempt.reported', failed, tookMs, at })
}

function noteAttempt(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  end: { attempt: CurrentAttempt; answer: ChargeAnswer; tookMs: number },
): void {
  const { processor, reason } = end.attempt
  dependencies.telemetry.emit({
    type: 'attempt.ended',
    correlationId: context.record.correlationId,
    processor,
    outcome: end.answer.kind,
    reason,
    detail: end.answer.detail,
    tookMs: end.tookMs,
  })
}
