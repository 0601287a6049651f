// Random payments and random events for them: instants and stamps come from a narrow range, so
// that they meet, and most events are ones that the state takes.

import type { NextRoute, PaymentEvent, PaymentInput } from '../../src/actors/payment/context.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { sampleInput, sampleRecord, type PaymentValue } from './payment-samples.ts'
import type { Random } from './seeded.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']
const INSTANTS = 10
const STAMPS = 100

/** New and with a route or none, or claimed in doubt at one processor or both. */
export function randomInput(random: Random): PaymentInput {
  const unknownOutcomes = PROCESSORS.filter(() => random.onceIn(3)).map((processor) => ({
    processor,
    requestedAt: random.onceIn(2) ? null : random.below(STAMPS),
    ...ends(random),
  }))
  const next = unknownOutcomes.length > 0 ? null : likelyRoute(random)
  return sampleInput({
    record: sampleRecord({ unknownOutcomes }),
    triesMax: 1 + random.below(3),
    next,
  })
}

export function randomEvent(random: Random, value: PaymentValue): PaymentEvent {
  if (random.onceIn(15)) return random.pick(ENDING)(random)
  const state = random.onceIn(15) ? random.pick(STATES) : value
  return random.pick(LIKELY[state])(random)
}

type Maker = (random: Random) => PaymentEvent

const END = { tookMs: 1, detail: '' }

const TRYING: readonly Maker[] = [
  (random) => ({ type: 'charge.refused', next: nextRoute(random), ...END }),
  (random) => ({ type: 'charge.failed', ...ends(random), ...END }),
  denied,
  (random) => ({ type: 'charge.known', endsAt: random.below(INSTANTS), ...END }),
  (random) => ({ type: 'charge.doubted', endsAt: random.below(INSTANTS), ...END }),
  (random) => ({ type: 'charge.doubted', endsAt: random.below(INSTANTS), ...END }),
]

const CONFIRMING: readonly Maker[] = [
  missing,
  missing,
  (random) => ({ type: 'lookup.due', resend: !random.onceIn(3) }),
  (random) => ({ type: 'lookup.failed', processor: random.pick(PROCESSORS) }),
]

const ENDING: readonly Maker[] = [
  () => ({ type: 'charge.settled', ...END }),
  denied,
  (random) => ({
    type: 'lookup.contradicted',
    processor: random.pick(PROCESSORS),
    contradiction: { kind: 'amount' },
  }),
  (random) => ({
    type: 'lookup.found',
    processor: random.pick(PROCESSORS),
    requestedAt: random.below(STAMPS),
  }),
  (random) => ({ type: 'payment.recalled', endsAt: random.below(INSTANTS) }),
]

const LIKELY: Readonly<Record<PaymentValue, readonly Maker[]>> = {
  pending: ENDING,
  tryingDefault: TRYING,
  tryingFallback: TRYING,
  confirming: CONFIRMING,
  retry: [(random) => ({ type: 'backoff.elapsed', next: likelyRoute(random) })],
  settled: ENDING,
  rejected: ENDING,
  parked: ENDING,
}

const STATES = Object.keys(LIKELY) as readonly PaymentValue[]

function denied(random: Random): PaymentEvent {
  const mayReject = random.onceIn(2)
  return { type: 'charge.denied', next: nextRoute(random), mayReject, ...END }
}

function missing(random: Random): PaymentEvent {
  return {
    type: 'lookup.missing',
    processor: random.pick(PROCESSORS),
    askedAt: random.below(INSTANTS),
    proof: random.pick(['control', 'control', 'form', 'none']),
    next: nextRoute(random),
  }
}

/** The settle-by deadline is no sooner than the end that controls prove. */
function ends(random: Random): { endsAt: number; settleBy: number } {
  const endsAt = random.below(INSTANTS)
  return { endsAt, settleBy: endsAt + random.below(3) }
}

function nextRoute(random: Random): NextRoute {
  const to = random.pick([...PROCESSORS, null])
  return { to, reason: 'cheaper', requestedAt: random.below(STAMPS) }
}

/** A payment without one is parked, which ends its walk. */
function likelyRoute(random: Random): NextRoute {
  return random.onceIn(12)
    ? nextRoute(random)
    : { ...nextRoute(random), to: random.pick(PROCESSORS) }
}
