// What will happen in a simulation: drawn from the seed before it begins.

import type { ProcessorName } from '../../src/actors/payment.ts'
import type { Chance, Span } from './chance.ts'
import { drawPhase, type Phase } from './phase.ts'
import type { Settings } from './settings.ts'

export interface PlannedPayment {
  readonly at: number
  readonly number: number
  readonly amountCents: number
  /** Whether the client asks again after a 503 or no answer. */
  readonly insists: boolean
  /** Posted again after this time, ms, by whom it may concern. */
  readonly again: readonly { readonly afterMs: number; readonly amountCents: number }[]
}

export type Fault =
  | { readonly kind: 'crash' | 'pause' | 'stop'; readonly instance: number }
  | { readonly kind: 'ledgerDown' | 'ledgerHung' | 'ledgerSlow' | 'ledgerLoses' | 'ledgerRefuses' }
  | { readonly kind: 'boardsDown' | 'boardsHung' | 'boardsSlow' | 'boardsEmptied' }
  | { readonly kind: 'phase'; readonly processor: ProcessorName; readonly phase: Phase }
  | { readonly kind: 'purge' }

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
}

export function drawPlan(chance: Chance, settings: Settings): Plan {
  const instances = chance.pick([1, 2, 2, 3])
  return {
    instances,
    payments: drawPayments(chance, settings.faultsMs),
    faults: [
      ...drawPhases(chance, settings),
      ...Array.from({ length: chance.below(6) }, () => drawFault(chance, settings, instances)),
      ...(chance.happens(0.08) ? [purgeOf(chance, settings)] : []),
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

/** Each processor's moods, one after the other. */
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

const KINDS = [
  'crash',
  'crash',
  'pause',
  'pause',
  'stop',
  'ledgerDown',
  'ledgerHung',
  'ledgerSlow',
  'ledgerLoses',
  'ledgerRefuses',
  'boardsDown',
  'boardsHung',
  'boardsSlow',
  'boardsEmptied',
] as const

function drawFault(chance: Chance, settings: Settings, instances: number): PlannedFault {
  const kind = chance.pick(KINDS)
  const at = chance.between([0, settings.faultsMs])
  // Long enough, mostly, for others to take over what a paused instance owns.
  const overLeaseMs: Span = [settings.configured.leaseTtlMs, settings.configured.leaseTtlMs * 4]
  const spans = kind === 'pause' ? [SHORT, overLeaseMs, overLeaseMs] : [SHORT, LONG]
  const lastsMs = chance.between(chance.pick<Span>(spans))
  if (kind === 'crash' || kind === 'pause' || kind === 'stop') {
    return { at, lastsMs, fault: { kind, instance: chance.below(instances) } }
  }
  return { at, lastsMs, fault: { kind } }
}

function purgeOf(chance: Chance, { faultsMs }: Settings): PlannedFault {
  return { at: chance.between([0, faultsMs / 2]), lastsMs: 0, fault: { kind: 'purge' } }
}
