// How much more work fits: payments that may be claimed, and accepted ones that stay in memory.

import type { ProcessorName } from '../model/payment.ts'
import { circuitNow, type PaymentDependencies } from '../payment/effects.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/**
 * Payments that may be claimed now: twice what the circuits let through, less what waits already.
 * A half-open circuit lets few through, so a recovering processor is not flooded.
 */
export function capacityForClaims(dependencies: PaymentDependencies, waiting: number): number {
  if (!dependencies.lease.holds(dependencies.clock.now())) return 0
  let through = 0
  for (const name of PROCESSORS) {
    const { state, concurrencyLimit } = circuitNow(dependencies, name)
    if (state !== 'open') through += concurrencyLimit
  }
  return Math.max(0, Math.min(dependencies.settings.claimMax, 2 * through - waiting))
}

/**
 * Whether accepted payments go straight to the ledger's queue: when the ring could not hold two
 * more batches. Memory is cheaper until then: it saves a second commit and claiming each payment.
 */
export function intakeParks(dependencies: PaymentDependencies, waiting: number): boolean {
  const { readyMax, acceptBatchMax } = dependencies.settings
  return waiting > readyMax - 2 * acceptBatchMax
}
