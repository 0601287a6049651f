// Chooses the processor for one attempt: a pure function of both circuits, fees and the age.

import type { ProcessorName, RouteReason } from './payment.ts'

/** What the route has to know of one processor. */
export interface RouteCircuit {
  readonly state: 'closed' | 'open' | 'halfOpen'
  /** Charges that may be in flight at once; grows while half-open. */
  readonly concurrencyLimit: number
  /** Charges in flight now. */
  readonly inFlight: number
  /** Response time to expect, ms: the largest of the announced, the measured and the silent one. */
  readonly expectedMs: number
  /** Whether it leaves charges unanswered for much longer than it takes otherwise: none is sent. */
  readonly isSilent: boolean
  /** Whether one more charge is due to see whether it is quicker than it is thought to be. */
  readonly isTrialDue: boolean
}

export interface RouteSettings {
  /** Share of the amount that each processor keeps, 0 to 1. */
  readonly fees: Readonly<Record<ProcessorName, number>>
  /** How long a payment may wait for the cheaper processor, ms since it was accepted. */
  readonly waitMaxMs: number
}

export interface RouteQuestion {
  readonly circuits: Readonly<Record<ProcessorName, RouteCircuit>>
  /** Time since the payment was accepted, ms. */
  readonly ageMs: number
  /**
   * A charge that is answered later than this, ms, is late: who compares books so long after it was
   * sent finds it at its processor and not here.
   */
  readonly slowMs: number
  /** Processors that refused the payment in this try. */
  readonly refusedBy: readonly ProcessorName[]
  /** The processor that denied the payment (400), if one did. */
  readonly deniedBy: ProcessorName | null
  /** Where it was charged last; decides for a denied payment only. */
  readonly lastAt: ProcessorName | null
}

/** `to: null` means: wait, no attempt is made. */
export interface Route {
  readonly to: ProcessorName | null
  readonly reason: RouteReason
}

const WAIT_FOR_CHEAPER: Route = { to: null, reason: 'waitingForCheaper' }
const WAIT_FOR_ANY: Route = { to: null, reason: 'noneAvailable' }

/**
 * The cheaper processor as long as it is up, below its concurrency limit and in time; the dearer one
 * where that is quicker than a late one, or once the payment has waited its time; else none. With
 * equal fees `default` counts as the cheaper one. A payment that one has denied goes to the other,
 * and from then on to each in turn, whatever it costs.
 */
export function chooseRoute(question: RouteQuestion, settings: RouteSettings): Route {
  const cheaper = cheaperOf(settings.fees)
  const dearer = otherThan(cheaper)
  if (question.deniedBy !== null) return routeAround(question, question.deniedBy, cheaper)
  if (isUsable(question, cheaper)) {
    return routePast(question, cheaper) ?? { to: cheaper, reason: 'cheaper' }
  }
  if (!isUsable(question, dearer)) return WAIT_FOR_ANY
  if (awaitsCheaper(question, settings, cheaper)) return WAIT_FOR_CHEAPER
  return { to: dearer, reason: whyNotCheaper(question, cheaper) }
}

/** The dearer of two late ones counts as quicker below this share of the other's time. */
const QUICKER_SHARE = 0.8

/**
 * Past a cheaper processor that could be charged: to the dearer one where that is quicker than a
 * late one, also by waiting until it takes one more charge. A late one is tried now and then, or it
 * would be late for as long as it gets no charge.
 */
function routePast(question: RouteQuestion, cheaper: ProcessorName): Route | undefined {
  const dearer = otherThan(cheaper)
  const [late, quick] = [question.circuits[cheaper], question.circuits[dearer]]
  if (late.expectedMs <= question.slowMs || late.isTrialDue) return undefined
  const isInTime = quick.expectedMs <= question.slowMs
  const isQuicker = isInTime || quick.expectedMs < QUICKER_SHARE * late.expectedMs
  if (!isQuicker && !quick.isTrialDue) return undefined
  if (isUsable(question, dearer)) return { to: dearer, reason: 'cheaperSlow' }
  const isBusy = quick.state !== 'open' && !question.refusedBy.includes(dearer)
  return isBusy && isInTime && !quick.isSilent ? WAIT_FOR_ANY : undefined
}

/**
 * Whether a payment waits for a cheaper processor that takes none now, though the dearer one would.
 * One that has fallen silent is not waited for once its answers are late, but for as long as the
 * dearer one takes, where those are as late.
 */
function awaitsCheaper(
  { circuits, ageMs, slowMs, refusedBy }: RouteQuestion,
  { waitMaxMs }: RouteSettings,
  cheaper: ProcessorName,
): boolean {
  const [missed, other] = [circuits[cheaper], circuits[otherThan(cheaper)]]
  const isSilent = missed.isSilent && missed.state !== 'open' && !refusedBy.includes(cheaper)
  if (!isSilent) return ageMs < waitMaxMs
  if (missed.expectedMs <= other.expectedMs && other.expectedMs > slowMs) return true
  return missed.expectedMs <= slowMs && ageMs < waitMaxMs
}

/**
 * A denial may have been a lie, and the other one may never answer: whoever was charged last comes
 * second.
 */
function routeAround(
  question: RouteQuestion,
  denier: ProcessorName,
  cheaper: ProcessorName,
): Route {
  const last = question.lastAt ?? denier
  for (const to of [otherThan(last), last]) {
    if (!isUsable(question, to)) continue
    if (to === cheaper) return { to, reason: 'cheaper' }
    if (denier === cheaper) return { to, reason: 'cheaperDenied' }
    return { to, reason: to === last ? whyNotCheaper(question, cheaper) : 'cheaperRefused' }
  }
  return WAIT_FOR_ANY
}

export function otherThan(name: ProcessorName): ProcessorName {
  return name === 'default' ? 'fallback' : 'default'
}

/** The processor that keeps the smaller share. */
export function cheaperOf(fees: RouteSettings['fees']): ProcessorName {
  return fees.default <= fees.fallback ? 'default' : 'fallback'
}

/** Whether a circuit lets one more charge through. */
export function letsThrough(circuit: RouteCircuit): boolean {
  const { state, isSilent, inFlight, concurrencyLimit } = circuit
  return state !== 'open' && !isSilent && inFlight < concurrencyLimit
}

function isUsable(question: RouteQuestion, name: ProcessorName): boolean {
  return letsThrough(question.circuits[name]) && !question.refusedBy.includes(name)
}

function whyNotCheaper(question: RouteQuestion, cheaper: ProcessorName): RouteReason {
  if (question.refusedBy.includes(cheaper)) return 'cheaperRefused'
  const { state, isSilent } = question.circuits[cheaper]
  if (state === 'open') return 'cheaperOpen'
  return isSilent ? 'cheaperSlow' : 'cheaperBusy'
}
