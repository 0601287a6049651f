import t from 'tap'
import { sampleContext, sampleDoubt, trying } from '../../support/payment-samples.ts'
import { standIns, WORK } from '../../support/payment-dependencies.ts'
import { sendCharge } from '../../../src/actors/payment/effects.ts'
import type { PaymentEvent } from '../../../src/actors/payment/context.ts'
import type { ChargeAnswer } from '../../../src/actors/model/ports.ts'
import { outlasting } from '../../../src/actors/model/settings.ts'

const SENT_AT = 7000
const TOOK_MS = 3000
const SETTLE_BY = SENT_AT + outlasting(WORK.settleByMs)

/** What follows from an answer that took its time. */
function answered(kind: ChargeAnswer['kind']): readonly PaymentEvent[] {
  const { dependencies, clock, charges } = standIns()
  const events: PaymentEvent[] = []
  clock.increment(SENT_AT)
  sendCharge(dependencies, sampleContext(trying('default')), {
    send: (event) => void events.push(event),
  })
  clock.increment(TOOK_MS)
  charges[0]?.({ kind, detail: 'said' })
  return events
}

t.test('a settle-by deadline runs from the sending of a charge, not from its answer', async (t) => {
  const told = { tookMs: TOOK_MS, detail: 'said', endsAt: SETTLE_BY }

  t.same(answered('inDoubt'), [{ type: 'charge.doubted', ...told }])
  t.same(answered('known'), [{ type: 'charge.known', ...told }])
})

t.test('after a 500 look-ups lag from its answer on, the deadline from the sending', async (t) => {
  const endsAt = SENT_AT + TOOK_MS + outlasting(WORK.lookUpLagMs)

  t.match(answered('failed'), [{ type: 'charge.failed', endsAt, settleBy: SETTLE_BY }])
})

/** What a charge that ends so tells the circuit of its processor. */
function reported(
  kind: ChargeAnswer['kind'],
  changes: {
    readonly blames?: boolean
    readonly holdsLease?: boolean
    readonly sent?: boolean
  } = {},
) {
  const { blames = false, holdsLease = true, sent = false } = changes
  const reports: unknown[] = []
  const suspicion = { settled: () => undefined, blames: () => blames }
  const lease = { id: 1, holds: () => holdsLease }
  const stand = standIns({ lease, suspicion: { default: suspicion, fallback: suspicion } })
  const closed = stand.dependencies.health.default.getSnapshot()
  const health = { getSnapshot: () => closed, send: (report: unknown) => void reports.push(report) }
  const dependencies = {
    ...stand.dependencies,
    health: { default: health, fallback: health } as never,
  }
  const unknownOutcomes = sent ? [sampleDoubt('default')] : []
  stand.clock.increment(SENT_AT)
  sendCharge(dependencies, sampleContext({ ...trying('default'), unknownOutcomes }), {
    send: () => undefined,
  })
  t.equal(dependencies.inFlight.default, 1, 'in flight until it is answered')
  stand.clock.increment(TOOK_MS)
  stand.charges[0]?.({ kind, detail: 'said' })
  t.equal(dependencies.inFlight.default, 0)
  return reports
}

t.test('the circuit is told of answers that say something of the processor', async (t) => {
  const report = { type: 'attempt.reported', tookMs: TOOK_MS, at: SENT_AT + TOOK_MS }
  const good = [{ ...report, failed: false }]
  const bad = [{ ...report, failed: true }]

  t.same(reported('settled'), good)
  for (const kind of ['failed', 'inDoubt', 'refused'] as const) t.same(reported(kind), bad, kind)
  t.same(reported('refused', { holdsLease: false }), [], 'it was never sent')
  t.same(reported('rejected'), [], 'it blames the payment')
  t.same(reported('rejected', { blames: true }), bad, 'as one of a run')
  t.same(reported('known'), [], 'of a payment that was never sent there')
  t.same(reported('known', { blames: true }), bad)
  t.same(reported('known', { sent: true }), good, 'of one that was')
})
