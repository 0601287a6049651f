import t from 'tap'
import {
  acceptedRecord,
  claimedRecord,
  deferredRecord,
  parkedOutcome,
  parkingDelayMs,
} from '../../../src/actors/payments/records.ts'
import { createSlotTable } from '../../../src/actors/payments/slots.ts'
import type { Attempt } from '../../../src/actors/model/payment.ts'
import { createWaiting } from '../../../src/actors/payments/queues.ts'
import { createTotals, totalsTelemetry } from '../../../src/actors/supervisor/totals.ts'
import type { WorkSettings } from '../../../src/actors/model/settings.ts'
import {
  claimedPayment,
  sampleContext,
  sampleDoubt,
  sampleRecord,
} from '../../support/payment-samples.ts'

const ATTEMPT: Attempt = {
  processor: 'default',
  requestedAt: 1,
  reason: 'cheaper',
  outcome: 'refused',
  tookMs: 2,
}
const SETTINGS: WorkSettings = {
  route: { fees: { default: 0.05, fallback: 0.15 }, slowMs: 100, waitMaxMs: 50 },
  concurrency: 4,
  readyMax: 10,
  confirmingMax: 4,
  acceptBatchMax: 2,
  claimMax: 4,
  triesMax: 3,
  quickBackoffMs: 10,
  retryDelayMs: 100,
  retryDelayMaxMs: 1000,
  settleByMs: 5000,
  lookUpLagMs: 50,
}

t.test('an accepted payment begins its first claim with nothing known', async (t) => {
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
      { processor: 'default', requestedAt: 7, endsAt: 1300 },
      { processor: 'fallback', requestedAt: null, endsAt: 980 },
    ],
  })
})

t.test(
  'what is parked and claimed again comes back as it was, unknown outcomes never shorter',
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
    const claimed = { correlationId, amountCents, fencingToken: 4, purges: 0, ageMs: 900 }
    const again = claimedRecord({ ...outcome, ...claimed }, 1000.3)
    t.same(again.attempts, record.attempts)
    t.equal(again.unknownOutcomes[0]?.requestedAt, unknownOutcomes[0]?.requestedAt)
    t.ok((again.unknownOutcomes[0]?.endsAt ?? 0) >= 1234.5)
  },
)

t.test('a payment that left without a route keeps what happened meanwhile', async (t) => {
  const unknownOutcomes = [sampleDoubt('default')]
  const record = deferredRecord(sampleContext({ attempts: [ATTEMPT], unknownOutcomes }))

  t.same(record, { ...sampleRecord(), attempts: [ATTEMPT], unknownOutcomes })
})

t.test('how long a payment rests depends on why it left', async (t) => {
  const delay = (changes: object): number =>
    parkingDelayMs(sampleContext(changes), SETTINGS, () => 0.5)
  const after = (rounds: number): number => delay({ record: sampleRecord({ rounds }) })

  t.equal(
    delay({ unknownOutcomes: [sampleDoubt('default')] }),
    2000,
    'in doubt: until the next look-up',
  )
  t.equal(delay({ deferred: true }), 0, 'no attempt burnt: due at once')
  t.same([0, 1, 2, 3, 4, 50].map(after), [100, 200, 400, 700, 750, 750])
})

t.test(
  'a slot is taken by one payment at a time, and each tenant has its generation',
  async (t) => {
    const table = createSlotTable(2)
    const first = table.take(sampleRecord({ correlationId: 'a' }))
    const second = table.take(sampleRecord({ correlationId: 'b' }))
    t.equal(table.take(sampleRecord()), undefined, 'all are taken')
    t.same([table.used, table.capacity], [2, 2])

    if (first !== undefined) table.release(first)
    const again = table.take(sampleRecord({ correlationId: 'c' }))

    t.same([again?.index, again?.generation, again?.actor], [first?.index, 1, null])
    t.equal(second?.generation, 0)
    const tenants: (string | undefined)[] = []
    table.forEachUsed(({ record }) => tenants.push(record?.correlationId))
    t.same(new Set(tenants), new Set(['b', 'c']))
    t.equal(table.at(2), undefined)
  },
)

t.test('payments wait in order, those in doubt apart, each kind within its bound', async (t) => {
  const waiting = createWaiting({ readyMax: 2, doubtfulMax: 1 })
  const ready = [1, 2].map((acceptedAt) => sampleRecord({ acceptedAt }))
  const doubtful = sampleRecord({ acceptedAt: 0, unknownOutcomes: [sampleDoubt('default')] })
  const all = [...ready, doubtful]

  t.same(
    all.map((record) => waiting.push(record)),
    [true, true, true],
  )
  t.same(
    all.map((record) => waiting.push(record)),
    [false, false, false],
  )
  t.same([waiting.size, waiting.ready.size, waiting.doubtful.size], [3, 2, 1])

  t.same(waiting.takeAll(), all)
  t.equal(waiting.size, 0)
})

t.test('totals move when the gauges are measured, and circuits at once', async (t) => {
  const store = createTotals()
  const telemetry = totalsTelemetry(store)
  const took = { tookMs: 1 }
  const settled = {
    type: 'payment.settled',
    correlationId: 'a',
    amountCents: 1990,
    ...took,
  } as const
  const gauges = { ready: 3, inFlight: { default: 1, fallback: 0 }, byState: { pending: 2 } }
  const end = { correlationId: 'a', processor: 'default', reason: 'cheaper', detail: '' } as const

  telemetry.emit({
    type: 'batch.accepted',
    accepted: 5,
    known: 2,
    conflicting: 1,
    parked: false,
    ...took,
  })
  telemetry.emit({ type: 'batch.refused', payments: 4, cause: 'ledger' })
  telemetry.emit({ ...settled, processor: 'default' })
  telemetry.emit({ ...settled, processor: 'fallback', amountCents: 10 })
  telemetry.emit({ ...settled, processor: 'fallback', amountCents: 5 })
  telemetry.emit({ type: 'attempt.ended', ...end, outcome: 'refused', ...took })
  telemetry.emit({ type: 'payment.rejected', correlationId: 'b', detail: 'http 400' })
  telemetry.emit({ type: 'payment.parked', correlationId: 'c', delayMs: 5, doubts: 0 })
  telemetry.emit({ type: 'payments.claimed', payments: 6, from: 'takeover' })
  telemetry.emit({
    type: 'circuit.changed',
    processor: 'fallback',
    from: 'closed',
    to: 'open',
    cause: 'probe says failing',
  })
  const before = store.getSnapshot().context
  t.same([before.accepted, before.processors.fallback.circuit], [0, 'open'])
  telemetry.emit({ type: 'payments.measured', gauges })
  telemetry.emit({ type: 'payments.measured', gauges: { ...gauges, ready: 0 } })

  const { processors, ...counts } = store.getSnapshot().context
  t.match(counts, { accepted: 5, known: 2, conflicting: 1, refused: 4 })
  t.match(counts, { rejected: 1, parked: 1, claimed: 6, gauges: { ready: 0 } })
  t.match(processors.default, { settled: 1, settledCents: 1990, failedAttempts: 1 })
  t.match(processors.fallback, { settled: 2, settledCents: 15, failedAttempts: 0, circuit: 'open' })
})
