// Sums over the simulated PostgreSQL's settled payments, in whole cents.

import type {
  ProcessorName,
  SettledPayment,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import type { PaymentRow } from './ledger-rows.ts'

/** The settled rows of a window, and those of `unflushed` whose row is open, once each. */
export function sumUp(
  rows: ReadonlyMap<string, PaymentRow>,
  window: TimeWindow,
  unflushed: readonly SettledPayment[],
): { summary: Summary; stale: readonly string[] } {
  const stale = new Set<string>()
  const late = new Map<string, SettledPayment>()
  for (const payment of unflushed) {
    if (!isInside(window, payment.requestedAt)) continue
    if (rows.get(payment.correlationId)?.state === 'open') late.set(payment.correlationId, payment)
    else stale.add(payment.correlationId)
  }
  const sums = { default: { payments: 0, cents: 0 }, fallback: { payments: 0, cents: 0 } }
  const count = (processor: ProcessorName, amountCents: number): void => {
    sums[processor].payments += 1
    sums[processor].cents += amountCents
  }
  for (const { processor, requestedAt, amountCents } of rows.values()) {
    if (processor === null || requestedAt === null) continue
    if (isInside(window, requestedAt)) count(processor, amountCents)
  }
  for (const { processor, amountCents } of late.values()) count(processor, amountCents)
  return { summary: sums, stale: [...stale] }
}

/** Both ends inclusive. */
export function isInside({ from, to }: TimeWindow, instant: number): boolean {
  return (from === undefined || instant >= from) && (to === undefined || instant <= to)
}
