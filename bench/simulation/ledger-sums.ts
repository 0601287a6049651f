// Sums over the simulated PostgreSQL's settled payments, in whole cents.

import type {
  ProcessorName,
  SettledPayment,
  Summary,
  TimeWindow,
} from '../../src/actors/payment.ts'
import type { PaymentRow } from './ledger-rows.ts'

/** The settled rows of a window, and those of `unflushed` that no row has as settled, once each. */
export function sumUp(
  rows: ReadonlyMap<string, PaymentRow>,
  window: TimeWindow,
  unflushed: readonly SettledPayment[],
): { summary: Summary; flushed: readonly string[] } {
  const flushed = new Set<string>()
  const late = new Map<string, SettledPayment>()
  for (const payment of unflushed) {
    if (!isInside(window, payment.requestedAt)) continue
    if (rows.get(payment.correlationId)?.state === 'settled') flushed.add(payment.correlationId)
    else late.set(payment.correlationId, payment)
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
  return { summary: sums, flushed: [...flushed] }
}

/** Both ends inclusive. */
export function isInside({ from, to }: TimeWindow, instant: number): boolean {
  return (from === undefined || instant >= from) && (to === undefined || instant <= to)
}
