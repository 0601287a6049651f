// What happens in a simulation instead of what its seed drew, so that a planted fault meets the
// circumstances in which it shows.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { RewindKind } from '../history-table.ts'
import { hangingPhase, HEALTHY, type Phase, type PhaseBounds } from '../simulated-processor.ts'
import type { Plan, PlannedFault } from '../plan.ts'
import type { Settings } from '../settings.ts'
import type { OrderFault } from '../worlds/orders.ts'

/** Stops, crashes and pauses of one plan. */
const HITS = 10

/** Instances are stopped while both processors hang, and nothing else happens. */
export function stopsOverHangingCharges(plan: Plan, bounds: PhaseBounds): Plan {
  const phase = hangingPhase(bounds)
  const stops = hitsAfter(plan, { kind: 'stop', afterMs: [20, 60], lastsMs: 700 })
  const hanging = stops.flatMap(({ at }) =>
    (['default', 'fallback'] as const).map((processor): PlannedFault => {
      return { at: Math.max(0, at - 200), lastsMs: 600, fault: { kind: 'phase', processor, phase } }
    }),
  )
  return { ...plan, instances: 2, faults: [...hanging, ...stops] }
}

/** Instances are stopped while a payment is being accepted, and nothing else happens. */
export function stopsAfterPostings(plan: Plan): Plan {
  const stops = hitsAfter(plan, { kind: 'stop', afterMs: [0.5, 2.5], lastsMs: 700 })
  return { ...plan, instances: 2, faults: stops }
}

/** Instances die while a payment is being accepted, and nothing else happens. */
export function crashesAfterPostings(plan: Plan): Plan {
  const crashes = hitsAfter(plan, { kind: 'crash', afterMs: [0.5, 2.5], lastsMs: 700 })
  return { ...plan, instances: 2, faults: crashes }
}

/** Instances die over charges that `default` records late; `fallback` is healthy. */
export function crashesOverHangingCharges(plan: Plan, settings: Settings): Plan {
  const crashes = hitsAfter(plan, { kind: 'crash', afterMs: [20, 60], lastsMs: 5000 })
  const hanging = defaultIs(hangingPhase(settings), settings)
  return { ...plan, instances: 2, faults: [hanging, ...crashes.slice(0, 3)] }
}

/** Instances are paused over slow charges for so many lengths of their lease; nothing else happens. */
export function pausesOverLeases(lengths: number) {
  return (plan: Plan, settings: Settings): Plan => {
    const { leaseTtlMs } = settings.configured
    const lastsMs = leaseTtlMs * lengths
    const pauses = hitsAfter(plan, { kind: 'pause', afterMs: [1, 20], lastsMs, restMs: leaseTtlMs })
    const slow = defaultIs({ ...HEALTHY, name: 'slow', delayMs: [5, 100] }, settings)
    return { ...plan, instances: 2, faults: [slow, ...pauses] }
  }
}

/** Steps of PostgreSQL's clock, ms: well past every settle-by deadline, and an hour back. */
const FORWARD_MS = 30_000
const BACK_MS = -3_600_000

/** An instance dies over charges that land late, and PostgreSQL's clock is set forward. */
export function ledgerClockForwardOverCrash(plan: Plan, settings: Settings): Plan {
  const crash = { kind: 'crash', instance: 0 } as const
  const at = 0.4 * settings.faultsMs
  const faults = [{ at, lastsMs: 5000, fault: crash }, stepOf(at + 50, FORWARD_MS)]
  return { ...plan, instances: 2, faults: [...landingLate(at, settings), ...faults] }
}

/** An instance hands over what may land late, and PostgreSQL's clock is set forward meanwhile. */
export function ledgerClockForwardOverStop(plan: Plan, settings: Settings): Plan {
  const at = 0.4 * settings.faultsMs
  const graceMs = settings.configured.drainGraceMs
  const stop = { at, lastsMs: 700, fault: { kind: 'stop', instance: 0 } } as const
  const steps = [2, 6, 12].map((afterMs) => stepOf(at + graceMs + afterMs, FORWARD_MS))
  return { ...plan, instances: 2, faults: [...landingLate(at, settings), stop, ...steps] }
}

/** PostgreSQL's clock is set forward over charges that land late, and nobody dies. */
export function ledgerClockForward(plan: Plan, settings: Settings): Plan {
  const at = 0.4 * settings.faultsMs
  const steps = [0, 0.15, 0.3].map((share) => stepOf(at + share * settings.faultsMs, FORWARD_MS))
  return { ...plan, instances: 2, faults: [...landingLate(at, settings), ...steps] }
}

/** What `default` is sent until that moment lands late, all after it is refused. */
function landingLate(untilMs: number, settings: Settings): readonly PlannedFault[] {
  const { attemptTimeoutMs, landingMaxMs, faultsMs } = settings
  const loiterMs = [attemptTimeoutMs * 0.5, landingMaxMs * 0.9] as const
  const loitering = { ...HEALTHY, name: 'loitering', loitering: 1, loiterMs }
  const refusing = { ...HEALTHY, name: 'refusing', refused: 1 }
  const of = (phase: Phase) => ({ kind: 'phase', processor: 'default', phase }) as const
  return [
    { at: 0, lastsMs: faultsMs, fault: of(loitering) },
    { at: untilMs, lastsMs: faultsMs, fault: of(refusing) },
  ]
}

/** PostgreSQL's clock is set back while all that was posted is parked; Redis knows no due time. */
export function ledgerClockBack(plan: Plan, settings: Settings): Plan {
  const { faultsMs } = settings
  const phase = { ...HEALTHY, name: 'refusing', refused: 1 }
  const phases = (['default', 'fallback'] as const).map((processor): PlannedFault => {
    return { at: 0, lastsMs: faultsMs, fault: { kind: 'phase', processor, phase } }
  })
  const withoutCaches: PlannedFault = { at: 0, lastsMs: faultsMs, fault: { kind: 'cachesDown' } }
  const faults = [...phases, withoutCaches, stepOf(0.9 * faultsMs, BACK_MS)]
  return { ...plan, instances: 2, faults }
}

/** Instances' machines are suspended over slow charges for several lengths of their lease. */
export function suspendsOverLeases(plan: Plan, settings: Settings): Plan {
  const { instances, faults } = pausesOverLeases(3)(plan, settings)
  const suspended = faults.map((each): PlannedFault => {
    const { fault } = each
    return fault.kind === 'pause' ? { ...each, fault: { ...fault, kind: 'suspend' } } : each
  })
  return { ...plan, instances, faults: suspended }
}

function stepOf(at: number, byMs: number): PlannedFault {
  return { at, lastsMs: 0, fault: { kind: 'ledgerClockStep', byMs } }
}

/** `default` answers 500 to most of what it records. */
export function recordedAndAnswered500(plan: Plan, settings: Settings): Plan {
  return { ...plan, faults: [defaultIs({ ...HEALTHY, name: 'lying', failedAfter: 0.9 }, settings)] }
}

/** PostgreSQL rolls writes back, or commits them without an answer, until the faults end. */
export function ledgerThatFails(kind: 'ledgerRefuses' | 'ledgerLoses') {
  return (plan: Plan, { faultsMs }: Settings): Plan => {
    return { ...plan, faults: [{ at: 0, lastsMs: faultsMs, fault: { kind } }] }
  }
}

/** Everything is purged halfway, and nothing else happens. */
export function purgeHalfway(plan: Plan, { faultsMs }: Settings): Plan {
  return { ...plan, faults: [{ at: faultsMs / 2, lastsMs: 0, fault: { kind: 'purge' } }] }
}

/** PostgreSQL loses what was settled at one processor, which refuses charges from then on. */
export function rewindAfter(processor: ProcessorName, how: RewindKind = 'failover') {
  return (plan: Plan, { faultsMs }: Settings): Plan => {
    const other = processor === 'default' ? 'fallback' : 'default'
    const at = 0.6 * faultsMs
    const refusing = { ...HEALTHY, name: 'refusing', refused: 1 }
    const refuses = (name: ProcessorName) =>
      ({ kind: 'phase', processor: name, phase: refusing }) as const
    const faults = [
      { at: 0, lastsMs: at, fault: refuses(other) },
      rewindAt(at, how),
      { at, lastsMs: faultsMs, fault: refuses(processor) },
    ]
    return { ...plan, instances: 2, faults }
  }
}

/** PostgreSQL loses payments whose charges land late; all after them is refused there. */
export function rewindOverLateCharges(plan: Plan, settings: Settings): Plan {
  const at = 0.6 * settings.faultsMs
  return { ...plan, instances: 2, faults: [...landingLate(at, settings), rewindAt(at, 'failover')] }
}

function rewindAt(at: number, how: RewindKind): PlannedFault {
  const lost = { how, lostMs: 0.9 * at, allDie: false, cachesEmptied: false } as const
  return { at, lastsMs: 100, fault: { kind: 'rewind', ...lost } }
}

/** Orders of one kind about `default`, or about both instances, and nothing else happens. */
export function ordersInTurn(kind: 'pause' | 'holdOpen' | 'holdClosed' | 'drain') {
  return (plan: Plan, { faultsMs }: Settings): Plan => {
    const everyMs = faultsMs / ORDERS
    const faults = Array.from({ length: ORDERS }, (_, index): PlannedFault => {
      const fault = orderFault(kind, { forMs: 0.9 * everyMs, instance: index % 2 })
      return { at: (index + 0.01) * everyMs, lastsMs: 0.5 * everyMs, fault }
    })
    return { ...plan, instances: 2, faults }
  }
}

/** Orders of one plan: each stands for longer than any may take to be followed. */
const ORDERS = 2

/**
 * An instance is paused over charges on their way to `default`, which refuses all later ones and answers no
 * look-up, and operators say of one payment after the other that it was never settled. Takes
 * `overLeases`.
 */
export function saidNeverOverPause(plan: Plan, settings: Settings): Plan {
  const { attemptTimeoutMs, configured, faultsMs } = settings
  const at = BURST_AT_MS + 10
  const phaseOf = (change: Partial<Phase>) =>
    ({ kind: 'phase', processor: 'default', phase: { ...HEALTHY, ...change } }) as const
  const loiterMs = [0.3 * attemptTimeoutMs, 0.6 * attemptTimeoutMs] as const
  const resolves = Array.from({ length: RESOLVES }, (_, index): PlannedFault => {
    const fault: OrderFault = { kind: 'orderResolve', everywhere: 'yes' }
    const { leaseTtlMs } = configured
    return { at: at + leaseTtlMs * (1 + 0.1 * index), lastsMs: faultsMs, fault }
  })
  const faults: readonly PlannedFault[] = [
    { at: 0, lastsMs: faultsMs, fault: phaseOf({ name: 'loitering', loitering: 1, loiterMs }) },
    { at, lastsMs: faultsMs, fault: phaseOf({ name: 'refusing', refused: 1, lookUpFailed: 1 }) },
    { at, lastsMs: faultsMs, fault: { kind: 'pause', instance: 0 } },
  ]
  const payments = plan.payments.map((each) => ({ ...each, at: BURST_AT_MS, again: [] }))
  return { ...plan, instances: 2, payments, faults: [...faults, ...resolves] }
}

const RESOLVES = 10

/** When all is posted, ms: both instances hold their leases by then. */
const BURST_AT_MS = 100

/** Faults last so long that what a paused instance had is taken over, and settled, meanwhile. */
export function overLeases(settings: Settings): Settings {
  return { ...settings, faultsMs: 4 * settings.configured.leaseTtlMs }
}

function orderFault(
  kind: 'pause' | 'holdOpen' | 'holdClosed' | 'drain',
  { forMs, instance }: { forMs: number; instance: number },
): OrderFault {
  const processor = 'default'
  if (kind === 'pause') return { kind: 'orderPause', processor }
  if (kind === 'drain') return { kind: 'orderDrain', instance }
  const to = kind === 'holdOpen' ? 'open' : 'closed'
  return { kind: 'orderHold', processor, to, forMs, endsBy: 'itself' }
}

function defaultIs(phase: Phase, { faultsMs }: Settings): PlannedFault {
  return { at: 0, lastsMs: faultsMs, fault: { kind: 'phase', processor: 'default', phase } }
}

interface Hits {
  readonly kind: 'crash' | 'pause' | 'stop'
  /** From some posting to the hit, ms. */
  readonly afterMs: readonly [low: number, high: number]
  readonly lastsMs: number
  /** From the end of a hit to the next one, ms; absent: they may overlap. */
  readonly restMs?: number
}

/** Both instances in turn, each so long after some posting. */
function hitsAfter({ payments }: Plan, { kind, afterMs, lastsMs, restMs }: Hits): PlannedFault[] {
  const [low, high] = afterMs
  const apartMs = restMs === undefined ? 50 : lastsMs + restMs
  const spaced: number[] = []
  for (const at of payments.map((payment) => payment.at).toSorted((one, other) => one - other)) {
    if (at - (spaced.at(-1) ?? Number.NEGATIVE_INFINITY) > apartMs) spaced.push(at)
  }
  return spaced.slice(0, HITS).map((at, index) => {
    const after = low + ((high - low) * index) / HITS
    return { at: at + after, lastsMs, fault: { kind, instance: index % 2 } }
  })
}
