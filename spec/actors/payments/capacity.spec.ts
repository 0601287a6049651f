import t from 'tap'
import { SentCharges } from '../../../src/actors/circuit/sent-charges.ts'
import { WORK } from '../../support/payment-dependencies.ts'
import type { PaymentDependencies } from '../../../src/actors/payment/effects.ts'
import {
  capacityForClaims,
  intakeParks,
  slotsMax,
  waitingMax,
} from '../../../src/actors/payments/capacity.ts'

/** What the two rules read, and no more. */
function dependencies(limits: {
  readonly concurrency?: number
  readonly fallback?: 'closed' | 'open'
  readonly claimMax?: number
  readonly holdsLease?: boolean
}): PaymentDependencies {
  const { concurrency = 10, fallback = 'closed', claimMax = 1_000, holdsLease = true } = limits
  const circuit = (state: string) => ({
    getSnapshot: () => ({ value: state, context: { state, concurrencyLimit: concurrency } }),
  })
  return {
    clock: { now: () => 0 },
    inFlight: { default: 0, fallback: 0 },
    charges: { default: new SentCharges(1), fallback: new SentCharges(1) },
    lease: { holds: () => holdsLease },
    settings: { claimMax, readyMax: 100, acceptBatchMax: 20 },
    health: { default: circuit('closed'), fallback: circuit(fallback) },
  } as unknown as PaymentDependencies
}

t.test(
  'twice what the circuits let through is claimed, less what waits for a charge',
  async (t) => {
    t.equal(capacityForClaims(dependencies({}), 0), 40)
    t.equal(capacityForClaims(dependencies({}), 15), 25)
    t.equal(capacityForClaims(dependencies({}), 41), 0)
    t.equal(capacityForClaims(dependencies({ fallback: 'open' }), 0), 20)
    t.equal(capacityForClaims(dependencies({ claimMax: 7 }), 0), 7)
    t.equal(capacityForClaims(dependencies({ holdsLease: false }), 0), 0)
  },
)

t.test('payments are parked at their intake once two more batches would not fit', async (t) => {
  t.equal(intakeParks(dependencies({}), 60), false)
  t.equal(intakeParks(dependencies({}), 61), true)
})

t.test(
  'payments in doubt of each kind have slots and queues beside those of charges',
  async (t) => {
    const work = { ...WORK, concurrency: 10, confirmingMax: 7, readyMax: 100, claimMax: 30 }

    t.equal(slotsMax(work), 2 * 10 + 4 * 7)
    t.equal(waitingMax(work), 100 + 30 + 3 * 7)
  },
)
