// What will happen in a simulation: drawn from the seed before it begins.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Chance, Span } from './chance.ts'
import { drawPhase, hangingPhase, type Phase } from './simulated-processor.ts'
import type { RewindKind } from './history-table.ts'
import { longestLeaseMs, type Settings } from './settings.ts'
import type { CutOff } from './worlds/cut-off.ts'
import type { Lasting, WorldFault } from './worlds/faults.ts'
import type { OrderFault } from './worlds/orders.ts'

export interface PlannedPayment {
  readonly at: number
  readonly number: number
  readonly amountCents: number
  /** Whether the client asks again after a 503 or no answer. */
  readonly insists: boolean
  /** Posted again after this time, ms. */
  readonly again: readonly { readonly afterMs: number; readonly amountCents: number }[]
}

export type Fault =
  | { readonly kind: 'crash' | 'pause' | 'stop'; readonly instance: number }
  /** Each instance is stopped and replaced, one after the other, at this interval, ms. */
  | { readonly kind: 'rolling'; readonly everyMs: number }
  | { readonly kind: 'ledgerDown' | 'ledgerHung' | 'ledgerSlow' | 'ledgerLoses' | 'ledgerRefuses' }
  | { readonly kind: 'cachesDown' | 'cachesHung' | 'cachesSlow' | 'cachesEmptied' }
  | { readonly kind: 'phase'; readonly processor: ProcessorName; readonly phase: Phase }
  | { readonly kind: 'purge' }
  | Rewind
  | WorldFault
  | OrderFault

/** PostgreSQL goes down, and comes back as it was some time before. */
export interface Rewind {
  readonly kind: 'rewind'
  readonly how: RewindKind
  /** What it loses, ms. */
  readonly lostMs: number
  /** Whether all instances die with it. */
  readonly allDie: boolean
  /** Whether Redis loses everything, too. */
  readonly cachesEmptied: boolean
}

export interface PlannedFault {
  readonly at: number
  /** ms. */
  readonly lastsMs: number
  readonly fault: Fault
}

export interface Plan {
  readonly instances: number
  readonly payments: readonly PlannedPayment[]
  readonly faults: readonly PlannedFault[]
  /** A processor that is not mended with all else; absent: each of them is. */
  readonly lasting?: Lasting
  /** A machine that does not reach what others do, until all that can be settled is. */
  readonly cutOff?: CutOff
}

export function drawPlan(chance: Chance, settings: Settings): Plan {
  const instances = chance.pick([1, 2, 2, 3])
  const payments = drawPayments(chance, settings.faultsMs)
  // With sound stores nothing excuses an instance that exceeds a bound.
  const kinds = chance.happens(0.3) ? INSTANCE_KINDS : [...INSTANCE_KINDS, ...STORE_KINDS]
  const parts = { chance, settings, instances, payments, kinds }
  return {
    instances,
    payments,
    faults: [
      ...drawPhases(chance, settings),
      ...Array.from({ length: chance.below(6) }, () => drawFaults(parts)).flat(),
      ...drawLoss(chance, settings),
    ],
  }
}

function drawPayments(chance: Chance, faultsMs: number): readonly PlannedPayment[] {
  const count = 5 + chance.below(chance.pick([20, 80]))
  const burstAt = chance.between([0, faultsMs])
  return Array.from({ length: count }, (_, index) => {
    const at = chance.happens(0.3) ? burstAt + chance.next() : chance.between([0, faultsMs])
    const amountCents = 1 + chance.below(5000)
    const repeats = chance.happens(0.25) ? 1 + chance.below(2) : 0
    const again = Array.from({ length: repeats }, () => ({
      afterMs: chance.happens(0.5) ? chance.next() : chance.between([0, faultsMs / 2]),
      amountCents: chance.happens(0.25) ? amountCents + 1 : amountCents,
    }))
    return { at, number: index + 1, amountCents, insists: chance.happens(0.8), again }
  })
}

/** How each processor behaves, one phase after the other. */
function drawPhases(chance: Chance, settings: Settings): readonly PlannedFault[] {
  return (['default', 'fallback'] as const).flatMap((processor) => {
    const phases: PlannedFault[] = []
    for (let at = chance.between([0, 1500]); at < settings.faultsMs;) {
      const phase = drawPhase(chance, settings)
      const lastsMs = chance.between(chance.pick<Span>([SHORT, LONG]))
      phases.push({ at, lastsMs, fault: { kind: 'phase', processor, phase } })
      at += lastsMs
    }
    return phases
  })
}

const SHORT: Span = [50, 500]
const LONG: Span = [500, 3000]

const INSTANCE_KINDS = [
  'crash',
  'crash',
  'pause',
  'pause',
  'stop',
  'stop',
  'stopHanging',
  'stopHanging',
  'rolling',
] as const

const STORE_KINDS = [
  'ledgerDown',
  'ledgerHung',
  'ledgerSlow',
  'ledgerLoses',
  'ledgerRefuses',
  'cachesDown',
  'cachesHung',
  'cachesSlow',
  'cachesEmptied',
] as const

interface FaultParts {
  readonly chance: Chance
  readonly settings: Settings
  readonly instances: number
  readonly payments: readonly PlannedPayment[]
  readonly kinds: readonly ((typeof INSTANCE_KINDS)[number] | (typeof STORE_KINDS)[number])[]
}

function drawFaults(parts: FaultParts): readonly PlannedFault[] {
  const { chance, settings, instances, kinds } = parts
  const kind = chance.pick(kinds)
  const at = chance.happens(0.4) ? soonAfterPosting(parts) : chance.between([0, settings.faultsMs])
  // Long enough, mostly, for others to take over what a paused instance owns.
  const overLeaseMs: Span = [settings.configured.leaseTtlMs, settings.configured.leaseTtlMs * 4]
  const spans = kind === 'pause' ? [SHORT, overLeaseMs, overLeaseMs] : [SHORT, LONG]
  const lastsMs = chance.between(chance.pick<Span>(spans))
  const instance = chance.below(instances)
  if (kind === 'stopHanging') return stopHanging(settings, { at, lastsMs, instance })
  if (kind === 'rolling') {
    const everyMs = chance.between([200, 1500])
    return [{ at, lastsMs: everyMs * instances, fault: { kind, everyMs } }]
  }
  if (kind === 'crash' || kind === 'pause' || kind === 'stop') {
    return [{ at, lastsMs, fault: { kind, instance } }]
  }
  return [{ at, lastsMs, fault: { kind } }]
}

/** While a payment is being committed, or sent, or answered. */
function soonAfterPosting({ chance, payments, settings: { faultsMs } }: FaultParts): number {
  const { at } = chance.pick(payments)
  // Never when all faults end: one that began then would not.
  return Math.min(at + chance.between(chance.pick<Span>([[0, 5], SOON])), faultsMs - 1)
}

const SOON: Span = [0, 100]

/** Both processors hang, and while they do an instance is stopped. */
function stopHanging(
  settings: Settings,
  stop: { at: number; lastsMs: number; instance: number },
): readonly PlannedFault[] {
  const { at, lastsMs, instance } = stop
  const phase = hangingPhase(settings)
  return [
    ...(['default', 'fallback'] as const).map((processor): PlannedFault => {
      const from = Math.max(0, at - HANGING_MS)
      return { at: from, lastsMs: HANGING_MS + lastsMs, fault: { kind: 'phase', processor, phase } }
    }),
    { at, lastsMs, fault: { kind: 'stop', instance } },
  ]
}

/** How long the processors hang when an instance is stopped over its charges, ms. */
const HANGING_MS = 150

function drawLoss(chance: Chance, settings: Settings): readonly PlannedFault[] {
  if (chance.happens(0.08)) return [purgeOf(chance, settings)]
  return chance.happens(0.15) ? [rewindOf(chance, settings)] : []
}

/** Drawn from what each operator may meet. */
export function rewindOf(chance: Chance, settings: Settings): PlannedFault {
  const { faultsMs } = settings
  const how = chance.pick(['failover', 'failover', 'dump', 'copy', 'reload'] as const)
  // A copy of the disk is told by how far PostgreSQL had come, which somebody has to remember.
  const isRemembered = how === 'copy'
  const leastMs = isRemembered ? 2 * longestLeaseMs(settings) : 0
  const at = chance.between([0.1, 0.95]) * faultsMs
  const fault: Rewind = {
    kind: 'rewind',
    how,
    lostMs: Math.max(leastMs, chance.between(chance.pick<Span>([SHORT, LONG]))),
    allDie: chance.happens(0.3),
    cachesEmptied: !isRemembered && chance.happens(0.5),
  }
  return { at, lastsMs: chance.between([50, 1500]), fault }
}

/**
 * Without what is beyond a bound: a copy of the disk that is put back is noticed while an instance
 * lives that knew more, or by Redis. No instance need live, so about that time Redis is sound, and
 * PostgreSQL commits renewals if it commits anything.
 */
export function withinBounds(
  faults: readonly PlannedFault[],
  settings: Settings,
): readonly PlannedFault[] {
  const marginMs = 2 * longestLeaseMs(settings)
  const spans = faults.flatMap(({ at, lastsMs, fault }) => {
    if (fault.kind !== 'rewind' || fault.how !== 'copy') return []
    return [{ from: at - fault.lostMs - marginMs, to: at + lastsMs + marginMs }]
  })
  const isBeyond = ({ at, lastsMs, fault }: PlannedFault): boolean =>
    (fault.kind.startsWith('cache') || failsRenewals(fault)) &&
    spans.some(({ from, to }) => at < to && at + lastsMs > from)
  return faults.filter((fault) => !isBeyond(fault))
}

function failsRenewals(fault: Fault): boolean {
  return fault.kind === 'ledgerTrouble' && fault.trouble.operations?.has('renewLease') === true
}

function purgeOf(chance: Chance, { faultsMs }: Settings): PlannedFault {
  return { at: chance.between([0, faultsMs / 2]), lastsMs: 0, fault: { kind: 'purge' } }
}
