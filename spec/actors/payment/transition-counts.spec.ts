import t from 'tap'
import { createActor } from 'xstate'
import { compileChart } from '../../../src/actors/compiled-chart/compiled-chart.ts'
import type { PaymentState } from '../../../src/actors/model/payment.ts'
import { paymentMachine } from '../../../src/actors/payment/payment.machine.ts'
import {
  countingTransitions,
  createTransitionCounts,
} from '../../../src/actors/payment/transition-counts.ts'
import { randomEvent, randomInput } from '../../support/random-payment.ts'
import { seeded } from '../../support/seeded.ts'

const WALKS = 400
const STEPS = 40

const quiet = (): void => undefined
const actions = {
  sendCharge: quiet,
  planLookUp: quiet,
  sendLookUp: quiet,
  planBackoff: quiet,
}

t.test(
  'every transition is counted, also those through a state that is left at once',
  async (t) => {
    const seed = Date.now() % 1_000_000
    const random = seeded(seed)
    const counts = createTransitionCounts()
    const logic = countingTransitions(compileChart(paymentMachine.provide({ actions })), counts)
    const inspected = createTransitionCounts()

    for (let walk = 0; walk < WALKS; walk += 1) {
      const actor = createActor(logic, {
        input: randomInput(random),
        inspect: (event) => {
          if (event.type !== '@xstate.microstep') return
          for (const { source, target } of event._transitions) {
            const to = target?.[0]
            if (to === undefined || to === source) continue
            inspected[source.key as PaymentState][to.key as PaymentState] += 1
          }
        },
      }).start()
      for (let step = 0; step < STEPS && actor.getSnapshot().status === 'active'; step += 1) {
        actor.send(randomEvent(random, actor.getSnapshot().value))
      }
    }

    t.same(counts, inspected, `seed ${seed}`)
    for (const [from, to] of [
      ['pending', 'tryingDefault'],
      ['pending', 'confirming'],
      ['pending', 'parked'],
      ['retry', 'pending'],
      ['retry', 'parked'],
      ['tryingFallback', 'retry'],
    ] as const) {
      t.ok(counts[from][to] > 0, `${from} → ${to}`)
    }
  },
)
