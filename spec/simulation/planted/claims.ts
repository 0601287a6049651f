// Faults in who may work on a payment, and when.

import { claimOf } from '../ledger-rows.ts'
import type { Planted } from '../planted-world.ts'
import { LeaseFence } from '../../../src/actors/ownership/fence.ts'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'

/** Claims payments whatever instance owns them. */
export function claimWithoutOwner(): Planted {
  return {
    ledger: (ledger, store) => ({
      ...ledger,
      async claimDue(request) {
        const { leaseId, limit } = request
        const stolen = [...store.open.values()]
          .filter(({ owner }) => owner !== null && owner !== leaseId && store.holds(leaseId))
          .slice(0, limit)
        for (const row of stolen)
          Object.assign(row, { owner: leaseId, fencingToken: row.fencingToken + 1 })
        const claims = stolen.map((row) =>
          claimOf(row, { now: row.acceptedAt, purges: store.purges }),
        )
        return [...(await ledger.claimDue(request)), ...claims]
      },
    }),
  }
}

/** Sends on after its lease has run out. */
export function zombieThatSends(): Planted {
  /** Knows no end. */
  class OpenFence extends LeaseFence {
    override holds(): boolean {
      return this.id !== null
    }
  }
  return { fence: () => new OpenFence() }
}

/** Writes outcomes of payments that others have taken over. */
export function zombieThatWrites(): Planted {
  return {
    ledger: (ledger, store) => ({
      ...ledger,
      async record(outcomes, request) {
        for (const outcome of outcomes) {
          const row = store.rows.get(outcome.correlationId)
          const leaseId = row?.owner ?? request.leaseId
          await ledger.record(
            [{ ...outcome, fencingToken: row?.fencingToken ?? outcome.fencingToken }],
            {
              leaseId,
            },
          )
        }
      },
    }),
  }
}

/** Takes a request for dead while it can still land. */
export function shortHorizon(): Planted {
  return {
    settings: (settings) => {
      const { configured, attemptTimeoutMs } = settings
      const work = { ...configured.work, settleByMs: attemptTimeoutMs + 1 }
      return { ...settings, configured: { ...configured, work } }
    },
  }
}

/** Takes the first 404 after a 500 for the last word, though look-ups lag. */
export function ignoredLag(): Planted {
  return {
    settings: (settings) => {
      const { configured } = settings
      const work = { ...configured.work, lookUpLagMs: 0 }
      return { ...settings, configured: { ...configured, work } }
    },
  }
}

/** Takes payments of a dead instance over as if it had sent nothing. */
export function freshTakeOver(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      takeOver: async (request) => (await ledger.takeOver(request)).map(withoutDoubts),
    }),
  }
}

/** Parks payments in doubt as if they were not. */
export function doubtLostInParking(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      record: (outcomes, request) =>
        ledger.record(
          outcomes.map((each) =>
            each.kind === 'parked' ? { ...each, unknownOutcomes: [] } : each,
          ),
          request,
        ),
    }),
  }
}

function withoutDoubts(payment: ClaimedPayment): ClaimedPayment {
  return { ...payment, unknownOutcomes: [] }
}
