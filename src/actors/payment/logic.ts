// The payment chart with its effects, compiled: what each payment's actor runs.

import { compileChart } from '../compiled-chart/compiled-chart.ts'
import {
  askRoute,
  planBackoff,
  planLookUp,
  sendCharge,
  sendLookUp,
  type Workshop,
} from './effects.ts'
import { paymentMachine } from './payment.machine.ts'

/** The chart with this workshop's effects; the plain one, which `compileChart` must equal. */
export function providedPayment(shop: Workshop): typeof paymentMachine {
  return paymentMachine.provide({
    actions: {
      askRoute: ({ context, self }) => askRoute(shop, context, self),
      sendCharge: ({ context, self }) => sendCharge(shop, context, self),
      planLookUp: ({ context, self }) => planLookUp(shop, context, self),
      sendLookUp: ({ context, self }) => sendLookUp(shop, context, self),
      planBackoff: ({ context, self }) => planBackoff(shop, context, self),
    },
  })
}

/** The logic that payment actors are created from; built once per workshop. */
export function paymentLogicOf(shop: Workshop): typeof paymentMachine {
  return compileChart(providedPayment(shop))
}
