// Faults in handing payments over and in taking them on, and actors that fail.

import type { Planted } from '../instance.ts'
import type { Plan, PlannedFault } from '../plan.ts'
import type { Settings } from '../settings.ts'
import { suspension } from '../worlds/fixed.ts'
import { stopsOverHangingCharges } from './plans.ts'
import type { PlantedFaults } from './planted.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { Fact } from '../../../src/actors/model/facts.ts'

export const HANDOVER_FAULTS: PlantedFaults = {
  'a stop that waits for hanging charges': { rule: 'stopsInTime', plant: stopThatLingers },
  'a stop that hands nothing back': { rule: 'handsOverAll', plant: stopThatKeeps },
  'a takeover that comes too seldom': { rule: 'takenOverInTime', plant: seldomTakeOver },
  'leases of others taken for as long as one’s own': {
    rule: 'sentUnderLease',
    besides: ['sentByOwner', 'paidOnce', 'settledAtOneProcessor', 'summariesMatch'],
    plant: equalLeases,
  },
  'leases of others taken for those of one’s own id': { rule: 'ownIdIsKnown', plant: namesakes },
  'a claim that comes too seldom': { rule: 'claimedInTime', plant: seldomClaims },
  'a retry queue that fails': { rule: 'noChildFails', plant: failingRetryQueue },
  'a payment that breaks': { rule: 'noChildFails', plant: breakingPayment },
  'a lease that fails': { rule: 'drainsOnlyWhenTold', plant: failingLease },
  'a supervisor that fails': { rule: 'supervisorRuns', plant: failingSupervisor },
}

/** One claim of due payments in so many finds any. */
const CLAIM_EVERY = 60

/** One takeover in so many finds any: it comes twice a second, so every 6 s. */
const TAKEOVER_EVERY = 12

/** Waits with a stop until half of its deadline is over, while a charge hangs. */
function stopThatLingers(): Planted {
  return {
    plan: stopsOverHangingCharges,
    parts: (parts) => ({ ...parts, drainGraceMs: parts.shutdownDeadlineMs }),
  }
}

/** Stops without handing back what it owns. */
function stopThatKeeps(): Planted {
  return {
    ledger: (ledger) => ({
      ...ledger,
      record(outcomes, request) {
        const others = outcomes.filter(({ kind }) => kind !== 'parked')
        return ledger.record(others, request)
      },
    }),
  }
}

/** Takes over from who is silent for longer than its own lease, whatever theirs says. */
function equalLeases(): Planted {
  return {
    settings: (settings) => ({
      ...settings,
      longLeaseMs: 8 * settings.configured.leaseTtlMs,
    }),
    plan: pauseOverWaiting,
    ledger: (ledger) => ({
      ...ledger,
      async takeOver(request) {
        const taken = await ledger.takeOver(request)
        return { ...taken, leases: taken.leases.map((lease) => ({ ...lease, ttlMs: null })) }
      },
    }),
  }
}

/** Takes each lease for one under its own id. */
function namesakes(): Planted {
  return {
    ledger(ledger) {
      let instanceId = ''
      return {
        ...ledger,
        acquireLease(request) {
          instanceId = request.instanceId
          return ledger.acquireLease(request)
        },
        async takeOver(request) {
          const taken = await ledger.takeOver(request)
          return { ...taken, leases: taken.leases.map((lease) => ({ ...lease, instanceId })) }
        },
      }
    },
  }
}

/** An instance hangs for three lengths of the shorter lease with payments that wait for a processor. */
function pauseOverWaiting(plan: Plan, settings: Settings): Plan {
  const { faults, ...others } = suspension(3)(plan, settings)
  const paused = faults.map((planned): PlannedFault => {
    const isSuspension = planned.fault.kind === 'suspend'
    return isSuspension ? { ...planned, fault: { kind: 'pause', instance: 0 } } : planned
  })
  return { ...others, faults: paused }
}

/** Takes payments of dead instances over too seldom. */
function seldomTakeOver(): Planted {
  return {
    ledger: (ledger) => {
      const isDue = everyNth(TAKEOVER_EVERY)
      return {
        ...ledger,
        async takeOver(request) {
          if (isDue()) return await ledger.takeOver(request)
          const none = { ...request, limit: 0, expired: [] }
          return { ...(await ledger.takeOver(none)), payments: [] }
        },
      }
    },
  }
}

/** Claims payments that were handed over too seldom. */
function seldomClaims(): Planted {
  return {
    ledger: (ledger) => {
      const isDue = everyNth(CLAIM_EVERY)
      return {
        ...ledger,
        claimParked: () => Promise.resolve([]),
        claimDue: (request) => (isDue() ? ledger.claimDue(request) : Promise.resolve([])),
      }
    },
  }
}

/** The retry queue meets a bug, once: when it tells that a claim has failed. */
function failingRetryQueue(): Planted {
  return {
    ledger: (ledger) => {
      const isDue = everyNth(3)
      return {
        ...ledger,
        claimDue: (request) => (isDue() ? Promise.reject(unavailable()) : ledger.claimDue(request)),
      }
    },
    parts: telemetryFailingAt(
      (fact) => fact.type === 'ledger.failed' && fact.operation === 'claimDue',
    ),
  }
}

/** A charge meets a bug, once. */
function breakingPayment(): Planted {
  let calls = 0
  return {
    processor: (processor) => ({
      ...processor,
      charge(charge, reply) {
        calls += 1
        if (calls === 3) throw new Error('planted')
        processor.charge(charge, reply)
      },
    }),
  }
}

/** A lease meets a bug, once: when it tells that its renewal has failed. */
function failingLease(): Planted {
  return {
    ledger: (ledger) => {
      const isDue = everyNth(3)
      return {
        ...ledger,
        renewLease: (request) =>
          isDue() ? Promise.reject(unavailable()) : ledger.renewLease(request),
      }
    },
    parts: telemetryFailingAt(
      (fact) => fact.type === 'ledger.failed' && fact.operation === 'lease',
    ),
  }
}

/** The supervisor meets a bug, once: when it tells of a drain. */
function failingSupervisor(): Planted {
  return { parts: telemetryFailingAt((fact) => fact.type === 'drain.started') }
}

/** Throws at the first of these facts. */
function telemetryFailingAt(isFatal: (fact: Fact) => boolean): NonNullable<Planted['parts']> {
  let hasFailed = false
  return (parts) => {
    const { telemetry } = parts.ports
    const emit = (fact: Fact): void => {
      if (hasFailed || !isFatal(fact)) return telemetry.emit(fact)
      hasFailed = true
      throw new Error('planted')
    }
    return { ...parts, ports: { ...parts.ports, telemetry: { emit } } }
  }
}

function unavailable(): LedgerUnavailable {
  return new LedgerUnavailable('planted', 'none')
}

function everyNth(count: number): () => boolean {
  let calls = 0
  return () => {
    calls += 1
    return calls % count === 0
  }
}
