// How a processor, or a proxy in front of it, treats each kind of call for a while: drawn, call by
// call, from all answers there are.

import type { Chance, Span } from '../chance.ts'
import type { PhaseBounds } from '../simulated-processor.ts'
import { saysUnrecorded, describeReply, drawReply, type Reply } from './http-ends.ts'
import type { Beyond } from './oracle.ts'

export interface CallConduct {
  /** Share of these calls, 0 to 1; the others go through. */
  readonly share: number
  readonly reply: Reply
  /** Until the reply is sent, ms. */
  readonly delayMs: Span
}

/** Whether a charge is recorded, and when: before its reply or after it. */
export type Records = 'not' | 'before' | 'after'

export interface ChargeConduct extends CallConduct {
  readonly records: Records | 'everyOther'
  /** From the reply to the recording where that comes after it, ms. */
  readonly afterMs: Span
}

export interface LookUpConduct extends CallConduct {
  /** What the contract's JSON gets wrong. */
  readonly lie: 'amount' | 'id' | 'instant'
  /**
   * So many connections, used in turn, on which each look-up gets the answer to the one before it, in
   * the place of the reply.
   */
  readonly shiftedConnections?: number
}

/** A kind of call without conduct goes through. */
export interface Conduct {
  readonly charge: ChargeConduct | null
  readonly lookUp: LookUpConduct | null
  readonly probe: CallConduct | null
}

/** Share of the conducts that may go beyond what can be known on this side, 0 to 1. */
const BEYOND_SHARE = 0.06

export function drawConduct(chance: Chance, bounds: PhaseBounds): Conduct {
  // A proxy that is in trouble itself says one and the same thing to everybody.
  if (chance.happens(0.35)) return sameToAll(chance, bounds)
  if (chance.happens(0.06)) return mixedUp(chance.pick([1, 2, 4, 8]))
  return {
    charge: chance.happens(0.8) ? drawCharge(chance, bounds, drawReply(chance)) : null,
    lookUp: chance.happens(0.5) ? drawLookUp(chance, bounds, drawReply(chance)) : null,
    probe: chance.happens(0.4) ? drawCall(chance, bounds, drawReply(chance)) : null,
  }
}

function sameToAll(chance: Chance, bounds: PhaseBounds): Conduct {
  const reply = drawReply(chance)
  return {
    charge: { ...drawCharge(chance, bounds, reply), share: 1 },
    lookUp: { ...drawLookUp(chance, bounds, reply), share: 1 },
    probe: { ...drawCall(chance, bounds, reply), share: 1 },
  }
}

/** Whether the charge of this number is recorded, and when. */
export function recordsOf({ records }: ChargeConduct, number: number): Records {
  if (records !== 'everyOther') return records
  return number % 2 === 0 ? 'before' : 'not'
}

/** Charges have no answer, every other one is recorded, and answers to look-ups are mixed up. */
export function mixedUp(shiftedConnections: number): Conduct {
  const call = { reply: { kind: 'reset' }, delayMs: [0, 20] } as const
  const charge = { ...call, share: 1, records: 'everyOther', afterMs: [0, 0] } as const
  const lookUp = { ...call, share: 1, lie: 'id', shiftedConnections } as const
  return { charge, lookUp, probe: null }
}

function drawCall(chance: Chance, bounds: PhaseBounds, reply: Reply): CallConduct {
  const longMs = bounds.attemptTimeoutMs * 1.2
  const delayMs = chance.pick<Span>([
    [0, 5],
    [0, 5],
    [0, 60],
    [0, longMs],
  ])
  return { share: chance.happens(0.6) ? 1 : chance.between([0.1, 0.9]), reply, delayMs }
}

function drawCharge(chance: Chance, bounds: PhaseBounds, reply: Reply): ChargeConduct {
  const call = drawCall(chance, bounds, reply)
  const isBeyond = chance.happens(BEYOND_SHARE)
  const lateMs = bounds.landingMaxMs * (isBeyond ? 1.5 : 0.5)
  const afterMs = chance.pick<Span>([
    [0, 20],
    [0, lateMs],
  ])
  const drawn = chance.pick(['not', 'not', 'before', 'before', 'after'] as const)
  return { ...call, records: isBeyond ? drawn : knowable(reply, drawn), afterMs }
}

/** What the reply leaves open: a refusal is true, a settlement too, and nothing follows a 500. */
function knowable(reply: Reply, records: Records): Records {
  if (saysUnrecorded(reply)) return 'not'
  if (is200ByContract(reply)) return 'before'
  return isServerError(reply) && records === 'after' ? 'before' : records
}

/**
 * The bound that a charge goes beyond which got this reply and was recorded so, if any.
 *
 * @param landing.landsMs from its sending to its recording where that comes after the reply.
 */
export function boundPassed(
  { reply, records }: { readonly reply: Reply; readonly records: Records },
  { landsMs, landingMaxMs }: { readonly landsMs: number; readonly landingMaxMs: number },
): Beyond | null {
  if (records === 'not') return is200ByContract(reply) ? 'answered 200 and not recorded' : null
  if (saysUnrecorded(reply)) return 'recorded though it was refused'
  if (records === 'before') return null
  if (landsMs > landingMaxMs) return 'recorded after the settle-by deadline'
  if (isServerError(reply)) return 'recorded after a 500'
  return is200ByContract(reply) ? 'answered 200 and not recorded' : null
}

/** Whether it is a 500, after which a look-up is believed. */
function isServerError(reply: Reply): boolean {
  return reply.kind === 'answer' && reply.status === 500
}

export function is200ByContract(reply: Reply): boolean {
  return reply.kind === 'answer' && reply.status === 200 && reply.body === 'contract'
}

function drawLookUp(chance: Chance, bounds: PhaseBounds, reply: Reply): LookUpConduct {
  return {
    ...drawCall(chance, bounds, reply),
    lie: chance.pick(['amount', 'id', 'instant'] as const),
  }
}

export function describeConduct({ charge, lookUp, probe }: Conduct): string {
  const parts = [
    charge === null ? [] : [`charges ${describeCall(charge)}, ${describeRecording(charge)}`],
    lookUp === null ? [] : [`look-ups ${describeLookUp(lookUp)}`],
    probe === null ? [] : [`probes ${describeCall(probe)}`],
  ]
  return parts.flat().join('; ') || 'everything goes through'
}

function describeLookUp(lookUp: LookUpConduct): string {
  const { shiftedConnections } = lookUp
  if (shiftedConnections === undefined) return describeCall(lookUp) + describeLie(lookUp)
  return `mixed up on ${shiftedConnections} connections`
}

function describeCall({ share, reply, delayMs }: CallConduct): string {
  const [low, high] = delayMs
  const which = share === 1 ? '' : `(${Math.round(share * 100)} %) `
  return `${which}${describeReply(reply)} in ${low.toFixed(0)} to ${high.toFixed(0)} ms`
}

function describeRecording({ records, afterMs }: ChargeConduct): string {
  if (records === 'not') return 'not recorded'
  if (records === 'before') return 'recorded before'
  if (records === 'everyOther') return 'every other one recorded before'
  return `recorded up to ${afterMs[1].toFixed(0)} ms after`
}

function describeLie({ reply, lie }: LookUpConduct): string {
  return is200ByContract(reply) ? ` with another ${lie}` : ''
}
