// What each instance knows of operators' orders by what the ledger has answered it, and how its
// circuits are by what it tells.

import type { Hold, Orders } from '../../src/actors/model/operator.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Instance } from './instance.ts'

interface Reading {
  readonly orders: Orders
  /** Virtual ms. */
  readonly askedAt: number
  readonly readAt: number
}

interface Known extends Reading {
  /** When it was answered for the first time, virtual ms. */
  readonly firstReadAt: number
  /** The last order that it was told of then: no earlier one was for it. */
  readonly firstLast: number
}

/** Share of a hold for which it surely stands, by whoever's clock, 0 to 1. */
const SURE_SHARE = 0.95

export class KnownOrders {
  readonly #known = new Map<Instance, Known>()
  readonly #circuits = new Map<Instance, Map<ProcessorName, string>>()

  /** Who reads that it shall drain is told to stop; at its first reading that was for another. */
  onRead(instance: Instance, reading: Reading): void {
    const before = this.#known.get(instance)
    const { firstReadAt, firstLast } = before ?? {
      firstReadAt: reading.readAt,
      firstLast: reading.orders.last,
    }
    this.#known.set(instance, { ...reading, firstReadAt, firstLast })
    const isTold = reading.orders.pending.some(({ kind }) => kind === 'drain')
    if (before !== undefined && isTold) instance.isStopping = true
  }

  onCircuit(instance: Instance, processor: ProcessorName, state: string): void {
    const circuits = this.#circuits.get(instance) ?? new Map<ProcessorName, string>()
    this.#circuits.set(instance, circuits.set(processor, state))
  }

  /** Undefined before it has read anything. */
  of(instance: Instance): Known | undefined {
    return this.#known.get(instance)
  }

  /** `heldOpen`, `heldClosed`, or any other state. */
  circuitAt(instance: Instance, processor: ProcessorName): string {
    return this.#circuits.get(instance)?.get(processor) ?? 'closed'
  }

  /** What it knows to keep a processor's circuit open at this moment, virtual ms. */
  heldOpen(instance: Instance, processor: ProcessorName, now: number): Hold | undefined {
    const known = this.#known.get(instance)
    const hold = known?.orders.holds.find((each) => each.processor === processor)
    if (known === undefined || hold?.to !== 'open') return undefined
    return standsSurely(known, hold, now) ? hold : undefined
  }
}

/**
 * Whether a hold that an instance was told of surely stands for it at this moment, virtual ms: it counts
 * from when it asked, however late the ledger answered.
 */
export function standsSurely({ askedAt }: Known, { endsInMs }: Hold, now: number): boolean {
  return endsInMs === null || now < askedAt + endsInMs * SURE_SHARE
}
