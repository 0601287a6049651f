import t from 'tap'
import {
  claimedPayment,
  sampleContext,
  sampleDoubt,
  sampleRecord,
} from '../../support/payment-samples.ts'
import type { Attempt } from '../../../src/actors/model/payment.ts'
import { outlasting, type WorkSettings } from '../../../src/actors/model/settings.ts'
import {
  acceptedRecord,
  claimedRecord,
  deferredRecord,
  doubtDelayMs,
  inDoubtUntil,
  LateAnswers,
  parkedOutcome,
  parkingDelayMs,
} from '../../../src/actors/payments/records.ts'

const ATTEMPT: Attempt = {
  processor: 'default',
  requestedAt: 1,
  reason: 'cheaper',
  outcome: 'refused',
  tookMs: 2,
}
const SETTINGS: WorkSettings = {
  route: { fees: { default: 0.05, fallback: 0.15 }, waitMaxMs: 50 },
  slowMs: 100,
  concurrency: 4,
  readyMax: 10,
  confirmingMax: 4,
  acceptBatchMax: 2,
  claimMax: 4,
  triesMax: 3,
  quickBackoffMs: 10,
  retryDelayMs: 100,
  retryDelayMaxMs: 1000,
  rejectAfterMs: 5000,
  passOnAfterMs: 10_000,
  settleByMs: 5000,
  lookUpLagMs: 50,
}

t.test('an accepted payment begins with fencing token 0 and nothing known', async (t) => {
  t.same(acceptedRecord({ correlationId: 'a', amountCents: 5 }, 40), {
    correlationId: 'a',
    amountCents: 5,
    fencingToken: 0,
    acceptedAt: 40,
    rounds: 0,
    unknownOutcomes: [],
    attempts: [],
  })
})

t.test('the ages of a claimed payment become instants of this clock', async (t) => {
  const { correlationId, amountCents } = claimedPayment('a')
  const unknownOutcomes = [
    { processor: 'default' as const, requestedAt: 7, remainingMs: 300 },
    { processor: 'fallback' as const, requestedAt: null, remainingMs: -20 },
  ]
  const attempts = [ATTEMPT]
  const payment = claimedPayment('a', {
    fencingToken: 3,
    rounds: 2,
    ageMs: 1500,
    unknownOutcomes,
    attempts,
  })

  t.same(claimedRecord(payment, 1000), {
    correlationId,
    amountCents,
    fencingToken: 3,
    rounds: 2,
    acceptedAt: -500,
    attempts,
    unknownOutcomes: [
      { processor: 'default', requestedAt: 7, endsAt: 1300, settleBy: 1300 },
      { processor: 'fallback', requestedAt: null, endsAt: 980, settleBy: 980 },
    ],
  })
})

t.test(
  'a payment that is parked and claimed again is as it was, with no earlier settle-by deadline',
  async (t) => {
    const unknownOutcomes = [sampleDoubt('fallback', { endsAt: 1234.5 })]
    const record = sampleRecord({
      fencingToken: 3,
      rounds: 2,
      unknownOutcomes,
      attempts: [ATTEMPT],
    })
    const outcome = parkedOutcome(record, { now: 1000.3, delayMs: 12.6, rounds: 3, purges: 0 })

    t.match(outcome, {
      kind: 'parked',
      fencingToken: 3,
      rounds: 3,
      delayMs: 13,
      attempts: [ATTEMPT],
    })
    t.match(outcome, { unknownOutcomes: [{ processor: 'fallback', remainingMs: 235 }] })
    if (outcome.kind !== 'parked') return
    const { correlationId, amountCents } = record
    const claimed = claimedPayment(correlationId, { amountCents, fencingToken: 4, ageMs: 900 })
    const { unknownOutcomes: parked, attempts } = outcome
    const again = claimedRecord({ ...claimed, unknownOutcomes: parked, attempts }, 1000.3)
    t.same(again.attempts, record.attempts)
    t.equal(again.unknownOutcomes[0]?.requestedAt, unknownOutcomes[0]?.requestedAt)
    t.ok((again.unknownOutcomes[0]?.endsAt ?? 0) >= 1234.5)
  },
)

t.test(
  'a payment that the ledger’s clock makes older or younger than it is has an age',
  async (t) => {
    const record = claimedRecord(claimedPayment('a', { ageMs: 300 }), 1000)
    const unborn = claimedRecord(claimedPayment('a', { ageMs: -3_600_000 }), 1000)

    t.equal(record.acceptedAt, 700)
    t.equal(unborn.acceptedAt, 1000, 'an hour back: it does not wait an hour for the cheaper one')
  },
)

t.test('a payment parked after a 500 is parked until its settle-by deadline', async (t) => {
  const unknownOutcomes = [sampleDoubt('default', { endsAt: 1100, settleBy: 1500 })]

  const park = { now: 1000, delayMs: 0, rounds: 0, purges: 0 }
  const outcome = parkedOutcome(sampleRecord({ unknownOutcomes }), park)

  t.match(outcome, { unknownOutcomes: [{ processor: 'default', remainingMs: 500 }] })
})

t.test('a payment that left without a route keeps what happened meanwhile', async (t) => {
  const unknownOutcomes = [sampleDoubt('default')]
  const record = deferredRecord(sampleContext({ attempts: [ATTEMPT], unknownOutcomes }))

  t.same(record, { ...sampleRecord(), attempts: [ATTEMPT], unknownOutcomes })
})

t.test('the delay of a parked payment depends on why it left', async (t) => {
  const parts = { settings: SETTINGS, clock: { now: () => 1000 }, random: () => 0.5 }
  const delay = (changes: object): number => parkingDelayMs(sampleContext(changes), parts)
  const after = (rounds: number): number => delay({ record: sampleRecord({ rounds }) })

  t.equal(
    delay({ unknownOutcomes: [sampleDoubt('default')] }),
    1500,
    'in doubt: about as long as it would pause between two look-ups',
  )
  t.equal(delay({ deferred: true }), 0, 'no attempt burnt: due at once')
  t.same([0, 1, 2, 3, 4, 50].map(after), [100, 200, 400, 700, 750, 750])
})

t.test('a payment in doubt stays parked for longer the older its doubt is, bounded', async (t) => {
  const settings = { ...SETTINGS, settleByMs: 20_000, retryDelayMaxMs: 30_000 }
  const after = (ageMs: number, random = 0.5): number => {
    const settleBy = outlasting(settings.settleByMs)
    const older = sampleDoubt('fallback', { endsAt: settleBy - 50_000 })
    const unknownOutcomes = [sampleDoubt('default', { endsAt: settleBy }), older]
    return doubtDelayMs(unknownOutcomes, {
      settings,
      clock: { now: () => ageMs },
      random: () => random,
    })
  }

  t.same(
    [-500, 0, 8000].map((ageMs) => after(ageMs)),
    [2000, 2000, 2000],
  )
  t.same(
    [20_000, 40_000, 80_000].map((ageMs) => after(ageMs)),
    [5000, 10_000, 20_000],
  )
  t.same(
    [0, 1].map((random) => after(40_000, random)),
    [5000, 15_000],
    'they do not come at once',
  )
  t.same(
    [0, 1].map((random) => after(9_000_000, random)),
    [15_000, 30_000],
  )
})

t.test('an answer that names a stray under an earlier token comes too late', async (t) => {
  const late = new LateAnswers()
  late.note([claimedPayment('a', { fencingToken: 2 })], 0)
  const isLate = (correlationId: string, fencingToken: number): boolean =>
    late.isOutdated(sampleRecord({ correlationId, fencingToken }))

  t.same(
    [isLate('a', 1), isLate('a', 2), isLate('a', 3), isLate('b', 0)],
    [true, false, false, false],
  )
  late.forget()
  t.notOk(isLate('a', 1), 'after a purge the id may be another payment')
})

t.test('a stray is remembered for a minute after it was claimed last', async (t) => {
  const late = new LateAnswers()
  const remembered = (): readonly string[] =>
    ['a', 'b', 'c'].filter((correlationId) => late.isOutdated(sampleRecord({ correlationId })))
  late.note([claimedPayment('a'), claimedPayment('b')], 0)
  late.note([claimedPayment('a')], 1)
  late.note([claimedPayment('c')], 59_999)
  t.same(remembered(), ['a', 'b', 'c'])

  late.note([], 60_000)
  t.same(remembered(), ['a', 'c'])
  late.note([], 60_001)
  t.same(remembered(), ['c'])
})

t.test('after a rewind a payment is in doubt at both until then at least', async (t) => {
  const until = 5000
  const record = sampleRecord({ rounds: 3 })
  const unknown = { requestedAt: null, endsAt: until, settleBy: until }
  const [atDefault, atFallback] = [
    { processor: 'default', ...unknown },
    { processor: 'fallback', ...unknown },
  ] as const
  t.equal(inDoubtUntil(record, undefined), record)
  t.same(inDoubtUntil(record, until), { ...record, unknownOutcomes: [atDefault, atFallback] })
  for (const [endsAt, settleBy] of [
    [4000, 4500],
    [4000, 6000],
    [6000, 7000],
  ] as const) {
    const doubt = { processor: 'fallback', requestedAt: 17, endsAt, settleBy } as const
    const longer = {
      ...doubt,
      endsAt: Math.max(endsAt, until),
      settleBy: Math.max(settleBy, until),
    }
    const { unknownOutcomes } = inDoubtUntil({ ...record, unknownOutcomes: [doubt] }, until)
    t.same(unknownOutcomes, [atDefault, longer])
  }
})
