// What the ledger is told of a payment that left its actor unsettled.

import t from 'tap'
import type { PaymentContext } from '../../../src/actors/payment/context.ts'
import type { PaymentDependencies } from '../../../src/actors/payment/effects.ts'
import { reportUnsettled, type ReportParts } from '../../../src/actors/payments/reports.ts'
import type { Outcome } from '../../../src/actors/model/payment.ts'
import { sampleContext, sampleDoubt, sampleRecord, take } from '../../support/payment-samples.ts'

/** The outcome that is reported of a payment that was parked twice before. */
function reported(changes: Partial<PaymentContext>): Outcome | undefined {
  const outcomes: Outcome[] = []
  const dependencies = {
    clock: { now: () => 1_000 },
    settings: { retryDelayMs: 100, retryDelayMaxMs: 10_000, settleByMs: 1_000 },
    random: () => 0.5,
    telemetry: { emit: () => undefined },
    isDraining: () => false,
  } as unknown as PaymentDependencies
  const outcomeBatcher = {
    send: (event: { type: string; outcome?: Outcome }) => {
      if (event.outcome !== undefined) outcomes.push(event.outcome)
    },
    getSnapshot: () => ({}),
  }
  const parts: ReportParts = {
    dependencies,
    system: { get: () => outcomeBatcher },
    purges: () => 0,
  }
  reportUnsettled(parts, sampleContext({ record: sampleRecord({ rounds: 2 }), ...changes }))
  return outcomes[0]
}

t.test('a payment recalled in doubt keeps its rounds', async (t) => {
  const unknownOutcomes = [sampleDoubt('default')]
  const endsAt = 500
  const recalled = take('confirming', { unknownOutcomes }, { type: 'payment.recalled', endsAt })

  t.match(recalled.told, /^parked/)
  t.match(reported({ unknownOutcomes: recalled.context.unknownOutcomes }), {
    kind: 'parked',
    rounds: 2,
    delayMs: 2_000,
  })
})

t.test('a payment parked without an attempt keeps its rounds', async (t) => {
  t.match(reported({ deferred: true }), { kind: 'parked', rounds: 2, delayMs: 0 })
})

t.test('a payment that was refused in all its tries has one round more', async (t) => {
  t.match(reported({ tries: 3 }), { kind: 'parked', rounds: 3, delayMs: 400 })
})
