// Faults in handing payments over, and in taking them on.

import { hangingPhase, type PhaseBounds } from '../phase.ts'
import type { Plan, PlannedFault } from '../plan.ts'
import type { Planted } from '../planted-world.ts'

/** One look for due payments in so many finds any. */
const RARELY = 60

/** One look for payments of the dead in so many finds any: twice a second, so every 6 s. */
const SELDOM = 12

/** Waits with a stop until half of its deadline is over, as long as a charge hangs. */
export function stopThatLingers(): Planted {
  return {
    plan: stopsOverHangingCharges,
    parts: (parts) => ({ ...parts, drainGraceMs: parts.shutdownDeadlineMs }),
  }
}

/** Nothing happens but that instances are stopped while both processors hang. */
export function stopsOverHangingCharges(plan: Plan, bounds: PhaseBounds): Plan {
  const phase = hangingPhase(bounds)
  const stops = stopsAfter(plan, [20, 60])
  const hanging = stops.flatMap(({ at }) =>
    (['default', 'fallback'] as const).map((processor): PlannedFault => {
      return { at: Math.max(0, at - 200), lastsMs: 600, fault: { kind: 'phase', processor, phase } }
    }),
  )
  return { ...plan, instances: 2, faults: [...hanging, ...stops] }
}

/** Nothing happens but that instances are stopped while a payment is being accepted. */
export function stopsAfterPostings(plan: Plan): Plan {
  return { ...plan, instances: 2, faults: stopsAfter(plan, [0.5, 2.5]) }
}

/** Both instances in turn, each so long after some posting, ms. */
function stopsAfter({ payments }: Plan, [low, high]: readonly [number, number]): PlannedFault[] {
  const postings = payments.map(({ at }) => at).toSorted((one, other) => one - other)
  const spaced = postings.filter((at, index) => index === 0 || at - (postings[index - 1] ?? 0) > 50)
  return spaced.slice(0, STOPS).map((at, index) => {
    const after = low + ((high - low) * index) / STOPS
    return { at: at + after, lastsMs: 700, fault: { kind: 'stop', instance: index % 2 } }
  })
}

const STOPS = 10

/** Stops without handing back what it owns. */
export function stopThatKeeps(): Planted {
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

/** Looks for payments of dead instances too seldom. */
export function seldomTakeOver(): Planted {
  return {
    ledger: (ledger) => {
      const isTurn = everyNth(SELDOM)
      return {
        ...ledger,
        takeOver: (request) => (isTurn() ? ledger.takeOver(request) : Promise.resolve([])),
      }
    },
  }
}

/** Looks for payments that were handed over too seldom. */
export function rareClaims(): Planted {
  return {
    ledger: (ledger) => {
      const isTurn = everyNth(RARELY)
      return {
        ...ledger,
        claimParked: () => Promise.resolve([]),
        claimDue: (request) => (isTurn() ? ledger.claimDue(request) : Promise.resolve([])),
      }
    },
  }
}

function everyNth(count: number): () => boolean {
  let calls = 0
  return () => {
    calls += 1
    return calls % count === 0
  }
}
