// What the answer to a charge says of its processor, by what else is out.

import t from 'tap'
import { circuitNow, countAnswered, countSent } from '../../../src/actors/payment/circuits.ts'
import { sendCharge } from '../../../src/actors/payment/effects.ts'
import { standIns } from '../../support/payment-dependencies.ts'
import { sampleContext, trying } from '../../support/payment-samples.ts'

t.test('an answer is heard of unless it comes late and says nothing', async (t) => {
  for (const [kind, tookMs, isSilent] of [
    ['inDoubt', 250, false],
    ['inDoubt', 251, true],
    ['refused', 251, true],
    ['failed', 8000, false],
    ['known', 8000, false],
    ['denied', 8000, false],
    ['settled', 8000, false],
  ] as const) {
    const { dependencies, clock, charges } = standIns()
    sendCharge(dependencies, sampleContext(trying('default')), { send: () => undefined })
    clock.increment(tookMs)
    charges[0]?.({ kind, detail: 'said' })

    clock.increment(1)
    t.equal(circuitNow(dependencies, 'default').isSilent, isSilent, `${kind} after ${tookMs} ms`)
  }
})

t.test('beside a charge that is answered stands what is out and does not hang', async (t) => {
  const { dependencies, clock } = standIns()
  for (let each = 0; each < 3; each += 1) countSent(dependencies, 'default', clock.now())
  clock.increment(2_000)
  const number = countSent(dependencies, 'default', clock.now())
  countSent(dependencies, 'default', clock.now())
  const end = { number, kind: 'refused', tookMs: 1 } as const

  t.match(countAnswered(dependencies, 'default', end), { beside: 1, order: { overtakenBy: 0 } })
})

t.test('ahead of one that fails are those that are out, unless they have hung', async (t) => {
  for (const [kind, waitedMs, ahead] of [
    ['failed', 250, 2],
    ['failed', 251, 0],
    ['refused', 250, 2],
    ['settled', 250, 0],
  ] as const) {
    const { dependencies, clock } = standIns()
    countSent(dependencies, 'default', clock.now())
    countSent(dependencies, 'default', clock.now())
    clock.increment(waitedMs)
    const number = countSent(dependencies, 'default', clock.now())
    const end = { number, kind, tookMs: 0 } as const

    const { order } = countAnswered(dependencies, 'default', end)
    t.equal(order.ahead, ahead, `${kind} after ${waitedMs} ms`)
  }
})
