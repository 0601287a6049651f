import t from 'tap'
import { sampleContext, sampleDoubt } from '../../support/payment-samples.ts'
import { standIns } from '../../support/payment-dependencies.ts'
import { mayResendNow, planLookUp, sendLookUp } from '../../../src/actors/payment/look-ups.ts'
import type { PaymentEvent } from '../../../src/actors/payment/context.ts'

const AT_DEFAULT = { unknownOutcomes: [sampleDoubt('default')] }
const AT_FALLBACK = { unknownOutcomes: [sampleDoubt('fallback')] }

/** Notes what a payment is sent. */
function listener(): { self: { send(event: PaymentEvent): void }; told: string[] } {
  const told: string[] = []
  return { self: { send: ({ type }) => void told.push(type) }, told }
}

t.test('each second look-up may be a resend, until two were sent', async (t) => {
  const { dependencies } = standIns()

  const mayResend = [0, 1, 2, 3, 4, 5, 6, 7].map((lookUps) =>
    mayResendNow(dependencies, sampleContext({ ...AT_DEFAULT, lookUps })),
  )

  t.same(mayResend, [false, true, false, true, false, false, false, false])
})

t.test('each second look-up may be a resend again once nothing else can end it', async (t) => {
  const { dependencies, clock } = standIns()
  clock.increment(60_000)

  const mayResend = [4, 5, 6, 7, 8].map((lookUps) =>
    mayResendNow(dependencies, sampleContext({ ...AT_DEFAULT, lookUps })),
  )

  t.same(mayResend, [false, true, false, true, false])
})

t.test('a payment in doubt without a place for look-ups leaves memory', async (t) => {
  const { dependencies, pauses } = standIns()
  const { self, told } = listener()

  for (const slot of [0, 1, 2]) {
    planLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot }), self)
  }
  t.same(told, ['payment.recalled'])
  planLookUp(dependencies, sampleContext({ ...AT_FALLBACK, slot: 3 }), self)

  t.same(told, ['payment.recalled'], 'those in doubt at the other processor have places')
  t.equal(pauses.length, 3, 'and are asked for')
})

t.test('an answered look-up gives its place back, whatever follows', async (t) => {
  const { dependencies, clock, lookUps } = standIns()
  const { self, told } = listener()
  for (const slot of [0, 1]) {
    planLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot }), self)
  }
  clock.increment(1000)
  sendLookUp(dependencies, sampleContext({ ...AT_DEFAULT, slot: 0 }), self)
  t.notOk(dependencies.places.isFree('default'), 'not while it is under way')

  lookUps[0]?.({ kind: 'missing' })

  t.same(told, ['lookup.missing'])
  t.ok(dependencies.places.isFree('default'))
})
