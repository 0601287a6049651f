// How long a payment pauses between two tries and between two look-ups.

import t from 'tap'
import type { PaymentContext } from '../../../src/actors/payment/context.ts'
import { planBackoff, type PaymentDependencies } from '../../../src/actors/payment/effects.ts'
import { planLookUp } from '../../../src/actors/payment/look-ups.ts'
import { sampleContext, sampleDoubt } from '../../support/payment-samples.ts'

const NOW = 1_000
const NOBODY = { send: () => undefined }

/** The pause that is planned, ms, where chance lies in the middle. */
function planned(plan: typeof planBackoff, changes: Partial<PaymentContext>): number | undefined {
  const pauses: number[] = []
  const dependencies = {
    clock: { now: () => NOW },
    settings: { quickBackoffMs: 10, retryDelayMaxMs: 1_000 },
    random: () => 0.5,
    isCrowded: () => false,
    isDraining: () => false,
    generationOf: () => 0,
    due: { push: (_: unknown, delayMs: number) => void pauses.push(delayMs) },
  } as unknown as PaymentDependencies
  plan(dependencies, sampleContext({ triesMax: 5, ...changes }), NOBODY)
  return pauses[0]
}

t.test('the first backoff is as long as configured, and each later one twice that', async (t) => {
  const after = [1, 2, 3, 4, 5].map((tries) => planned(planBackoff, { tries }))

  t.same(after, [10, 20, 40, 80, undefined], 'after the last try the payment is parked')
})

t.test('look-ups begin at once and are 100 ms apart at first, then twice that', async (t) => {
  const unknownOutcomes = [sampleDoubt('default', { endsAt: NOW + 60_000 })]
  const before = [0, 1, 2, 3, 4].map((lookUps) => planned(planLookUp, { lookUps, unknownOutcomes }))

  t.same(before, [0, 100, 200, 400, 800])
})
