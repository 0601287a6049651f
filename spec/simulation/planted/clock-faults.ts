// Faults in whose clock is believed, and in what nobody here remembers.

import type { Planted } from '../instance.ts'
import {
  ledgerClockBack,
  ledgerClockForwardOverStop,
  ledgerThatFails,
  suspendsOverLeases,
} from './plans.ts'
import type { PlantedFaults } from './planted.ts'
import { LeaseFence } from '../../../src/actors/ownership/fence.ts'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'

export const CLOCK_FAULTS: PlantedFaults = {
  'a stored deadline that is believed after a step': {
    rule: 'paidOnce',
    besides: ['settledAtOneProcessor', 'summariesMatch'],
    plant: believedDeadline,
  },
  'a lease that is revoked as soon as it is seen': {
    rule: 'sentUnderLease',
    besides: ['sentByOwner'],
    plant: hastyTakeOver,
  },
  'an instance that sends after a suspend': {
    rule: 'sentUnderLease',
    plant: fenceWithoutWallClock,
  },
  'a due time that a step strands': { rule: 'backlogEmpties', plant: strandedPayments },
  'strays that nobody looks for': { rule: 'backlogEmpties', plant: lostStrays },
}

/** Takes what is stored for stored just now, whatever the clock did. */
function believedDeadline(): Planted {
  const asNew = (claims: readonly ClaimedPayment[]): readonly ClaimedPayment[] =>
    claims.map((claim) => ({ ...claim, parkedAt: claim.claimedAt }))
  return {
    plan: ledgerClockForwardOverStop,
    ledger: (ledger) => ({
      ...ledger,
      claimDue: async (request) => asNew(await ledger.claimDue(request)),
      claimParked: async (ids, request) => asNew(await ledger.claimParked(ids, request)),
    }),
  }
}

/** Revokes the leases of living instances, as one does that believes a clock that was set. */
function hastyTakeOver(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      async takeOver(request) {
        const { leases } = await ledger.takeOver({ ...request, limit: 0, expired: [] })
        const expired = leases.filter(({ leaseId }) => leaseId !== request.leaseId)
        return ledger.takeOver({ ...request, expired })
      },
    }),
  }
}

/** Goes by the monotonic clock alone. */
function fenceWithoutWallClock(): Planted {
  class FenceWithoutWallClock extends LeaseFence {
    override extend(lease: Parameters<LeaseFence['extend']>[0]): void {
      super.extend({ ...lease, strayMs: Number.POSITIVE_INFINITY })
    }
  }
  return { plan: suspendsOverLeases, fence: (clock) => new FenceWithoutWallClock(clock) }
}

/** Waits for due times however far ahead they are. */
function strandedPayments(): Planted {
  return {
    plan: ledgerClockBack,
    ledger: (ledger) => ({
      ...ledger,
      claimDue: (request) => ledger.claimDue({ ...request, delayMaxMs: Number.POSITIVE_INFINITY }),
    }),
  }
}

/** Never compares what it owns with what it remembers. */
function lostStrays(): Planted {
  return {
    plan: ledgerThatFails('ledgerLoses'),
    ledger: (ledger) => ({ ...ledger, listOwned: () => Promise.resolve([]) }),
  }
}
