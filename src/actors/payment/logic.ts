// The payment chart with its effects, compiled: what each payment's actor runs.

import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { planBackoff, sendCharge, type PaymentDependencies } from './effects.ts'
import { planLookUp, sendLookUp } from './look-ups.ts'
import { paymentMachine } from './payment.machine.ts'

/** The chart with its effects, as XState's own interpreter runs it. */
export function providedPayment(dependencies: PaymentDependencies): typeof paymentMachine {
  return paymentMachine.provide({
    actions: {
      sendCharge: ({ context, self }) => sendCharge(dependencies, context, self),
      planLookUp: ({ context, self }) => planLookUp(dependencies, context, self),
      sendLookUp: ({ context, self }) => sendLookUp(dependencies, context, self),
      planBackoff: ({ context, self }) => planBackoff(dependencies, context, self),
    },
  })
}

/** The logic that payment actors are created from; built once per parent. */
export function paymentLogicOf(dependencies: PaymentDependencies): typeof paymentMachine {
  return compileChart(providedPayment(dependencies))
}
