// What operators order in a simulation: drawn from its seed, often while something else goes wrong.

import type { Order } from '../../../src/actors/model/operator.ts'
import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Chance, Span } from '../chance.ts'
import type { Settings } from '../settings.ts'

export type OrderFault =
  /** Ends by a resume. */
  | { readonly kind: 'orderPause'; readonly processor: ProcessorName }
  /** Ends by itself, or by a resume where that comes before. */
  | {
      readonly kind: 'orderHold'
      readonly processor: ProcessorName
      readonly to: 'open' | 'closed'
      readonly forMs: number
      readonly endsBy: 'itself' | 'resume'
    }
  /** The instance that is at this place then. */
  | { readonly kind: 'orderDrain'; readonly instance: number }

export interface PlannedOrder {
  readonly at: number
  /** ms. */
  readonly lastsMs: number
  readonly fault: OrderFault
}

export interface OrderParts {
  readonly chance: Chance
  readonly settings: Settings
  readonly instances: number
  /** What else happens. */
  readonly faults: readonly { readonly at: number }[]
}

/** Share of the seeds in which operators order anything, 0 to 1. */
const ORDERED_SHARE = 0.4

const KINDS = ['pause', 'pause', 'holdOpen', 'holdClosed', 'drain'] as const

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

export function drawOrders(parts: OrderParts): readonly PlannedOrder[] {
  const { chance } = parts
  if (!chance.happens(ORDERED_SHARE)) return []
  return Array.from({ length: 1 + chance.below(4) }, () => drawOrder(parts))
}

function drawOrder(parts: OrderParts): PlannedOrder {
  const { chance, settings, instances } = parts
  const { faultsMs } = settings
  const at = chance.happens(0.5) ? soonAfterFault(parts) : chance.between([0, faultsMs * 0.9])
  const processor = chance.pick(PROCESSORS)
  const drawnMs = chance.between(chance.pick<Span>([SHORT, LONG, [LONG[1], faultsMs]]))
  // A hold is over when everything else is.
  const forMs = Math.min(drawnMs, faultsMs - at)
  const endsBy = chance.pick(['itself', 'itself', 'resume'] as const)
  const kind = chance.pick(KINDS)
  switch (kind) {
    case 'pause':
      return { at, lastsMs: drawnMs, fault: { kind: 'orderPause', processor } }
    case 'drain':
      return {
        at,
        lastsMs: drawnMs,
        fault: { kind: 'orderDrain', instance: chance.below(instances) },
      }
    case 'holdOpen':
    case 'holdClosed': {
      const to = kind === 'holdOpen' ? 'open' : 'closed'
      const lastsMs = endsBy === 'itself' ? forMs : forMs * chance.next()
      return { at, lastsMs, fault: { kind: 'orderHold', processor, to, forMs, endsBy } }
    }
  }
}

const SHORT: Span = [50, 800]
const LONG: Span = [800, 4000]

/** Around the beginning of something else. */
function soonAfterFault({ chance, faults, settings: { faultsMs } }: OrderParts): number {
  const from = faults.length === 0 ? 0 : chance.pick(faults).at
  return Math.min(Math.max(0, from + chance.between([-50, 150])), faultsMs * 0.9)
}

/** How an order is written that begins with a fault. */
export function orderOf(fault: Exclude<OrderFault, { kind: 'orderDrain' }>): Order {
  if (fault.kind === 'orderPause') return { kind: 'pause', processor: fault.processor }
  const { processor, to, forMs } = fault
  return { kind: 'hold', processor, to, forMs }
}

export function isOrder(fault: { readonly kind: string }): fault is OrderFault {
  return fault.kind.startsWith('order')
}

export function describeOrder(fault: OrderFault): string {
  switch (fault.kind) {
    case 'orderPause':
      return `operators pause ${fault.processor}`
    case 'orderHold': {
      const { processor, to, forMs, endsBy } = fault
      const end = endsBy === 'itself' ? '' : ', and resume it'
      return `operators hold ${processor} ${to} for ${forMs.toFixed(0)} ms${end}`
    }
    case 'orderDrain':
      return `operators drain place ${fault.instance}`
  }
}

export function describeOrders(orders: readonly PlannedOrder[]): readonly string[] {
  return orders.map(({ at, lastsMs, fault }) => {
    return `at ${at.toFixed(0)} ms for ${lastsMs.toFixed(0)} ms: ${describeOrder(fault)}`
  })
}
