// What one processor's circuit knows, and the pure steps that change it.

import assert from 'node:assert'
import {
  emptyWindow,
  failureDetailsOf,
  ratesOf,
  withEvidence,
  type AttemptWindow,
} from './window.ts'
import { failuresInWords, noteFailure } from '../model/facts.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { RouteCircuit } from '../model/route.ts'

export interface CircuitSettings {
  /** Length of the rolling window, ms. */
  readonly windowMs: number
  /** Attempts in the window below which no rate counts; so many failures in a row open it in any case. */
  readonly callsMin: number
  /** Share of failed attempts, 0 to 1, that opens the circuit. */
  readonly failureRate: number
  /** First cooldown of an open circuit, ms; doubles each time that half-open fails. */
  readonly openMs: number
  /** Longest cooldown, ms. */
  readonly openMaxMs: number
  /** Charges in flight at once when closed. */
  readonly concurrency: number
}

/** A circuit that an operator holds, whatever its processor answers. */
export interface HeldCircuit {
  readonly to: 'open' | 'closed'
  /** Who ordered it and why, for people. */
  readonly cause: string
}

export interface HealthInput {
  readonly processor: ProcessorName
  readonly settings: CircuitSettings
  /** Monotonic, ms. */
  readonly now: number
}

export interface HealthContext extends HealthInput {
  readonly window: AttemptWindow
  /** Attempts that have failed since the last one that did not, however long ago. */
  readonly failedInARow: number
  /** How often it was opened again by charges while half-open, since one was answered well. */
  readonly failedTrials: number
  /** Charges that may be in flight at once; while half-open `limitAt` may be higher. */
  readonly concurrencyLimit: number
  /** By what the limit of a half-open circuit grows in time; null: by good answers alone. */
  readonly ramp: Ramp | null
  /** Cooldown of the next opening, ms. */
  readonly cooldownMs: number
  /** Counts openings, so that the end of an earlier cooldown is known as such. */
  readonly openings: number
  /** Smoothed response time, ms; failures raise it only. */
  readonly measuredMs: number
  /** `minResponseTime` as last announced by the processor, ms. */
  readonly announcedMs: number
  /** Monotonic instant of that announcement, ms. */
  readonly probedAt: number
  /** Monotonic instant of the last one by which it works, ms. */
  readonly usableAt: number
  /** Monotonic instant of the last change of state, ms. */
  readonly since: number
  /** When it last became half-open, or started, monotonic ms: what was sent earlier is old news. */
  readonly triedFrom: number
  /** Why the state is what it is, for people. */
  readonly cause: string
}

/** From the first good news of a half-open circuit on. */
export interface Ramp {
  /** Monotonic, ms. */
  readonly from: number
  /** Response time of the processor, as announced or as its first charge took, ms. */
  readonly responseMs: number
}

export type HealthEvent =
  | {
      readonly type: 'attempt.reported'
      /** Whether the processor failed by its own fault. */
      readonly failed: boolean
      /** What the processor or the network said, as in `Attempt`. */
      readonly detail: string
      readonly tookMs: number
      readonly at: number
      /** Monotonic, ms, where it was not `tookMs` before `at`: what it says was found out later. */
      readonly sentAt?: number
    }
  | {
      readonly type: 'probe.answered'
      readonly failing: boolean
      readonly minResponseMs: number
      /** Monotonic instant at which the processor said so, ms. */
      readonly at: number
    }
  | { readonly type: 'cooldown.elapsed'; readonly opening: number; readonly at: number }
  /** An operator holds it from now on, or no longer. */
  | { readonly type: 'hold.changed'; readonly held: HeldCircuit | null; readonly at: number }
  /** Another instance's circuit is open, or was when it was last heard of, within a minute. */
  | { readonly type: 'opening.reported'; readonly at: number }

/** Why a circuit goes by its processor again. */
const NO_LONGER_HELD = 'no longer held'

/** Share of a new measurement in the smoothed response time. */
const SMOOTHING = 0.2

/** Charges in flight at once when a circuit has just become half-open. */
const FIRST_CONCURRENCY_LIMIT = 1

export interface HealthStep {
  readonly context: HealthContext
  readonly event: HealthEvent
}

/** Response time to expect, ms, whatever is out now. */
export function expectedMsOf({ measuredMs, announcedMs }: HealthContext): number {
  return Math.max(measuredMs, announcedMs)
}

/** Held ones are called so as long as they are held. */
export type CircuitState = RouteCircuit['state'] | 'heldOpen' | 'heldClosed'

/** The state as the route goes by it. */
export function routeState(circuit: CircuitState): RouteCircuit['state'] {
  if (circuit === 'heldOpen') return 'open'
  return circuit === 'heldClosed' ? 'closed' : circuit
}

/** Charges that may be in flight at `now` (monotonic, ms). */
export function limitAt(circuit: CircuitState, context: HealthContext, now: number): number {
  if (routeState(circuit) === 'open') return 0
  if (circuit === 'heldClosed') return context.settings.concurrency
  return circuit === 'halfOpen' ? halfOpenLimitAt(context, now) : context.concurrencyLimit
}

/** A ramp takes at least as long, ms. */
const RAMP_MIN_MS = 1000

/**
 * A half-open circuit sends to a processor that says it works, or has answered, as many in its
 * response time as it may once it is closed, and not more: by answers alone the limit of a slow one
 * would take several of these times to grow. Once that time is over and nothing was answered, it
 * grows no further.
 */
function halfOpenLimitAt({ ramp, concurrencyLimit, settings }: HealthContext, now: number): number {
  if (ramp === null) return concurrencyLimit
  const passedMs = Math.min(now - ramp.from, ramp.responseMs)
  const share = passedMs / Math.max(RAMP_MIN_MS, ramp.responseMs)
  return Math.max(concurrencyLimit, Math.floor(settings.concurrency * share))
}

/**
 * The window and the smoothed response time, with one attempt more. A failure can only raise that
 * time: quick 500s and refused connections must not make a slow processor look fast, or the route
 * would send it payments. A timeout counts for as much as failures are of what opens the circuit:
 * one charge that got lost must not make a quick processor look slow, or it would get none.
 */
export function weighed({ context, event }: HealthStep): Partial<HealthContext> {
  const attempt = attemptOf(event)
  const { settings, measuredMs } = context
  const window = withEvidence(context.window, attempt, settings.windowMs)
  if (!attempt.failed) {
    return { window, failedInARow: 0, measuredMs: smoothed(measuredMs, attempt.tookMs) }
  }
  const failedInARow = context.failedInARow + 1
  const share = Math.min(1, ratesOf(window).failureRate / settings.failureRate)
  const longerMs = Math.max(0, attempt.tookMs - measuredMs)
  return { window, failedInARow, measuredMs: smoothed(measuredMs, measuredMs + share * longerMs) }
}

/** The smoothed response time after an attempt from before, of which only a good answer tells. */
export function timed({ context, event }: HealthStep): Partial<HealthContext> {
  const { failed, tookMs } = attemptOf(event)
  return failed ? {} : { measuredMs: smoothed(context.measuredMs, tookMs) }
}

function smoothed(measuredMs: number, sampleMs: number): number {
  return measuredMs + SMOOTHING * (sampleMs - measuredMs)
}

/**
 * A fresh announcement replaces what attempts measured: a processor that gets no charges because it
 * was slow has no other way to count as fast again.
 */
export function announced({ context, event }: HealthStep): Partial<HealthContext> {
  const { at, failing, minResponseMs } = probeOf(event)
  if (at <= context.probedAt) return {}
  const usableAt = failing ? context.usableAt : at
  return { announcedMs: minResponseMs, measuredMs: minResponseMs, probedAt: at, usableAt }
}

/**
 * What a circuit that becomes half-open begins with. How long failures took says nothing of whether
 * it works now: by that time it would look late, and get no charge that shows it to be quick again.
 */
export function halfOpened({ context, event }: HealthStep): Partial<HealthContext> {
  const { at } = event
  const window = emptyWindow(at)
  const concurrencyLimit = FIRST_CONCURRENCY_LIMIT
  const cause = HALF_OPENED_BY[event.type] ?? 'cooldown over'
  const ramp = event.type === 'probe.answered' ? rampBy({ event }) : null
  const measuredMs = context.announcedMs
  const failedTrials = event.type === 'hold.changed' ? 0 : context.failedTrials
  const begun = { since: at, triedFrom: at, window, measuredMs, failedTrials }
  return { ...begun, concurrencyLimit, ramp, cause }
}

const HALF_OPENED_BY: Partial<Record<HealthEvent['type'], string>> = {
  'probe.answered': 'probe says up',
  'hold.changed': NO_LONGER_HELD,
}

/** What a circuit that is held begins with; the end of a cooldown from before is an earlier one's. */
export function held({ context, event }: HealthStep): Partial<HealthContext> {
  const { held: by, at } = holdOf(event)
  assert(by !== null, 'a circuit is held by somebody')
  return { openings: context.openings + 1, since: at, cause: by.cause }
}

/** What a circuit that lets everything through begins with. */
export function recovered({ context: { settings }, event }: HealthStep): Partial<HealthContext> {
  return {
    concurrencyLimit: settings.concurrency,
    cooldownMs: settings.openMs,
    window: emptyWindow(event.at),
    failedInARow: 0,
    failedTrials: 0,
    since: event.at,
    cause: event.type === 'hold.changed' ? NO_LONGER_HELD : 'attempts succeed',
  }
}

/** A half-open circuit after good news: an answer doubles its limit, the first news begin its ramp. */
export function encouraged(step: HealthStep): Partial<HealthContext> {
  const { context, event } = step
  const ramp = context.ramp ?? rampBy(step)
  if (event.type === 'probe.answered') return { ramp }
  const limit = Math.min(context.settings.concurrency, 2 * halfOpenLimitAt(context, event.at))
  return { ramp, concurrencyLimit: limit, failedTrials: 0 }
}

function rampBy({ event }: Pick<HealthStep, 'event'>): Ramp {
  const isProbe = event.type === 'probe.answered'
  return { from: event.at, responseMs: isProbe ? event.minResponseMs : attemptOf(event).tookMs }
}

/** Whether one more good answer lets everything through. */
export function fillsConcurrencyLimit({ context, event }: HealthStep): boolean {
  return 2 * halfOpenLimitAt(context, event.at) >= context.settings.concurrency
}

/** An attempt that opens it has been weighed before. */
export function tripped({ context, event }: HealthStep): Partial<HealthContext> {
  assert(
    event.type !== 'cooldown.elapsed' && event.type !== 'hold.changed',
    'neither a cooldown that ends nor a hold trips a circuit',
  )
  const said = event.type === 'attempt.reported' ? `: ${failuresOf(context)}` : ''
  const cause = `${OPENED_BY[event.type]}${said}`
  return { openings: context.openings + 1, since: event.at, cause }
}

function failuresOf({ window }: HealthContext): string {
  const counts = new Map<string, number>()
  for (const detail of failureDetailsOf(window)) noteFailure(counts, detail)
  return failuresInWords(counts)
}

const OPENED_BY = {
  'attempt.reported': 'attempts fail',
  'probe.answered': 'probe says failing',
  'opening.reported': 'open at another instance',
} as const

export function trippedAgain(step: HealthStep): Partial<HealthContext> {
  const { cooldownMs, settings } = step.context
  const failedTrials = step.context.failedTrials + (step.event.type === 'attempt.reported' ? 1 : 0)
  const longerMs = Math.min(settings.openMaxMs, cooldownMs * 2)
  return { ...tripped(step), cooldownMs: longerMs, failedTrials }
}

export function wentWrong({ event }: Pick<HealthStep, 'event'>): boolean {
  return attemptOf(event).failed
}

/**
 * Whether a half-open circuit has failed: by the rate that opens a closed one, from the first attempt
 * on. By a single failure one whose processor refuses three of ten would hardly ever close again.
 */
export function failsAgain({ context, event }: HealthStep): boolean {
  const { settings } = context
  const window = withEvidence(context.window, attemptOf(event), settings.windowMs)
  return attemptOf(event).failed && ratesOf(window).failureRate >= settings.failureRate
}

/**
 * Whether a closed circuit has failed: by the rate, or by failures in a row, which a processor that
 * gets few charges has as well.
 */
export function crossesRate({ context, event }: HealthStep): boolean {
  const { settings, failedInARow } = context
  if (attemptOf(event).failed && failedInARow + 1 >= settings.callsMin) return true
  const window = withEvidence(context.window, attemptOf(event), settings.windowMs)
  const { calls, failureRate } = ratesOf(window)
  return calls >= settings.callsMin && failureRate >= settings.failureRate
}

/** Whether it would open if so many charges that are out failed now. */
export function isFailingWith({ window, settings }: HealthContext, overdue: number): boolean {
  if (overdue === 0) return false
  const { calls, failureRate } = ratesOf(window)
  const all = calls + overdue
  return all >= settings.callsMin && failureRate * calls + overdue >= settings.failureRate * all
}

/** Whether the circuit knows nothing by itself: what others say is believed only then. */
export function isUntried({ context }: HealthStep): boolean {
  return context.openings === 0 && ratesOf(context.window).calls === 0
}

/** Whether the attempt was sent before the circuit was last open: it tells of the time before. */
export function wasSentBefore({ context, event }: HealthStep): boolean {
  const { at, tookMs, sentAt = at - tookMs } = attemptOf(event)
  return sentAt < context.triedFrom
}

export function saysFailing({ context, event }: HealthStep): boolean {
  const { failing, at } = probeOf(event)
  return failing && at > context.since
}

export function saysUsable({ context, event }: HealthStep): boolean {
  const { failing, at } = probeOf(event)
  return !failing && at > context.since
}

export function holdsOpen({ event }: Pick<HealthStep, 'event'>): boolean {
  return holdOf(event).held?.to === 'open'
}

export function holdsClosed({ event }: Pick<HealthStep, 'event'>): boolean {
  return holdOf(event).held?.to === 'closed'
}

export function isReleased({ event }: Pick<HealthStep, 'event'>): boolean {
  return holdOf(event).held === null
}

function holdOf(event: HealthEvent): Extract<HealthEvent, { type: 'hold.changed' }> {
  assert(event.type === 'hold.changed', 'only an order holds a circuit')
  return event
}

export type AttemptReported = Extract<HealthEvent, { type: 'attempt.reported' }>
type ProbeAnswered = Extract<HealthEvent, { type: 'probe.answered' }>

function attemptOf(event: HealthEvent): AttemptReported {
  assert(event.type === 'attempt.reported', 'only a reported attempt is weighed')
  return event
}

function probeOf(event: HealthEvent): ProbeAnswered {
  assert(event.type === 'probe.answered', 'only the answer to a probe is an announcement')
  return event
}
