// Worlds in which one thing goes wrong, and nothing else: what holds in them is said by their specs.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Span } from '../chance.ts'
import type { Plan, PlannedFault } from '../plan.ts'
import type { Settings } from '../settings.ts'
import { hangingPhase, HEALTHY, type Phase } from '../simulated-processor.ts'
import { type Conduct, mixedUp } from './conduct.ts'
import type { WorldFault } from './faults.ts'
import type { Reply } from './http-ends.ts'
import type { StoreTrouble } from './store-troubles.ts'

export type Planning = (plan: Plan, settings: Settings) => Plan

const BOTH: readonly ProcessorName[] = ['default', 'fallback']

/** Within this time a proxy answers by itself, ms. */
const PROMPT_MS: Span = [0, 20]

export function page(status: number): Reply {
  return { kind: 'answer', status, body: 'html' }
}

/** The same reply to every call; nothing is recorded. */
export function allGet(reply: Reply): Conduct {
  const call = { share: 1, reply, delayMs: PROMPT_MS }
  return { ...chargesGet(reply), lookUp: { ...call, lie: 'amount' }, probe: call }
}

/** Charges are answered so, and not recorded. */
export function chargesGet(reply: Reply): Conduct {
  const charge = { share: 1, reply, delayMs: PROMPT_MS, records: 'not', afterMs: [0, 0] } as const
  return { charge, lookUp: null, probe: null }
}

/** Half of the charges are recorded and answered so; look-ups meet somebody else's page. */
export function recordedAndHidden(reply: Reply, lookUps: Reply): Conduct {
  const call = { delayMs: PROMPT_MS, afterMs: [0, 0] as const }
  return {
    charge: { ...call, share: 0.5, reply, records: 'before' },
    lookUp: { share: 1, reply: lookUps, delayMs: PROMPT_MS, lie: 'amount' },
    probe: null,
  }
}

/** Until all faults end. */
export function bothBehave(conduct: Conduct): Planning {
  return always({ kind: 'conduct', processors: BOTH, conduct })
}

export function defaultBehaves(conduct: Conduct): Planning {
  return always({ kind: 'conduct', processors: ['default'], conduct })
}

/** It is never mended. */
export function defaultBehavesForGood(conduct: Conduct): Planning {
  return (plan, settings) => ({
    ...defaultBehaves(conduct)(plan, settings),
    lasting: { processor: 'default', conduct },
  })
}

/**
 * After a while in which payments are settled, half of the charges at `default` are recorded and get
 * no answer, and each look-up finds nothing, in the processor's own form; for good.
 */
export function hiddenInForm(plan: Plan, settings: Settings): Plan {
  const conduct = recordedAndHidden({ kind: 'reset' }, MISSING)
  const fault: WorldFault = { kind: 'conduct', processors: ['default'], conduct }
  const { faultsMs } = settings
  return {
    ...plan,
    instances: 1,
    faults: [{ at: faultsMs * 0.4, lastsMs: faultsMs, fault }],
    lasting: { processor: 'default', conduct },
  }
}

/**
 * After a while in which payments are settled, a proxy before `default` hands answers to look-ups on to
 * the next ones, for good.
 */
export function answersShift(plan: Plan, { faultsMs }: Settings): Plan {
  const conduct = mixedUp(4)
  const fault: WorldFault = { kind: 'conduct', processors: ['default'], conduct }
  return {
    ...plan,
    instances: 1,
    faults: [{ at: faultsMs * 0.4, lastsMs: faultsMs, fault }],
    lasting: { processor: 'default', conduct },
  }
}

/**
 * After a while in which payments are settled, `default` records each charge, answers 500 and hides
 * it from look-ups, in its own form; meanwhile the only instance ends, and another one takes its
 * place. Takes `pastDeadline`.
 */
export function hiddenOverRestart(kind: 'crash' | 'stop'): Planning {
  return (plan, { faultsMs }) => ({
    ...plan,
    instances: 1,
    faults: [
      { ...hiddenByDefault(MISSING), at: SETTLING_MS, lastsMs: faultsMs },
      { at: SETTLING_MS * 2, lastsMs: 100, fault: { kind, instance: 0 } },
    ],
  })
}

/**
 * The same from the beginning, so that nothing has been settled at `default`, with that reply to each
 * look-up; no instance ends.
 */
export function hiddenFromTheFirst(lookUps: Reply): Planning {
  return (plan, { faultsMs }) => {
    const hidden = { ...hiddenByDefault(lookUps), at: 0, lastsMs: faultsMs }
    return { ...plan, instances: 1, faults: [hidden] }
  }
}

/** Faults last beyond the settle-by deadline of what was taken over after a restart. */
export function pastDeadline(settings: Settings): Settings {
  const { leaseTtlMs, work } = settings.configured
  return { ...settings, faultsMs: 2 * SETTLING_MS + 2 * leaseTtlMs + 1.5 * work.settleByMs }
}

/** Payments are settled for so long before anything goes wrong, ms. */
const SETTLING_MS = 2000

/** As a processor answers by contract about what it has not. */
export const MISSING: Reply = { kind: 'answer', status: 404, body: 'none' }

function hiddenByDefault(lookUps: Reply): Pick<PlannedFault, 'fault'> {
  const { charge, lookUp, probe } = recordedAndHidden(page(500), lookUps)
  const conduct = { charge: charge === null ? null : { ...charge, share: 1 }, lookUp, probe }
  return { fault: { kind: 'conduct', processors: ['default'], conduct } }
}

/** Both have recorded without an answer and answer no look-up; `fallback` is mended, `default` not. */
export function doubtsAtBoth(plan: Plan, { faultsMs }: Settings): Plan {
  const conduct = recordedAndHidden({ kind: 'reset' }, page(503))
  const fault: WorldFault = { kind: 'conduct', processors: BOTH, conduct }
  return {
    ...plan,
    instances: 1,
    faults: [{ at: 0, lastsMs: faultsMs, fault }],
    lasting: { processor: 'default', conduct },
  }
}

/** So many places for look-ups, of each kind of doubt. */
export function placesFor(confirmingMax: number) {
  return (usual: Settings): Settings => {
    const { configured } = usual
    return { ...usual, configured: { ...configured, work: { ...configured.work, confirmingMax } } }
  }
}

/** Other payments with the ids of the first few are at default already. */
export function defaultHasOthers(numbers: readonly number[]): Planning {
  return (plan, { faultsMs }) => {
    const faults = numbers.map((number): PlannedFault => {
      const fault: WorldFault = {
        kind: 'foreignRecord',
        processor: 'default',
        number,
        amountCents: 10_000 + number,
      }
      return { at: 0, lastsMs: faultsMs, fault }
    })
    return { ...plan, faults }
  }
}

/** Beside those, half of the charges at `default` are recorded and get no answer. */
export function defaultHasOthersAndResets(numbers: readonly number[]): Planning {
  return (plan, settings) => {
    const { charge } = recordedAndHidden({ kind: 'reset' }, page(404))
    const doubting = defaultBehaves({ charge, lookUp: null, probe: null })(plan, settings)
    const { faults } = defaultHasOthers(numbers)(plan, settings)
    return { ...plan, faults: [...faults, ...doubting.faults] }
  }
}

/** When the thing happens that a world is about, ms. */
const HIT_AT_MS = 1500

/** Payments are in flight then, for at most so long, ms. */
const IN_FLIGHT_MS = 60

/** So many that one of them falls between the renewals of two living instances. */
const STEPS_AT_MS = Array.from({ length: 10 }, (_, index) => HIT_AT_MS + 40 + index * 310)

/**
 * Charges hang at `default` and land late, and others are refused there: whoever does not wait the
 * deadline out charges `fallback`.
 */
export function hangsThenRefuses(plan: Plan, settings: Settings): Plan {
  const at = HIT_AT_MS - IN_FLIGHT_MS - 10
  const hanging: Phase = hangingPhase(settings)
  const refusing: Phase = { ...HEALTHY, name: 'refusing', refused: 1 }
  return {
    ...plan,
    payments: postedBefore(plan),
    instances: 2,
    faults: [
      { ...defaultIs(hanging, settings), at, lastsMs: HIT_AT_MS - at },
      { ...defaultIs(refusing, settings), at: HIT_AT_MS + 1 },
    ],
  }
}

/** Meanwhile PostgreSQL's clock is set. */
export function clockStepsForward(
  byMs: number,
  what: 'oneDies' | 'oneHangs' | 'allLive',
): Planning {
  return (usual, settings) => {
    const plan = hangsThenRefuses(usual, settings)
    return {
      ...plan,
      faults: [...plan.faults, ...hitOn(what, settings), ...steps(STEPS_AT_MS, byMs)],
    }
  }
}

/** PostgreSQL's clock is set back before an instance dies, and again after it. */
export function clockStepsBack(byMs: number): Planning {
  return (plan, settings) => ({
    ...plan,
    payments: postedBefore(plan),
    instances: 2,
    faults: [
      defaultIs(hangingPhase(settings), settings),
      ...hitOn('oneDies', settings),
      ...steps([HIT_AT_MS - 700, HIT_AT_MS + 40], -byMs),
    ],
  })
}

/** PostgreSQL's clock is set back while payments are parked, and Redis does not know of them. */
export function clockStepsBackOverParked(byMs: number): Planning {
  return (plan, settings) => {
    const { faultsMs } = settings
    const phase: Phase = { ...HEALTHY, name: 'refusing', refused: 1 }
    const lastsMs = faultsMs - HIT_AT_MS
    return {
      ...plan,
      payments: postedBefore(plan),
      faults: [
        ...BOTH.map((processor): PlannedFault => {
          return { at: 0, lastsMs: faultsMs, fault: { kind: 'phase', processor, phase } }
        }),
        { at: HIT_AT_MS, lastsMs, fault: { kind: 'cachesDown' } },
        ...steps([HIT_AT_MS + 1000, HIT_AT_MS + 2000], -byMs),
      ],
    }
  }
}

function hitOn(
  what: 'oneDies' | 'oneHangs' | 'allLive',
  { configured }: Settings,
): readonly PlannedFault[] {
  if (what === 'allLive') return []
  const kind = what === 'oneDies' ? 'crash' : 'pause'
  return [{ at: HIT_AT_MS, lastsMs: configured.leaseTtlMs * 4, fault: { kind, instance: 0 } }]
}

function steps(instants: readonly number[], byMs: number): readonly PlannedFault[] {
  return instants.map((at) => ({ at, lastsMs: 0, fault: { kind: 'ledgerClockStep', byMs } }))
}

/** Each second payment of a plan is posted just before the hit. */
function postedBefore({ payments }: Plan): Plan['payments'] {
  return payments.map((payment, index) => {
    const at = HIT_AT_MS - IN_FLIGHT_MS + (index % IN_FLIGHT_MS) / 2
    return index % 2 === 0 ? { ...payment, at } : payment
  })
}

/** A machine is suspended with payments that wait for a processor; both work when it wakes. */
export function suspension(lengths: number): Planning {
  return (plan, settings) => {
    const lastsMs = settings.configured.leaseTtlMs * lengths
    const phase: Phase = { ...HEALTHY, name: 'refusing', refused: 1 }
    const at = HIT_AT_MS - 200
    return {
      ...plan,
      payments: postedBefore(plan),
      instances: 2,
      faults: [
        ...BOTH.map((processor): PlannedFault => {
          return { at, lastsMs: lastsMs + 200, fault: { kind: 'phase', processor, phase } }
        }),
        { at: HIT_AT_MS, lastsMs, fault: { kind: 'suspend', instance: 0 } },
      ],
    }
  }
}

/** The time of day of both instances is set, to and fro. */
export function instanceClocksStep(byMs: number): Planning {
  return (plan, settings) => {
    const steps = [byMs, -byMs, byMs].flatMap((each, index) =>
      [0, 1].map((instance): PlannedFault => {
        const at = (settings.faultsMs * (index + 1)) / 4
        return { at, lastsMs: 0, fault: { kind: 'instanceClockStep', instance, byMs: each } }
      }),
    )
    const hanging = defaultIs(hangingPhase(settings), settings)
    return { ...plan, instances: 2, faults: [hanging, ...steps] }
  }
}

/** Some charges fail meanwhile, so that there is something to park and to claim. */
export function ledgerFails(trouble: StoreTrouble): Planning {
  return (plan, settings) => {
    const { faultsMs } = settings
    const failing: Phase = { ...HEALTHY, name: 'failing', isFailing: true }
    const phase = { ...defaultIs(failing, settings), lastsMs: faultsMs / 3 }
    const fault: WorldFault = { kind: 'ledgerTrouble', trouble }
    return { ...plan, faults: [phase, { at: faultsMs / 6, lastsMs: faultsMs / 2, fault }] }
  }
}

export function redisFails(trouble: StoreTrouble): Planning {
  return always({ kind: 'cacheTrouble', trouble })
}

export function always(fault: WorldFault): Planning {
  return (plan, { faultsMs }) => ({ ...plan, faults: [{ at: 0, lastsMs: faultsMs, fault }] })
}

export function defaultIs(phase: Phase, { faultsMs }: Settings): PlannedFault {
  return { at: 0, lastsMs: faultsMs, fault: { kind: 'phase', processor: 'default', phase } }
}
