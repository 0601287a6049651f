// What one processor's circuit knows, and the pure steps that change it.

import assert from 'node:assert'
import { ratesOf, withEvidence, type AttemptWindow, type Evidence } from './window.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { RouteCircuit } from '../model/route.ts'

export interface CircuitSettings {
  /** Length of the rolling window, ms. */
  readonly windowMs: number
  /** Attempts in the window below which no rate counts. */
  readonly callsMin: number
  /** Share of failed attempts, 0 to 1, that opens the circuit. */
  readonly failureRate: number
  /** Share of slow attempts, 0 to 1, that opens the circuit. */
  readonly slowRate: number
  /** Response time above which an attempt is slow, ms. */
  readonly slowMs: number
  /** First cooldown of an open circuit, ms; doubles each time that half-open fails. */
  readonly openMs: number
  /** Longest cooldown, ms. */
  readonly openMaxMs: number
  /** Charges in flight at once when closed. */
  readonly concurrency: number
}

export interface HealthInput {
  readonly processor: ProcessorName
  readonly settings: CircuitSettings
  /** Monotonic, ms. */
  readonly now: number
}

export interface HealthContext extends HealthInput {
  readonly window: AttemptWindow
  /** Charges that may be in flight at once now. */
  readonly concurrencyLimit: number
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
  /** Monotonic instant of the last change of state, ms. */
  readonly since: number
  /** Why the state is what it is, for people. */
  readonly cause: string
}

export type HealthEvent =
  | {
      readonly type: 'attempt.reported'
      /** Whether the processor failed by its own fault. */
      readonly failed: boolean
      readonly tookMs: number
      readonly at: number
    }
  | {
      readonly type: 'probe.answered'
      readonly failing: boolean
      readonly minResponseMs: number
      /** Monotonic instant at which the processor said so, ms. */
      readonly at: number
    }
  | { readonly type: 'cooldown.elapsed'; readonly opening: number; readonly at: number }
  /** Another instance's circuit is open, or was when it was last heard of, within a minute. */
  | { readonly type: 'opening.reported'; readonly at: number }

/** Share of a new measurement in the smoothed response time. */
const SMOOTHING = 0.2

/** Charges in flight at once when a circuit has just become half-open. */
export const FIRST_CONCURRENCY_LIMIT = 1

export interface HealthStep {
  readonly context: HealthContext
  readonly event: HealthEvent
}

/** What the router has to know of this circuit; `inFlight` is the caller's to fill in. */
export function circuitOf(
  state: RouteCircuit['state'],
  context: HealthContext,
): Omit<RouteCircuit, 'inFlight'> {
  return {
    state,
    concurrencyLimit: state === 'open' ? 0 : context.concurrencyLimit,
    expectedMs: Math.max(context.measuredMs, context.announcedMs),
  }
}

/**
 * The window and the smoothed response time, with one attempt more. A failure can only raise that
 * time. A timeout counts in full, but quick 500s and refused connections must not make a slow
 * processor look fast: the route would then send it payments.
 */
export function weighed({ context, event }: HealthStep): Partial<HealthContext> {
  const attempt = attemptOf(event)
  const { measuredMs, settings } = context
  const window = withEvidence(context.window, evidenceOf(context, attempt), settings.windowMs)
  const sampleMs = attempt.failed ? Math.max(measuredMs, attempt.tookMs) : attempt.tookMs
  return { window, measuredMs: measuredMs + SMOOTHING * (sampleMs - measuredMs) }
}

/**
 * A fresh announcement replaces what attempts measured: a processor that gets no charges because it
 * was slow has no other way to count as fast again.
 */
export function announced({ context, event }: HealthStep): Partial<HealthContext> {
  const { at, minResponseMs } = probeOf(event)
  if (at <= context.probedAt) return {}
  return { announcedMs: minResponseMs, measuredMs: minResponseMs, probedAt: at }
}

export function tripped({ context, event }: HealthStep): Partial<HealthContext> {
  assert(event.type !== 'cooldown.elapsed', 'a cooldown that ends opens nothing')
  return { openings: context.openings + 1, since: event.at, cause: OPENED_BY[event.type] }
}

const OPENED_BY = {
  'attempt.reported': 'attempts fail or are slow',
  'probe.answered': 'probe says failing',
  'opening.reported': 'open at another instance',
} as const

export function trippedAgain(step: HealthStep): Partial<HealthContext> {
  const { cooldownMs, settings } = step.context
  return { ...tripped(step), cooldownMs: Math.min(settings.openMaxMs, cooldownMs * 2) }
}

export function wentWrong({ context, event }: HealthStep): boolean {
  const { failed, slow } = evidenceOf(context, attemptOf(event))
  return failed || slow
}

export function crossesRate({ context, event }: HealthStep): boolean {
  const { settings } = context
  const evidence = evidenceOf(context, attemptOf(event))
  const window = withEvidence(context.window, evidence, settings.windowMs)
  const { calls, failureRate, slowRate } = ratesOf(window)
  return (
    calls >= settings.callsMin &&
    (failureRate >= settings.failureRate || slowRate >= settings.slowRate)
  )
}

/** Whether the circuit knows nothing by itself: what others say is believed only then. */
export function isUntried({ context }: HealthStep): boolean {
  return context.openings === 0 && ratesOf(context.window).calls === 0
}

/** Whether the attempt was sent before the circuit came into its present state. */
export function wasSentBefore({ context, event }: HealthStep): boolean {
  const { at, tookMs } = attemptOf(event)
  return at - tookMs < context.since
}

export function saysFailing({ context, event }: HealthStep): boolean {
  const { failing, at } = probeOf(event)
  return failing && at > context.since
}

export function saysUsable({ context, event }: HealthStep): boolean {
  const { failing, minResponseMs, at } = probeOf(event)
  return !failing && minResponseMs <= context.settings.slowMs && at > context.since
}

function evidenceOf(
  { settings }: HealthContext,
  { failed, tookMs, at }: AttemptReported,
): Evidence {
  return { failed, slow: tookMs > settings.slowMs, at }
}

type AttemptReported = Extract<HealthEvent, { type: 'attempt.reported' }>
type ProbeAnswered = Extract<HealthEvent, { type: 'probe.answered' }>

function attemptOf(event: HealthEvent): AttemptReported {
  assert(event.type === 'attempt.reported', 'only a reported attempt is weighed')
  return event
}

function probeOf(event: HealthEvent): ProbeAnswered {
  assert(event.type === 'probe.answered', 'only the answer to a probe is an announcement')
  return event
}
