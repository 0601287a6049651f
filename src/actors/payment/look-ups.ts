// The effects of a payment in doubt: when its processor is asked, and what the answer says.

import assert from 'node:assert'
import {
  ABSENCE,
  contradictsKnown,
  type PaymentContext,
  type PaymentEvent,
  type TrackedUnknownOutcome,
} from './context.ts'
import { contradictionIn, type Found } from './contradictions.ts'
import type { AbsenceProof } from './controls.ts'
import { circuitNow } from './circuits.ts'
import { reportAttempt, routeNow, type PaymentDependencies, type PaymentSelf } from './effects.ts'
import type { Contradiction, ProcessorName } from '../model/payment.ts'
import type { LookUpAnswer } from '../model/ports.ts'
import { isUnanswered } from '../payments/streak.ts'
import { letsThrough } from '../model/route.ts'
import { backoff, LOOK_UP_PAUSE_MAX_MS, LOOK_UP_PAUSE_MS, outlasting } from '../model/settings.ts'

export function planLookUp(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  self: PaymentSelf,
): void {
  const { slot, unknownOutcomes } = context
  const asked = { now: dependencies.clock.now(), doubts: unknownOutcomes }
  const isTried = context.lookUps >= TRIED_FROM
  const isPassedOn = isTried && isUnanswered(dependencies.fruitless, asked)
  const mayStay = !isPassedOn && !dependencies.isDraining() && !yieldsPlace(dependencies, context)
  if (!mayStay || !dependencies.lookUpPlaces.take(slot, unknownOutcomes)) {
    self.send({ type: 'payment.recalled', endsAt: 0 })
    return
  }
  const generation = dependencies.generationOf(slot)
  dependencies.due.push({ slot, generation, kind: 'lookUp' }, lookUpPauseMs(dependencies, context))
}

/**
 * Whether it leaves its place to one that waits for a place of this kind: when it was looked up, and
 * no doubt of it can be expected to end.
 */
function yieldsPlace(dependencies: PaymentDependencies, context: PaymentContext): boolean {
  const { lookUps, unknownOutcomes } = context
  if (lookUps === 0 || !dependencies.isPlaceAwaited(unknownOutcomes)) return false
  const now = dependencies.clock.now()
  return unknownOutcomes.every(({ contradiction, settleBy }) => {
    if (contradiction !== undefined) return true
    return lookUps >= RESENT_UP_TO && now >= settleBy + UNPROVED_MAX_MS
  })
}

/** Look-ups of a payment in doubt, every other one of which may be a resend. */
const RESENT_UP_TO = 4

/**
 * Look-ups from which on a payment in doubt may be passed on: the first ones prove nothing where a
 * control has to be found, or the ledger asked for one.
 */
const TRIED_FROM = 4

/** How long after its settle-by deadline a doubt lasts before its request is sent again, ms. */
const UNPROVED_MAX_MS = 10_000

/**
 * Whether the same request may be sent again to its processor, in place of every other look-up.
 * Each time that begins a settle-by deadline anew, so it ends: else a processor that fails for ever
 * keeps the payment for ever. It begins again where look-ups prove nothing.
 */
export function mayResendNow(dependencies: PaymentDependencies, context: PaymentContext): boolean {
  const { lookUps } = context
  if (lookUps % 2 === 0) return false
  const { processor, settleBy, contradiction } = outcomeToLookUp(context)
  if (contradiction !== undefined) return false
  const now = dependencies.clock.now()
  if (lookUps >= RESENT_UP_TO && now < settleBy + UNPROVED_MAX_MS) return false
  return (
    dependencies.lease.holds(now) &&
    letsThrough(circuitNow(dependencies, processor, context.attempts))
  )
}

export function sendLookUp(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  self: PaymentSelf,
): void {
  const { processor, endsAt } = outcomeToLookUp(context)
  const { clock, processors } = dependencies
  const controls = dependencies.controls[processor]
  const generation = dependencies.generationOf(context.slot)
  const purges = dependencies.purges()
  const isCurrent = (): boolean => dependencies.generationOf(context.slot) === generation
  const ask = (): void => {
    if (!isCurrent()) return
    const askedAt = clock.now()
    const tell = (answer: LookUpAnswer, proof: AbsenceProof): void => {
      const end = { answer, processor, askedAt, proof }
      noteFruit(dependencies, { ...end, endsAt })
      if (!isCurrent()) return settleLate(dependencies, context, { answer, processor, purges })
      dependencies.lookUpPlaces.leave(context.slot)
      self.send(lookUpEvent(dependencies, context, end))
    }
    const { correlationId } = context.record
    processors[processor].lookUp(correlationId, (answer) => {
      if (answer.kind === 'failed' || answer.kind === 'foreign') {
        const { detail } = answer
        dependencies.telemetry.emit({ type: 'lookUp.failed', processor, correlationId, detail })
      }
      if (answer.kind === 'foreign') controls.distrust()
      if (answer.kind === 'found' && answer.foreignId !== undefined) {
        controls.noteForeign(correlationId, answer.foreignId)
      }
      if (answer.kind !== 'missing' || askedAt < endsAt) tell(answer, 'none')
      else controls.judge(askedAt, (proof) => tell(answer, proof))
    })
  }
  if (clock.now() >= endsAt) return controls.beforeLookUp(ask)
  controls.prepare()
  ask()
}

/** What a look-up has found is settled, although its payment has left this instance meanwhile. */
function settleLate(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  { answer, processor, purges }: Pick<LookUpEnd, 'answer' | 'processor'> & { purges: number },
): void {
  if (answer.kind !== 'found') return
  if (contradictionOf(dependencies, context, { answer, processor }) !== undefined) return
  const { requestedAt } = answer
  dependencies.settledLate({ context, processor, requestedAt, purges })
}

/** Before the doubt ends a look-up that finds nothing says nothing, and could not. */
function noteFruit(
  { fruitless, clock }: PaymentDependencies,
  { answer, processor, askedAt, proof, endsAt }: LookUpEnd & { readonly endsAt: number },
): void {
  const isAbsent = answer.kind === 'missing'
  if (answer.kind === 'found' || (isAbsent && proof !== 'none')) fruitless[processor].ended()
  else if (!isAbsent || askedAt >= endsAt) fruitless[processor].failed(clock.now())
}

const LOOK_UP_PAUSE = { firstMs: LOOK_UP_PAUSE_MS, maxMs: LOOK_UP_PAUSE_MAX_MS }

/** An end of the doubt that is as near as this, ms, is waited for: the first look-up proves then. */
const NEAR_END_MS = 1000

/** Pause after a look-up that contradicted what is known, ms. */
const CONTRADICTED_PAUSE_MS = 5000

function lookUpPauseMs(dependencies: PaymentDependencies, context: PaymentContext): number {
  const { lookUps } = context
  const { endsAt, settleBy, contradiction } = outcomeToLookUp(context)
  if (contradiction !== undefined) return CONTRADICTED_PAUSE_MS
  const now = dependencies.clock.now()
  if (lookUps === 0) return endsAt - now <= NEAR_END_MS ? Math.max(0, endsAt - now) : 0
  const pauseMs = backoff({ ...LOOK_UP_PAUSE, step: lookUps }, dependencies.random)
  const end = endsAt > now ? endsAt : settleBy
  return end > now ? Math.min(pauseMs, end - now) : pauseMs
}

/** Two processors that may have the payment are asked in turn. */
function outcomeToLookUp({ unknownOutcomes, lookUps }: PaymentContext): TrackedUnknownOutcome {
  const unknown = unknownOutcomes[lookUps % unknownOutcomes.length]
  assert(unknown !== undefined, 'a payment is looked up for an unknown outcome')
  return unknown
}

interface LookUpEnd {
  readonly answer: LookUpAnswer
  readonly processor: ProcessorName
  /** Monotonic, ms. */
  readonly askedAt: number
  readonly proof: AbsenceProof
}

function lookUpEvent(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  end: LookUpEnd,
): PaymentEvent {
  const { answer, processor } = end
  switch (answer.kind) {
    case 'found': {
      const contradiction = contradictionOf(dependencies, context, { answer, processor })
      if (contradiction === undefined) {
        const { clock, controls } = dependencies
        controls[processor].noteRecorded(context.record.correlationId, clock.now())
        return { type: 'lookup.found', processor, requestedAt: answer.requestedAt }
      }
      if (outcomeToLookUp(context).contradiction === undefined) {
        tellContradiction(dependencies, context, { processor, contradiction })
      }
      return { type: 'lookup.contradicted', processor, contradiction }
    }
    case 'missing':
      return missingEvent(dependencies, context, end)
    case 'failed':
    case 'foreign':
      return { type: 'lookup.failed', processor }
  }
}

/** Undefined: what was found is the payment, as it was sent there. */
function contradictionOf(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  { answer, processor }: { answer: Found; processor: ProcessorName },
): Contradiction | undefined {
  const { clock, history } = dependencies
  const asked = { processor, now: clock.now(), wallNow: clock.wallNow() }
  const earlier = { purges: dependencies.purges(), isRewound: history.hasChanged }
  return contradictionIn(context, answer, { ...asked, ...earlier })
}

/** A payment that its processor knows by 422 and certainly has not: it fails, and refuses. */
function missingEvent(
  dependencies: PaymentDependencies,
  context: PaymentContext,
  { processor, askedAt, proof }: LookUpEnd,
): PaymentEvent {
  const missing = { processor, askedAt, proof }
  if (!contradictsKnown(context, missing)) {
    return { type: 'lookup.missing', ...missing, next: routeNow(dependencies, context) }
  }
  tellContradiction(dependencies, context, { processor, contradiction: ABSENCE })
  const at = dependencies.clock.now()
  const detail = 'known, but missing'
  const sentAt = outcomeToLookUp(context).settleBy - outlasting(dependencies.settings.settleByMs)
  reportAttempt(dependencies, processor, { failed: true, detail, tookMs: at - askedAt, at, sentAt })
  const refusedBy = [...context.refusedBy, processor]
  const next = routeNow(dependencies, { ...context, refusedBy })
  return { type: 'lookup.missing', ...missing, next }
}

function tellContradiction(
  { telemetry }: PaymentDependencies,
  { record }: PaymentContext,
  what: { readonly processor: ProcessorName; readonly contradiction: Contradiction },
): void {
  const { correlationId, amountCents } = record
  telemetry.emit({ type: 'payment.contradicted', correlationId, amountCents, ...what })
}
