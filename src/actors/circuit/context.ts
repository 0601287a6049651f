// What one processor's circuit knows, and the pure steps that change it.

import { ratesOf, withEvidence, type AttemptWindow } from './window.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { CircuitView } from '../model/route.ts'

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
  /** First rest of an open circuit, ms; doubles each time that half-open fails. */
  readonly openMs: number
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
  /** Rest of the next opening, ms. */
  readonly restMs: number
  /** Counts openings, so that the end of an earlier rest is known as such. */
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
  | { readonly type: 'rest.elapsed'; readonly opening: number; readonly at: number }

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
  state: CircuitView['state'],
  context: HealthContext,
): Omit<CircuitView, 'inFlight'> {
  return {
    state,
    concurrencyLimit: state === 'open' ? 0 : context.concurrencyLimit,
    expectedMs: Math.max(context.measuredMs, context.announcedMs),
  }
}

/**
 * A failure says no more than that an answer would have taken longer: a timeout counts with all its
 * time, while quick 500s and refused connections must not make a slow processor look fast, to which
 * the route would then send what it means to keep from slow ones.
 */
export function weighed({ context, event }: HealthStep): Partial<HealthContext> {
  if (event.type !== 'attempt.reported') return {}
  const window = withEvidence(context.window, evidenceOf(context, event), context.settings.windowMs)
  const { measuredMs } = context
  const sampleMs = event.failed ? Math.max(measuredMs, event.tookMs) : event.tookMs
  return { window, measuredMs: measuredMs + SMOOTHING * (sampleMs - measuredMs) }
}

/** A fresh announcement replaces what attempts measured: a processor shunned as slow recovers so. */
export function announced({ context, event }: HealthStep): Partial<HealthContext> {
  if (event.type !== 'probe.answered') return {}
  const isNews = event.at > context.probedAt
  return isNews
    ? { announcedMs: event.minResponseMs, measuredMs: event.minResponseMs, probedAt: event.at }
    : {}
}

function evidenceOf(
  context: HealthContext,
  event: Extract<HealthEvent, { type: 'attempt.reported' }>,
): { failed: boolean; slow: boolean; at: number } {
  return { failed: event.failed, slow: event.tookMs > context.settings.slowMs, at: event.at }
}

export function tripped({ context, event }: HealthStep): Partial<HealthContext> {
  return {
    openings: context.openings + 1,
    since: event.at,
    cause: event.type === 'probe.answered' ? 'probe says failing' : 'attempts fail or are slow',
  }
}

export function trippedAgain(step: HealthStep): Partial<HealthContext> {
  const { restMs, settings } = step.context
  return { ...tripped(step), restMs: Math.min(settings.openMaxMs, restMs * 2) }
}

export function wentWrong({ context, event }: HealthStep): boolean {
  return (
    event.type === 'attempt.reported' && (event.failed || event.tookMs > context.settings.slowMs)
  )
}

export function crossesRate({ context, event }: HealthStep): boolean {
  if (event.type !== 'attempt.reported') return false
  const { settings } = context
  const window = withEvidence(context.window, evidenceOf(context, event), settings.windowMs)
  const { calls, failureRate, slowRate } = ratesOf(window)
  return (
    calls >= settings.callsMin &&
    (failureRate >= settings.failureRate || slowRate >= settings.slowRate)
  )
}

export function saysUsable({ context, event }: HealthStep): boolean {
  return (
    event.type === 'probe.answered' &&
    !event.failing &&
    event.minResponseMs <= context.settings.slowMs &&
    event.at > context.since
  )
}
