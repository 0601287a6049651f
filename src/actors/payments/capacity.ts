// How much more work fits: payments that may be claimed, and accepted ones that stay in memory.

import type { ProcessorName } from '../model/payment.ts'
import type { WorkSettings } from '../model/settings.ts'
import { circuitNow } from '../payment/circuits.ts'
import type { PaymentDependencies } from '../payment/effects.ts'
import { PLACE_KINDS } from './look-up-places.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/**
 * Slots for charges in flight, for as many look-ups as there are places, and for as many payments
 * that back off as one kind of places has: payments in doubt keep no other from its charge.
 */
export function slotsMax({ concurrency, confirmingMax }: WorkSettings): number {
  return 2 * concurrency + (PLACE_KINDS.length + 1) * confirmingMax
}

/** Payments that may wait in memory. */
export function waitingMax({ readyMax, claimMax, confirmingMax }: WorkSettings): number {
  return readyMax + claimMax + PLACE_KINDS.length * confirmingMax
}

/**
 * Payments that may be claimed now: twice what the circuits let through, less what waits for a
 * charge already. A half-open circuit lets few through, so a recovering processor is not flooded.
 * Those that wait for look-ups do not count: while their processor is down none would be claimed.
 */
export function capacityForClaims(dependencies: PaymentDependencies, ready: number): number {
  if (!dependencies.lease.holds(dependencies.clock.now())) return 0
  let through = 0
  for (const name of PROCESSORS) {
    through += circuitNow(dependencies, name).concurrencyLimit
  }
  return Math.max(0, Math.min(dependencies.settings.claimMax, 2 * through - ready))
}

/**
 * Whether accepted payments go straight to the ledger's queue: when the ring could not hold two
 * more batches. Memory is cheaper until then: it saves a second commit and claiming each payment.
 */
export function intakeParks(dependencies: PaymentDependencies, waiting: number): boolean {
  const { readyMax, acceptBatchMax } = dependencies.settings
  return waiting > readyMax - 2 * acceptBatchMax
}
