// What a drawn world does to an instance beyond the usual plan: drawn from spaces, not from a list.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Chance, Span } from '../chance.ts'
import type { Settings } from '../settings.ts'
import { type Conduct, describeConduct, drawConduct } from './conduct.ts'
import { type CutOff, describeCutOff, drawCutOff } from './cut-off.ts'
import {
  describeTrouble,
  drawCacheTrouble,
  drawLedgerTrouble,
  type StoreTrouble,
} from './store-troubles.ts'

export type WorldFault =
  | {
      readonly kind: 'conduct'
      readonly processors: readonly ProcessorName[]
      readonly conduct: Conduct
    }
  /** The processors have this payment already, with another amount or instant. */
  | {
      readonly kind: 'foreignRecord'
      readonly processor: ProcessorName
      readonly number: number
      readonly amountCents: number
    }
  | { readonly kind: 'ledgerTrouble'; readonly trouble: StoreTrouble }
  /** PostgreSQL refuses each batch with an outcome of this payment. */
  | { readonly kind: 'poison'; readonly number: number }
  | { readonly kind: 'ledgerClockStep'; readonly byMs: number }
  | { readonly kind: 'ledgerClockDrift'; readonly rate: number }
  | { readonly kind: 'suspend'; readonly instance: number }
  | { readonly kind: 'instanceClockStep'; readonly instance: number; readonly byMs: number }
  | { readonly kind: 'cacheTrouble'; readonly trouble: StoreTrouble }
  /** Another system's entries in Redis, under the keys of this one. */
  | { readonly kind: 'cacheStrangers' }

export interface PlannedWorldFault {
  readonly at: number
  /** ms. */
  readonly lastsMs: number
  readonly fault: WorldFault
}

/** A processor that is never mended while the other one works. */
export interface Lasting {
  readonly processor: ProcessorName
  readonly conduct: Conduct
}

export interface DrawnWorld {
  readonly faults: readonly PlannedWorldFault[]
  readonly lasting: Lasting | null
  /** Never with what lasts. */
  readonly cutOff: CutOff | null
}

export interface WorldParts {
  readonly chance: Chance
  readonly settings: Settings
  readonly instances: number
  /** Payments that clients post. */
  readonly payments: number
}

export function drawWorld(parts: WorldParts): DrawnWorld {
  const { chance } = parts
  const kinds = Array.from({ length: 1 + chance.below(3) }, () => chance.pick(KINDS))
  const faults = kinds.flatMap((kind) => drawFault(kind, parts))
  const processor = chance.pick(PROCESSORS)
  const lasting = chance.happens(0.25) ? { processor, conduct: drawLasting(parts) } : null
  const cutOff = lasting === null ? drawCutOff(chance, parts) : null
  return { faults, lasting, cutOff }
}

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

const KINDS = [
  'conduct',
  'conduct',
  'conduct',
  'conduct',
  'foreignRecord',
  'ledgerTrouble',
  'ledgerTrouble',
  'ledgerClockStep',
  'ledgerClockDrift',
  'suspend',
  'instanceClockStep',
  'cacheTrouble',
  'cacheStrangers',
] as const

/** What lasts has no shares: a look-up that is told the truth now and then would end a doubt. */
function drawLasting({ chance, settings }: WorldParts): Conduct {
  const { charge, lookUp, probe } = drawConduct(chance, settings)
  return { charge, lookUp: lookUp === null ? null : { ...lookUp, share: 1 }, probe }
}

function drawFault(kind: (typeof KINDS)[number], parts: WorldParts): PlannedWorldFault[] {
  const { chance, settings, instances, payments } = parts
  const { faultsMs, configured } = settings
  const at = chance.between([0, faultsMs * 0.9])
  const lastsMs = chance.between(
    chance.pick<Span>([
      [50, 800],
      [500, 4000],
      [2000, faultsMs],
    ]),
  )
  const planned = (fault: WorldFault): PlannedWorldFault => ({ at, lastsMs, fault })
  switch (kind) {
    case 'conduct': {
      const processors = chance.pick([['default'], ['fallback'], PROCESSORS] as const)
      return [planned({ kind, processors, conduct: drawConduct(chance, settings) })]
    }
    case 'foreignRecord': {
      const number = 1 + chance.below(payments)
      const amountCents = 10_000 + chance.below(1000)
      const fault: WorldFault = { kind, processor: chance.pick(PROCESSORS), number, amountCents }
      return [{ at: 0, lastsMs: faultsMs, fault }]
    }
    case 'ledgerTrouble':
      return [planned({ kind, trouble: drawLedgerTrouble(chance) })]
    case 'ledgerClockStep':
      return drawSteps(chance).map((byMs, index) => {
        const fault: WorldFault = { kind, byMs }
        return { at: at + index * chance.between([20, 1500]), lastsMs: 0, fault }
      })
    case 'ledgerClockDrift':
      return [planned({ kind, rate: chance.between([0.97, 1.03]) })]
    case 'suspend': {
      const overLeaseMs = configured.leaseTtlMs * chance.between([0.2, 5])
      return [{ at, lastsMs: overLeaseMs, fault: { kind, instance: chance.below(instances) } }]
    }
    case 'instanceClockStep': {
      const instance = chance.below(instances)
      return drawSteps(chance).map((byMs) => planned({ kind, instance, byMs }))
    }
    case 'cacheTrouble':
      return [planned({ kind, trouble: drawCacheTrouble(chance) })]
    case 'cacheStrangers':
      return [planned({ kind })]
  }
}

const SECOND_MS = 1000
const HOUR_MS = 3_600_000

/** One or two steps of a clock, each of a second to an hour, either way. */
function drawSteps(chance: Chance): readonly number[] {
  return Array.from({ length: chance.pick([1, 1, 2]) }, () => {
    const size = SECOND_MS * (HOUR_MS / SECOND_MS) ** chance.next()
    return Math.round(size) * chance.pick([1, -1])
  })
}

export function describeFault(fault: WorldFault): string {
  switch (fault.kind) {
    case 'conduct':
      return `${fault.processors.join(' and ')}: ${describeConduct(fault.conduct)}`
    case 'foreignRecord':
      return `${fault.processor} has p${fault.number} already, with ${fault.amountCents} cents`
    case 'ledgerTrouble':
      return `PostgreSQL: ${describeTrouble(fault.trouble)}`
    case 'poison':
      return `PostgreSQL refuses each batch with an outcome of p${fault.number}`
    case 'ledgerClockStep':
      return `PostgreSQL's clock steps by ${fault.byMs} ms`
    case 'ledgerClockDrift':
      return `PostgreSQL's clock runs at ${fault.rate.toFixed(3)}`
    case 'suspend':
      return `the machine of place ${fault.instance} is suspended`
    case 'instanceClockStep':
      return `the clock of place ${fault.instance} steps by ${fault.byMs} ms`
    case 'cacheTrouble':
      return `Redis: ${describeTrouble(fault.trouble)}`
    case 'cacheStrangers':
      return "Redis has another system's entries"
  }
}

/** A drawn world in a few lines. */
export function describeWorld({ faults, lasting, cutOff }: DrawnWorld): readonly string[] {
  const lines = faults.map(({ at, lastsMs, fault }) => {
    const until = lastsMs === 0 ? '' : ` for ${lastsMs.toFixed(0)} ms`
    return `at ${at.toFixed(0)} ms${until}: ${describeFault(fault)}`
  })
  if (cutOff !== null) lines.push(describeCutOff(cutOff))
  if (lasting === null) return lines
  return [...lines, `in the end ${lasting.processor}: ${describeConduct(lasting.conduct)}`]
}
