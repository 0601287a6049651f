// How long a payment pauses between two tries and between two look-ups.

import t from 'tap'
import type { PaymentContext } from '../../../src/actors/payment/context.ts'
import { planBackoff } from '../../../src/actors/payment/effects.ts'
import { planLookUp } from '../../../src/actors/payment/look-ups.ts'
import { standIns, WORK } from '../../support/payment-dependencies.ts'
import { sampleContext, sampleDoubt } from '../../support/payment-samples.ts'

const NOW = 1_000
const NOBODY = { send: () => undefined }

/** The pause that is planned, ms, where chance lies in the middle. */
function planned(plan: typeof planBackoff, changes: Partial<PaymentContext>): number | undefined {
  const settings = { ...WORK, quickBackoffMs: 10, retryDelayMaxMs: 1_000 }
  const { dependencies, clock, pauses } = standIns({ settings })
  clock.increment(NOW)
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

/** The pause before a look-up at `default`, ms, whose doubt ends so many ms from now. */
function untilLookUp(endsInMs: number, changes: Partial<PaymentContext>, settleInMs = endsInMs) {
  const doubt = { endsAt: NOW + endsInMs, settleBy: NOW + settleInMs }
  return planned(planLookUp, { unknownOutcomes: [sampleDoubt('default', doubt)], ...changes })
}

t.test('a doubt that ends within a second is waited for before the first look-up', async (t) => {
  t.equal(untilLookUp(1_001, { lookUps: 0 }), 0)
  t.equal(untilLookUp(1_000, { lookUps: 0 }), 1_000)
  t.equal(untilLookUp(-5, { lookUps: 0 }), 0, 'none is planned for a time that is over')
})

t.test('no look-up comes later than the instant from which it can end a doubt', async (t) => {
  const lookUps = 4
  t.equal(untilLookUp(300, { lookUps }, 20_000), 300, 'by controls')
  t.equal(untilLookUp(-1, { lookUps }, 300), 300, 'by its form')
  t.equal(untilLookUp(0, { lookUps }, 300), 300, 'where controls did not')
  t.equal(untilLookUp(-1, { lookUps }, 0), 800)
})

t.test('what a look-up has contradicted is asked for every 5 s', async (t) => {
  const unknownOutcomes = [sampleDoubt('default', { contradiction: { kind: 'amount' } })]

  t.equal(planned(planLookUp, { lookUps: 1, unknownOutcomes }), 5_000)
})
