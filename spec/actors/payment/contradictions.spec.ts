import t from 'tap'
import type { Attempt } from '../../../src/actors/model/payment.ts'
import { ATTEMPTS_KEPT_MAX } from '../../../src/actors/payment/history.ts'
import { contradictionIn } from '../../../src/actors/payment/contradictions.ts'
import { ATTEMPT, sampleContext, sampleRecord, STAMP } from '../../support/payment-samples.ts'

const HOUR_MS = 3_600_000
const FOUND = { kind: 'found', requestedAt: STAMP, amountCents: 1990 } as const
/** When it was accepted, monotonic and epoch ms, and one second after that. */
const ACCEPTED_AT = 400
const AT = {
  processor: 'default',
  now: 1400,
  wallNow: STAMP + 1000,
  purges: 0,
  isRewound: false,
} as const

function kindOf(attempts: readonly Attempt[], fencingToken: number, requestedAt: number) {
  const record = sampleRecord({ fencingToken, acceptedAt: ACCEPTED_AT })
  const context = sampleContext({ record, attempts })
  return contradictionIn(context, { ...FOUND, requestedAt }, AT)?.kind
}

t.test('what is found with the id, amount and instant of a charge is ours', async (t) => {
  const context = sampleContext({ attempts: [ATTEMPT] })

  t.equal(contradictionIn(context, FOUND, AT), undefined)
})

t.test('each of them that is not ours is a contradiction, with what was seen', async (t) => {
  const context = sampleContext({ attempts: [ATTEMPT] })
  const foreignId = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b4'
  const requestedAt = STAMP + 1

  t.same(contradictionIn(context, { ...FOUND, amountCents: 1000 }, AT), {
    kind: 'amount',
    amountCents: 1000,
    requestedAt: STAMP,
  })
  t.match(contradictionIn(context, { ...FOUND, foreignId }, AT), {
    kind: 'id',
    correlationId: foreignId,
  })
  t.match(contradictionIn(context, { ...FOUND, requestedAt }, AT), { kind: 'instant', requestedAt })
  t.match(contradictionIn(context, FOUND, { ...AT, processor: 'fallback' }), { kind: 'instant' })
})

t.test(
  'where another instance may have sent a charge its instant lies near the payment',
  async (t) => {
    t.equal(kindOf([ATTEMPT], 1, STAMP - 2 * HOUR_MS), undefined, 'clocks may differ')
    t.equal(kindOf([], 1, STAMP + 2 * HOUR_MS), undefined)
    const dayMs = 24 * HOUR_MS
    t.equal(kindOf([], 1, STAMP - dayMs), undefined, 'a day before its acceptance')
    t.equal(kindOf([], 1, STAMP - dayMs - 1), 'instant')
    t.equal(kindOf([], 1, AT.wallNow + dayMs), undefined, 'a day from now')
    t.equal(kindOf([], 1, AT.wallNow + dayMs + 1), 'instant')
  },
)

t.test('after a purge an id may have been charged before it', async (t) => {
  const context = sampleContext({ attempts: [ATTEMPT] })
  const found = { ...FOUND, requestedAt: STAMP - HOUR_MS }

  t.equal(contradictionIn(context, found, { ...AT, purges: 1 }), undefined)
  t.match(contradictionIn(context, found, AT), { kind: 'instant' })
})

t.test('once the ledger was rewound an id may have been charged at any time before', async (t) => {
  const context = sampleContext({ attempts: [] })
  const dayMs = 24 * HOUR_MS
  const kindAt = (requestedAt: number) =>
    contradictionIn(context, { ...FOUND, requestedAt }, { ...AT, isRewound: true })?.kind

  t.equal(kindAt(STAMP - 400 * dayMs), undefined)
  t.equal(kindAt(AT.wallNow + dayMs), undefined, 'clocks may differ')
  t.equal(kindAt(AT.wallNow + dayMs + 1), 'instant', 'never in the future')
})

t.test('where attempts were dropped an instant that is not kept may be ours', async (t) => {
  const all = Array.from({ length: ATTEMPTS_KEPT_MAX }, () => ATTEMPT)

  t.equal(kindOf(all, 0, STAMP + 1), undefined)
  t.equal(kindOf(all.slice(1), 0, STAMP + 1), 'instant')
})
