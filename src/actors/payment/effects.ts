// The effects of the payment machine: each asks a port and sends the answer back as an event.
// They run once per payment or more, so they are callbacks, not invoked promises.

import assert from 'node:assert'
import type { AttemptReported } from '../circuit/context.ts'
import type { LookUpPlaces } from '../payments/look-up-places.ts'
import type { Streak } from '../payments/streak.ts'
import type { TimerQueue } from '../payments/timers.ts'
import type { Telemetry } from '../model/facts.ts'
import type { Suspicion } from './suspicion.ts'
import type { AskedLag } from '../payments/asked-lag.ts'
import {
  circuitNow,
  countAnswered,
  countSent,
  type CircuitParts,
  type Timeliness,
} from './circuits.ts'
import { deniedBy, lastAt } from './history.ts'
import type {
  CurrentAttempt,
  NextRoute,
  PaymentContext,
  PaymentEvent,
  PaymentRecord,
} from './context.ts'
import type { Controls } from './controls.ts'
import type { Attempt, ProcessorName } from '../model/payment.ts'
import type { ChargeAnswer, Clock, Lease, LedgerHistory, Processor } from '../model/ports.ts'
import { chooseRoute, type Route } from '../model/route.ts'
import { backoff, outlasting, type WorkSettings } from '../model/settings.ts'

/** What a payment waits for in the timer queue. */
export interface DueStep {
  readonly slot: number
  readonly generation: number
  readonly kind: 'lookUp' | 'backoff'
}

/** What the effects share with the parent of all payments. */
export interface PaymentDependencies extends CircuitParts {
  readonly settings: WorkSettings
  readonly clock: Clock
  readonly lease: Lease
  readonly history: LedgerHistory
  readonly telemetry: Telemetry
  /** 0 to 1, for jitter. */
  readonly random: () => number
  /** Share of the CPU quota used since the last call; 0 without a quota. */
  readonly quotaUsed: () => number
  readonly processors: Readonly<Record<ProcessorName, Processor>>
  /** From when on an answer to a charge is late. */
  readonly askedLag: AskedLag
  /** Whether each processor's look-ups can be believed. */
  readonly controls: Readonly<Record<ProcessorName, Controls>>
  /** Look-ups at each processor that said nothing. */
  readonly fruitless: Readonly<Record<ProcessorName, Streak>>
  /** Whether answers that blame payments are each processor's failure. */
  readonly suspicion: Readonly<Record<ProcessorName, Suspicion>>
  readonly due: TimerQueue<DueStep>
  /** Purges that are known of: all in memory was accepted or claimed at that count. */
  purges(): number
  /** Takes a settlement whose payment has left this instance: it is proved all the same. */
  settledLate(settlement: LateSettlement): void
  /** Whether a payment leaves whose charge was not settled: an earlier one of it was, late. */
  wasSettledLate(correlationId: string): boolean
  generationOf(slot: number): number
  /** Places for look-ups: a payment in doubt without one has to leave memory. */
  readonly lookUpPlaces: LookUpPlaces
  /** Whether one that is in doubt at the same processors waits for a place. */
  isPlaceAwaited(unknownOutcomes: PaymentRecord['unknownOutcomes']): boolean
  /** Whether the instance drains: nothing more is sent, and a payment leaves after its answer. */
  isDraining(): boolean
}

/** That a payment is settled, by an answer that came after it had left this instance. */
export interface LateSettlement {
  /** As it was when what was answered was sent. */
  readonly context: PaymentContext
  readonly processor: ProcessorName
  /** Epoch ms. */
  readonly requestedAt: number
  /** The charge that was answered with success; absent: a look-up has found the payment. */
  readonly charge?: Required<Pick<Attempt, 'reason' | 'tookMs' | 'detail'>>
  /** The purge count when it was sent. */
  readonly purges: number
}

export interface PaymentSelf {
  send(event: PaymentEvent): void
}

/** The route for a payment, with the stamp of an attempt that is sent at once. */
export function nextRoute(dependencies: PaymentDependencies, payment: RoutedPayment): NextRoute {
  const { to, reason } = routeFor(dependencies, payment)
  return { to, reason, requestedAt: dependencies.clock.wallNow() }
}

/**
 * The route for a payment in work at this moment. Who has denied it is asked again only after the
 * retry queue.
 */
export function routeNow(
  dependencies: PaymentDependencies,
  { record, refusedBy, attempts }: Pick<PaymentContext, 'record' | 'refusedBy' | 'attempts'>,
): NextRoute {
  const { acceptedAt } = record
  const denier = deniedBy(attempts)
  const avoided = denier === null ? refusedBy : [...refusedBy, denier]
  const known = { deniedBy: denier, lastAt: lastAt(attempts), attempts }
  return nextRoute(dependencies, { acceptedAt, refusedBy: avoided, ...known })
}

/** What a route depends on, of a payment. */
interface RoutedPayment {
  /** Monotonic, ms. */
  readonly acceptedAt: number
  readonly refusedBy: readonly ProcessorName[]
  readonly deniedBy: ProcessorName | null
  readonly lastAt: ProcessorName | null
  readonly attempts: readonly Attempt[]
}

/** Waits while this instance may not send. */
function routeFor(
  dependencies: PaymentDependencies,
  { acceptedAt, attempts, ...payment }: RoutedPayment,
): Route {
  const now = dependencies.clock.now()
  if (dependencies.isDraining() || !dependencies.lease.holds(now))
    return { to: null, reason: 'noneAvailable' }
  const circuits = {
    default: circuitNow(dependencies, 'default', attempts),
    fallback: circuitNow(dependencies, 'fallback', attempts),
  }
  const slowMs = dependencies.askedLag.slowMsAt(now)
  const question = { circuits, ageMs: now - acceptedAt, slowMs, ...payment }
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
  const number = countSent(dependencies, processor, sentAt)
  dependencies.processors[processor].charge({ correlationId, amountCents, requestedAt }, (said) => {
    const at = dependencies.clock.now()
    const tookMs = at - sentAt
    const timeliness = countAnswered(dependencies, processor, { number, kind: said.kind, tookMs })
    const end = { attempt, answer: said, tookMs, at }
    const answer = weighedAnswer(dependencies, context, { ...end, ...timeliness })
    const isStale = dependencies.generationOf(slot) !== generation
    // A settlement is reported with its payment, unless that has left this instance meanwhile.
    if (isStale || answer.kind !== 'settled')
      noteAttempt(dependencies, context, { attempt, answer, tookMs })
    if (isStale) {
      if (answer.kind !== 'settled') return
      const charge = { reason: attempt.reason, tookMs, detail: answer.detail }
      dependencies.settledLate({ context, processor, requestedAt, charge, purges })
      return
    }
    if (answer.kind !== 'settled' && dependencies.wasSettledLate(correlationId)) return
    self.send(chargeEvent(dependencies, context, { attempt, answer, tookMs, at }))
  })
}

/**
 * Tells the circuit of an answer. An answer that blames the payment tells it nothing; in a run of
 * them it is the processor's failure, and a denial is then only a refusal.
 */
function weighedAnswer(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  { attempt, answer, tookMs, at, order, beside }: ChargeEnd & Timeliness,
): WeighedAnswer {
  const { processor } = attempt
  const { kind, detail } = answer
  const suspicion = dependencies.suspicion[processor]
  if (kind === 'settled') {
    suspicion.settled()
    dependencies.controls[processor].noteRecorded(context.record.correlationId, at)
  } else if (kind === 'denied' || (kind === 'known' && wasNeverSent(context, processor))) {
    if (!suspicion.blames(context.record.correlationId)) return answer
    reportAttempt(dependencies, processor, { failed: true, detail, tookMs, at, order })
    return kind === 'known' ? { ...answer, failsProcessor: true } : { kind: 'refused', detail }
  } else if (kind === 'refused' && !dependencies.lease.holds(at)) {
    // Not sent for want of the lease: no fault of the processor.
    return answer
  }
  reportAttempt(dependencies, processor, {
    failed: kind !== 'settled' && kind !== 'known',
    detail,
    tookMs,
    at,
    order,
    ...(answer.isLimited ? { beside } : {}),
  })
  return answer
}

/** An answer as its circuit has weighed it. */
type WeighedAnswer = ChargeAnswer & {
  /** It says of the payment that it is known there, and counts as the processor's failure. */
  readonly failsProcessor?: true
}

/** Whether the charge under way is the first to that processor, as far as is known here. */
function wasNeverSent(
  { attempts, unknownOutcomes }: PaymentContext,
  processor: ProcessorName,
): boolean {
  return ![...attempts, ...unknownOutcomes].some((each) => each.processor === processor)
}

export function reportAttempt(
  { health }: PaymentDependencies,
  processor: ProcessorName,
  attempt: Omit<AttemptReported, 'type'>,
): void {
  health[processor].send({ type: 'attempt.reported', ...attempt })
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

function chargeEvent(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  end: ChargeEnd,
): PaymentEvent {
  const { answer, tookMs, at } = end
  const { detail } = answer
  const { lookUpLagMs, settleByMs } = dependencies.settings
  const settleBy = at - tookMs + outlasting(settleByMs)
  switch (answer.kind) {
    case 'settled':
      return { type: 'charge.settled', tookMs, detail }
    case 'denied': {
      const mayReject = at - context.record.acceptedAt >= dependencies.settings.rejectAfterMs
      const next = routeAfter(dependencies, context, end)
      return { type: 'charge.denied', tookMs, detail, mayReject, next }
    }
    case 'refused': {
      const next = routeAfter(dependencies, context, end)
      return { type: 'charge.refused', tookMs, detail, next }
    }
    case 'failed': {
      const endsAt = at + outlasting(lookUpLagMs)
      return { type: 'charge.failed', tookMs, detail, endsAt, settleBy: Math.max(endsAt, settleBy) }
    }
    case 'known':
    case 'inDoubt': {
      const type = answer.kind === 'known' ? 'charge.known' : 'charge.doubted'
      return { type, tookMs, detail, endsAt: settleBy }
    }
  }
}

/** Onwards from a processor that has just refused or denied the payment. */
function routeAfter(
  dependencies: PaymentDependencies,
  { record, refusedBy, attempts }: PaymentContext,
  { attempt, answer }: ChargeEnd,
): NextRoute {
  const { processor } = attempt
  const earlier = deniedBy(attempts)
  const denier = answer.kind === 'denied' ? processor : earlier
  const avoided = [...refusedBy, processor, ...(earlier === null ? [] : [earlier])]
  const { acceptedAt } = record
  const known = { deniedBy: denier, lastAt: processor, attempts }
  return nextRoute(dependencies, { acceptedAt, refusedBy: avoided, ...known })
}

/** How a charge ended: with which answer, how long after its sending, when (monotonic ms). */
interface ChargeEnd {
  readonly attempt: CurrentAttempt
  readonly answer: ChargeAnswer
  readonly tookMs: number
  readonly at: number
}

function noteAttempt(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  end: { attempt: CurrentAttempt; answer: WeighedAnswer; tookMs: number },
): void {
  const { processor, reason } = end.attempt
  const { failsProcessor } = end.answer
  dependencies.telemetry.emit({
    type: 'attempt.ended',
    correlationId: context.record.correlationId,
    processor,
    outcome: end.answer.kind,
    reason,
    detail: end.answer.detail,
    tookMs: end.tookMs,
    ...(failsProcessor === undefined ? {} : { failsProcessor }),
  })
}
