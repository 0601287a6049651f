// What one processor's circuit knows, and the pure steps that change it.

import assert from 'node:assert'
import { failureDetailsOf, ratesOf, withEvidence, type AttemptWindow } from './window.ts'
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
  /** Charges that were settled since one was refused as one too many at a time. */
  readonly takenInARow: number
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
  /** `minResponseTime` as last announced by the processor, ms; null: it has announced none. */
  readonly saidMs: number | null
  /** The same, as far as it is believed. */
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
      /** How much it says of now. */
      readonly order?: ChargeOrder
      /** Where it was refused as one too many: other charges that were out at `at`. */
      readonly beside?: number
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

/** What came of a charge by the order in which charges were sent. */
export interface ChargeOrder {
  /** Whether it was sent before a silence that has ended: it tells of the time before. */
  readonly isPast: boolean
  /** Charges sent later that were settled before it, unless such as were sent lately wait as well. */
  readonly overtakenBy: number
  /** Charges that were out once it was sent, itself among them, without such as hung. */
  readonly among: number
  /** Where it failed: charges sent before it that are out and have not waited for long. */
  readonly ahead: number
}

const IN_ORDER: ChargeOrder = { isPast: false, overtakenBy: 0, among: 0, ahead: 0 }

/** What has been overtaken by so many settled charges weighs next to nothing; more are not counted. */
export const OVERTAKEN_MAX = 16

/** Share of a new measurement in the smoothed response time. */
const SMOOTHING = 0.2

/** The same of one that was sent earlier than so many that have been measured already. */
export function smoothingOf(overtakenBy: number): number {
  return SMOOTHING * (1 - SMOOTHING) ** overtakenBy
}

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

/** What an order lets go of: one that was held open is tried with few charges first. */
export function circuitReleased(circuit: CircuitState): CircuitState {
  if (circuit === 'heldOpen') return 'halfOpen'
  return circuit === 'heldClosed' ? 'closed' : circuit
}

/** The state as the route goes by it. */
export function routeState(circuit: CircuitState): RouteCircuit['state'] {
  if (circuit === 'heldOpen') return 'open'
  return circuit === 'heldClosed' ? 'closed' : circuit
}

/**
 * The window and the smoothed response time, with one attempt more. A failure can only raise that
 * time: quick 500s and refused connections must not make a slow processor look fast, or the route
 * would send it payments. A timeout counts for as much as failures are of what opens the circuit:
 * one charge that got lost must not make a quick processor look slow, or it would get none. A refusal
 * of one too many says nothing of either.
 */
export function weighed(step: HealthStep): Partial<HealthContext> {
  const { context } = step
  const attempt = attemptOf(step.event)
  const { failed, detail, at } = attempt
  const { settings, measuredMs } = context
  const isLimited = isCrowdedOut(attempt)
  const evidence = { failed, detail, at, isLimited }
  const window = withEvidence(context.window, evidence, settings.windowMs)
  if (isLimited) return { window, takenInARow: 0 }
  if (!failed) {
    const takenInARow = context.takenInARow + 1
    return { window, failedInARow: 0, takenInARow, ...timed(context, attempt) }
  }
  const { overtakenBy } = attempt.order ?? IN_ORDER
  const failedInARow = context.failedInARow + 1
  const share = Math.min(1, ratesOf(window).failureRate / settings.failureRate)
  const longerMs = Math.max(0, attempt.tookMs - measuredMs)
  const raisedMs = smoothingOf(overtakenBy) * share * longerMs
  return { window, failedInARow, measuredMs: measuredMs + raisedMs }
}

/**
 * A good answer tells how long it takes now, in the order of sending: by the order of answers, slow
 * ones of before would outweigh the quick ones of now. It also refutes a longer time that was announced
 * before it was sent.
 */
function timed(context: HealthContext, attempt: AttemptReported): Partial<HealthContext> {
  const { measuredMs, announcedMs, probedAt } = context
  const { at, tookMs, order: { overtakenBy } = IN_ORDER } = attempt
  const isOld = at - tookMs < probedAt
  const longestMs = isOld ? announcedMs : Math.min(announcedMs, tookMs)
  const smoothedMs = measuredMs + smoothingOf(overtakenBy) * (tookMs - measuredMs)
  return { measuredMs: smoothedMs, announcedMs: longestMs }
}

/** Whether a charge was refused as one too many at a time: a single one that is has failed. */
export function isCrowdedOut({ beside }: AttemptReported): boolean {
  return beside !== undefined && beside > 0
}

/** No processor is believed to take longer, ms: it would never be charged to see. */
const ANNOUNCED_MAX_MS = 10_000

/**
 * An announcement that is not the same as the last one replaces what attempts measured. One that is
 * says nothing new: what was measured since stands against it.
 */
export function announced({ context, event }: HealthStep): Partial<HealthContext> {
  const { at, failing, minResponseMs } = probeOf(event)
  if (at <= context.probedAt) return {}
  const news = { probedAt: at, usableAt: failing ? context.usableAt : at, saidMs: minResponseMs }
  if (minResponseMs === context.saidMs) return news
  const announcedMs = Math.min(ANNOUNCED_MAX_MS, minResponseMs)
  return { ...news, announcedMs, measuredMs: announcedMs }
}

/** What a circuit that is held begins with; the end of a cooldown from before is an earlier one's. */
export function held({ context, event }: HealthStep): Partial<HealthContext> {
  const { held: by, at } = holdOf(event)
  assert(by !== null, 'a circuit is held by somebody')
  return { openings: context.openings + 1, since: at, cause: by.cause }
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
 * Whether a half-open circuit has failed: by the first attempt, and once one was answered well by the
 * rate that opens a closed one. By a single failure one whose processor refuses three of ten would
 * hardly ever close again.
 */
export function failsAgain(step: HealthStep): boolean {
  const attempt = attemptOf(step.event)
  if (isCrowdedOut(attempt) || !attempt.failed) return false
  const window = withEvidence(step.context.window, attempt, step.context.settings.windowMs)
  const { ahead } = attempt.order ?? IN_ORDER
  return ratesOf(window, ahead).failureRate === 1 || crossesRate(step)
}

/**
 * Whether a closed circuit has failed: by the rate, or by failures in a row, which a processor that
 * gets few charges has as well. Failures that are quicker than what was sent before them are seen
 * first, so those that are out count as if they were answered well.
 */
export function crossesRate({ context, event }: HealthStep): boolean {
  const { settings, failedInARow } = context
  const attempt = attemptOf(event)
  if (isCrowdedOut(attempt) || !attempt.failed) return false
  const { ahead } = attempt.order ?? IN_ORDER
  if (failedInARow + 1 >= settings.callsMin + ahead) return true
  const window = withEvidence(context.window, attempt, settings.windowMs)
  const { calls, failureRate } = ratesOf(window, ahead)
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

/** Whether the attempt was sent before the circuit was last open, or silent: it tells of that time. */
export function wasSentBefore({ context, event }: HealthStep): boolean {
  const { at, tookMs, sentAt = at - tookMs, order = IN_ORDER } = attemptOf(event)
  return order.isPast || sentAt < context.triedFrom
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

export function attemptOf(event: HealthEvent): AttemptReported {
  assert(event.type === 'attempt.reported', 'only a reported attempt is weighed')
  return event
}

function probeOf(event: HealthEvent): ProbeAnswered {
  assert(event.type === 'probe.answered', 'only the answer to a probe is an announcement')
  return event
}
