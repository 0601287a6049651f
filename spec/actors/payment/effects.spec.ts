import t from 'tap'
import { sampleContext, trying } from '../../support/payment-samples.ts'
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
