// A payment's actor with its effects: what the chart asks for reaches processors and timers.

import t from 'tap'
import { createActor } from 'xstate'
import { standIns, WORK } from '../../support/payment-dependencies.ts'
import { next, sampleInput } from '../../support/payment-samples.ts'
import { paymentLogicOf, providedPayment } from '../../../src/actors/payment/logic.ts'

for (const [name, logicOf] of [
  ['as it is compiled', paymentLogicOf],
  ['as XState runs it', providedPayment],
] as const) {
  /** A payment whose first charge has been sent to `default`. */
  function started() {
    const stand = standIns()
    const input = sampleInput({ next: next('default') })
    const actor = createActor(logicOf(stand.dependencies), { input }).start()
    return { ...stand, actor, state: () => actor.getSnapshot().value }
  }

  t.test(
    `a payment is charged, looked up in doubt, and sent on once it is missing, ${name}`,
    async (t) => {
      const { actor, state, charges, lookUps, pauses, clock } = started()
      t.equal(charges.length, 1)

      charges[0]?.({ kind: 'inDoubt', detail: 'timeout' })
      t.same([state(), pauses.length, lookUps.length], ['confirming', 1, 0], 'one is planned')
      clock.increment(2 * WORK.settleByMs)
      actor.send({ type: 'lookup.due', resend: false })
      t.equal(lookUps.length, 1)
      lookUps[0]?.({ kind: 'missing' })

      t.same([state(), charges.length], ['tryingFallback', 2])
    },
  )

  t.test(`a payment that is refused while it may wait is tried later, ${name}`, async (t) => {
    const { state, charges, pauses } = started()

    charges[0]?.({ kind: 'refused', detail: 'http 503' })

    t.same([state(), pauses.length], ['retry', 1])
  })
}
