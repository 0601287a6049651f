// A machine from which a processor cannot be reached, while others reach it.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Chance } from '../chance.ts'
import type { Settings } from '../settings.ts'
import type { CalledProcessor } from '../simulated-processor.ts'
import { describeReply, endOf, type Reply } from './http-ends.ts'

/** It is never mended while the other instances work. */
export interface CutOff {
  /** Virtual ms. */
  readonly at: number
  readonly place: number
  readonly processors: readonly ProcessorName[]
  /** What comes back for each request. */
  readonly reply: Reply
}

const EITHER = [['default'], ['fallback'], ['default', 'fallback']] as const

const REPLIES: readonly Reply[] = [
  { kind: 'unreachable', hangs: false },
  { kind: 'reset' },
  { kind: 'answer', status: 502, body: 'html' },
  { kind: 'answer', status: 403, body: 'none' },
  { kind: 'answer', status: 404, body: 'none' },
]

/** What another instance can move may be claimed in vain first, a few times: for so long, ms. */
export const PASSED_ON_WITHIN_MS = 180_000

export function drawCutOff(
  chance: Chance,
  { settings, instances }: { readonly settings: Settings; readonly instances: number },
): CutOff | null {
  if (instances < 2 || !chance.happens(0.1)) return null
  return {
    at: chance.between([0, settings.faultsMs]),
    place: chance.below(instances),
    processors: chance.pick(EITHER),
    reply: chance.pick(REPLIES),
  }
}

export function describeCutOff({ at, place, processors, reply }: CutOff): string {
  const which = processors.join(' and ')
  return `from ${at.toFixed(0)} ms on requests of place ${place} to ${which} ${describeReply(reply)}`
}

/** What an answer from the machine itself takes, ms: never at once. */
const LOCAL_MS = 0.1

/** The processor as one machine reaches it. `cutNow`: what comes back instead; undefined: it does. */
export function reachedBy(
  server: CalledProcessor,
  cutNow: () => Reply | undefined,
  after: (ms: number, act: () => void) => void,
): CalledProcessor {
  const orCut = (reply: (end: NonNullable<ReturnType<typeof endOf>>) => void): boolean => {
    const instead = cutNow()
    if (instead === undefined) return false
    const end = endOf(instead, '')
    if (end !== null) after(LOCAL_MS, () => reply(end))
    return true
  }
  return {
    charge(charge, reply, afterMs) {
      if (!orCut(reply)) server.charge(charge, reply, afterMs)
    },
    lookUp(correlationId, reply) {
      if (!orCut(reply)) server.lookUp(correlationId, reply)
    },
    probe(reply) {
      if (!orCut(reply)) server.probe(reply)
    },
  }
}
