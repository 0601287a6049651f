// The summary of settled payments, from the plain list of them.

import type { SettledPayment, TimeWindow } from '../../src/actors/model/payment.ts'

/** As a ledger sums up this window of them. */
export function addUp(
  payments: readonly SettledPayment[],
  { from = 0, to = Infinity }: TimeWindow,
): object {
  const inside = payments.filter((each) => each.requestedAt >= from && each.requestedAt <= to)
  const total = (processor: string): object => {
    const own = inside.filter((each) => each.processor === processor)
    const cents = own.reduce((sum, each) => sum + each.amountCents, 0)
    return { payments: own.length, cents }
  }
  return { default: total('default'), fallback: total('fallback') }
}
