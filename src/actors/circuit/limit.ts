// How many charges a circuit lets through: few while it is half-open, fewer where its processor says
// that they are too many at a time, else as many as the settings allow.

import assert from 'node:assert'
import {
  attemptOf,
  isCrowdedOut,
  OVERTAKEN_MAX,
  routeState,
  type CircuitState,
  type HealthContext,
  type HealthEvent,
  type HealthStep,
  type Ramp,
} from './context.ts'
import { emptyWindow, ratesOf, withEvidence } from './window.ts'

/** Why a circuit goes by its processor again. */
const NO_LONGER_HELD = 'no longer held'

/** Charges in flight at once when a circuit has just become half-open. */
const FIRST_CONCURRENCY_LIMIT = 1

/** Charges that may be in flight at `now` (monotonic, ms). */
export function limitAt(circuit: CircuitState, context: HealthContext, now: number): number {
  if (routeState(circuit) === 'open') return 0
  if (circuit === 'heldClosed') return context.settings.concurrency
  return Math.floor(
    circuit === 'halfOpen' ? halfOpenLimitAt(context, now) : context.concurrencyLimit,
  )
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

/** Share of the charges in the window, 0 to 1, from which on they are too many at a time. */
const LIMITED_RATE = 0.1

/**
 * Whether a processor has more at a time than it takes: it refuses so many charges for their number,
 * while others are out. A single one that it refuses has failed.
 */
export function isTooMany({ context, event }: HealthStep): boolean {
  const attempt = attemptOf(event)
  if (!isCrowdedOut(attempt)) return false
  const { callsMin, windowMs } = context.settings
  const { calls, limitedRate } = ratesOf(
    withEvidence(context.window, { ...attempt, isLimited: true }, windowMs),
  )
  return calls >= callsMin && limitedRate >= LIMITED_RATE
}

/** What a circuit lets through then: as many as are out beside the one that was refused. */
export function narrowed({ context, event }: HealthStep): Partial<HealthContext> {
  const { beside } = attemptOf(event)
  assert(beside !== undefined && beside > 0, 'one that is too many has others beside it')
  return { concurrencyLimit: Math.min(context.concurrencyLimit, beside) }
}

/** The same, of a half-open one, which is closed then: it works. */
export function recoveredNarrow(step: HealthStep): Partial<HealthContext> {
  const { window } = step.context
  return { ...recovered(step), window, ...narrowed(step) }
}

/** Whether it lets fewer through than the settings allow, though closed. */
export function isNarrowed({ context, event }: HealthStep): boolean {
  return !attemptOf(event).failed && context.concurrencyLimit < context.settings.concurrency
}

/**
 * One more in the time in which as many as may be out are answered; from the second such time on in
 * which nothing was refused as many as were taken: its processor takes more by now. And as many as were
 * out with the one that was settled, unless that is old: so many were not too many, whatever others
 * were refused for.
 */
export function widened({ context, event }: HealthStep): Partial<HealthContext> {
  const { concurrencyLimit, takenInARow, settings } = context
  const { among = 0, overtakenBy = 0 } = attemptOf(event).order ?? {}
  const proved = overtakenBy < OVERTAKEN_MAX ? among : 0
  const limit = Math.max(proved, takenInARow, concurrencyLimit + 1 / concurrencyLimit)
  return { concurrencyLimit: Math.min(settings.concurrency, limit) }
}
