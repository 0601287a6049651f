// How much more work fits: for claims from the ledger and for accepted payments.

import type { ProcessorName } from '../model/payment.ts'
import { circuitView, type Workshop } from '../payment/effects.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/**
 * Payments that may be claimed now: two rounds of what the circuits let through, less what waits
 * already. A half-open circuit lets few through, so a recovering processor is not flooded.
 */
export function roomForClaims(shop: Workshop, waiting: number): number {
  if (!shop.lease.holds(shop.clock.now())) return 0
  let through = 0
  for (const name of PROCESSORS) {
    const { state, allowance } = circuitView(shop, name)
    if (state !== 'open') through += allowance
  }
  return Math.max(0, Math.min(shop.settings.claimMax, 2 * through - waiting))
}

/**
 * Whether accepted payments go straight to the ledger's queue: when the ring would not hold two
 * more batches. Until then memory is cheaper, by a second commit and a claim per payment.
 */
export function intakeParks(shop: Workshop, waiting: number): boolean {
  const { readyMax, acceptBatchMax } = shop.settings
  return waiting > readyMax - 2 * acceptBatchMax
}
