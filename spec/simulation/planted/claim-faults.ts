// Faults in who may work on a payment, and when.

import { claimOf } from '../ledger-tables.ts'
import type { Planted } from '../instance.ts'
import {
  crashesOverHangingCharges,
  pausesOverLeases,
  recordedAndAnswered500,
  stopsOverHangingCharges,
} from './plans.ts'
import { PAID_TWICE, type PlantedFaults } from './planted.ts'
import { LeaseFence } from '../../../src/actors/ownership/fence.ts'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'
import type { UnwrittenOutcome } from '../../../src/actors/model/ports.ts'

export const CLAIM_FAULTS: PlantedFaults = {
  'a claim without the owner condition': { rule: 'sentByOwner', plant: claimWithoutOwner },
  'an instance that sends after its lease': { rule: 'sentUnderLease', plant: sendsWithoutLease },
  'an instance that writes after its lease': {
    rule: 'writtenUnderOwnLease',
    plant: writesWithoutLease,
  },
  'a charge sent before the commit': { rule: 'sentIsInLedger', plant: sentBeforeCommit },
  'a settle-by deadline that is too short': { ...PAID_TWICE, plant: shortDeadline },
  'a look-up believed too early': { ...PAID_TWICE, plant: ignoredLag },
  'a takeover without unknown outcomes': { ...PAID_TWICE, plant: freshTakeOver },
  'an unknown outcome lost in parking': { ...PAID_TWICE, plant: unknownLostInParking },
}

/** Claims payments whatever instance owns them. */
function claimWithoutOwner(): Planted {
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
function sendsWithoutLease(): Planted {
  /** Knows no end. */
  class OpenFence extends LeaseFence {
    override holds(): boolean {
      return this.id !== null
    }
  }
  // Over before anybody takes its payments.
  return { plan: pausesOverLeases(1.2), fence: (clock) => new OpenFence(clock) }
}

/** Writes outcomes of payments that others have taken over. */
function writesWithoutLease(): Planted {
  return {
    plan: pausesOverLeases(2),
    ledger: (ledger, store) => ({
      ...ledger,
      async record(outcomes, request) {
        const unwritten: UnwrittenOutcome[] = []
        for (const outcome of outcomes) {
          const row = store.rows.get(outcome.correlationId)
          const leaseId = row?.owner ?? request.leaseId
          const fencingToken = row?.fencingToken ?? outcome.fencingToken
          unwritten.push(...(await ledger.record([{ ...outcome, fencingToken }], { leaseId })))
        }
        return unwritten
      },
    }),
  }
}

/** Works on payments as if they were committed while they are being committed. */
function sentBeforeCommit(): Planted {
  return {
    ledger: (ledger, store) => ({
      ...ledger,
      accept(batch, request) {
        const results = batch.map(({ correlationId, amountCents }) => {
          const row = store.rows.get(correlationId)
          if (row === undefined) return 'accepted'
          return row.amountCents === amountCents ? 'known' : 'conflicting'
        })
        // Its failure is a payment lost, which is another rule's.
        ledger.accept(batch, request).catch(() => undefined)
        return Promise.resolve({ results, purges: store.purges })
      },
    }),
  }
}

/** Takes a request for dead while it can still land. */
function shortDeadline(): Planted {
  return {
    settings: (settings) => {
      const { configured, attemptTimeoutMs } = settings
      const work = { ...configured.work, settleByMs: attemptTimeoutMs + 1 }
      return { ...settings, configured: { ...configured, work } }
    },
  }
}

/** Takes the first 404 after a 500 for the last word, though look-ups lag. */
function ignoredLag(): Planted {
  return {
    plan: recordedAndAnswered500,
    settings: (settings) => {
      const { configured } = settings
      const work = { ...configured.work, lookUpLagMs: 0 }
      return { ...settings, configured: { ...configured, work } }
    },
  }
}

/** Takes payments of a dead instance over as if it had sent nothing. */
function freshTakeOver(): Planted {
  return {
    plan: crashesOverHangingCharges,
    ledger: (ledger) => ({
      ...ledger,
      async takeOver(request) {
        const { payments, ...seen } = await ledger.takeOver(request)
        return { ...seen, payments: payments.map(asNeverSent) }
      },
    }),
  }
}

/** Parks payments in doubt as if they were not. */
function unknownLostInParking(): Planted {
  return {
    plan: stopsOverHangingCharges,
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

function asNeverSent(payment: ClaimedPayment): ClaimedPayment {
  return { ...payment, unknownOutcomes: [] }
}
