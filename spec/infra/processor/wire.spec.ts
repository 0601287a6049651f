import t from 'tap'
import {
  chargeAnswer,
  lookUpAnswer,
  probeAnswer,
  readTotal,
} from '../../../src/infra/processor/wire.ts'

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'
const FOUND = { correlationId: ID, requestedAt: '2026-01-31T12:00:00Z', amount: 19.9 }

function answered(body: unknown, status = 200) {
  return { kind: 'answered', status, text: JSON.stringify(body) ?? '' } as const
}

t.test('a 200 that is no whole JSON object leaves a charge in doubt', async (t) => {
  for (const body of [undefined, null, [], 7, 'ok']) {
    t.match(chargeAnswer(answered(body)), { kind: 'inDoubt', detail: 'unreadable answer' })
  }
  t.match(chargeAnswer(answered({ message: 'done' })), { kind: 'settled' })
})

t.test('a look-up’s answer is valid only if each of its fields is', async (t) => {
  const broken = [
    { correlationId: 7 },
    { requestedAt: 1_769_860_800_000 },
    { requestedAt: '2026-13-31T12:00:00Z' },
    { requestedAt: null },
    { amount: '19.90' },
    { amount: 19.999 },
    { amount: null },
  ]
  for (const change of broken) {
    const answer = lookUpAnswer(answered({ ...FOUND, ...change }), ID)
    t.match(answer, { kind: 'failed', detail: 'unreadable answer' }, JSON.stringify(change))
  }
  t.match(lookUpAnswer(answered(FOUND), ID), { kind: 'found', amountCents: 1_990 })
})

t.test('a probe’s answer is valid only with a number as its duration', async (t) => {
  for (const minResponseTime of [null, '5', -1, [5]]) {
    const answer = probeAnswer(answered({ failing: false, minResponseTime }))
    t.match(answer, { kind: 'failed' }, JSON.stringify(minResponseTime))
  }
  t.match(probeAnswer(answered({ failing: 'no', minResponseTime: 5 })), { kind: 'failed' })
  t.match(probeAnswer(answered({ failing: true, minResponseTime: 5 })), { kind: 'answered' })
})

t.test('a total of the books is valid only if both its numbers are exact', async (t) => {
  t.same(readTotal({ totalRequests: 3, totalAmount: 59.699999999999996 }), {
    payments: 3,
    cents: 5_970,
  })
  const broken = [
    undefined,
    null,
    [],
    'x',
    {},
    { totalRequests: 1.5, totalAmount: 1 },
    { totalRequests: -1, totalAmount: 1 },
    { totalRequests: '1', totalAmount: 1 },
    { totalRequests: 1, totalAmount: null },
    { totalRequests: 1, totalAmount: Infinity },
    { totalRequests: 1, totalAmount: 1e30 },
  ]
  for (const value of broken) t.equal(readTotal(value), undefined, JSON.stringify(value))
})
