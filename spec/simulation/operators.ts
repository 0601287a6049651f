// Simulated operators: they give orders over any instance, and see to it that nothing stays held
// which is not meant to.

import type { Order } from '../../src/actors/model/operator.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Chance } from './chance.ts'
import type { Instance } from './instance.ts'
import type { Trace } from './observer.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import type { VirtualTime } from './virtual-time.ts'
import { type OrderFault, orderOf } from './worlds/orders.ts'

/** What they see and reach of the world. */
interface OperatedWorld {
  readonly virtualTime: VirtualTime
  readonly trace: Trace
  readonly ledgerStore: LedgerStore
  readonly places: readonly Instance[]
}

/** When an operator gives up waiting, ms. */
const TIMEOUT_MS = 1500

/** From an order that failed to the next try, ms. */
const RETRY_MS = 200

/** Tries of a resume: a processor must not stay paused. */
const RESUME_TRIES = 50

export class Operators {
  /** The processor that they leave paused or held open, since it does not work; null: none. */
  leftAlone: ProcessorName | null = null
  readonly #world: OperatedWorld
  readonly #chance: Chance
  /** Processors of which a resume is on its way. */
  readonly #resuming = new Set<ProcessorName>()

  constructor(world: OperatedWorld, chance: Chance) {
    this.#world = world
    this.#chance = chance
  }

  /** Gives what was planned; returns its end. */
  begin(fault: OrderFault): () => void {
    if (fault.kind === 'orderDrain') {
      const instanceId = this.#world.places[fault.instance]?.id ?? ''
      this.#give({ kind: 'drain', instanceId }, 1)
      return nothing
    }
    this.#give(orderOf(fault), 1)
    if (fault.kind === 'orderHold' && fault.endsBy === 'itself') return nothing
    return () => this.#resume(fault.processor)
  }

  /** Resumes what is held, but for what they leave alone. */
  resumeHeld(): void {
    const { holds } = this.#world.ledgerStore.commands.read({ instanceId: '', after: 0 })
    for (const { processor, to } of holds) {
      if (processor !== this.leftAlone || to === 'closed') this.#resume(processor)
    }
  }

  #resume(processor: ProcessorName): void {
    if (this.#resuming.has(processor)) return
    this.#resuming.add(processor)
    this.#give({ kind: 'resume', processor }, RESUME_TRIES, () => {
      this.#resuming.delete(processor)
    })
  }

  #give(order: Order, tries: number, onOver: () => void = nothing): void {
    const { virtualTime, places, trace } = this.#world
    const reached = places.filter(({ gate }) => gate.state !== 'dead')
    const instance = reached.length === 0 ? undefined : this.#chance.pick(reached)
    let isOver = false
    const end = (what: 'given' | 'failed'): void => {
      if (isOver) return
      isOver = true
      trace.note('operator', `${JSON.stringify(order)} over ${instance?.id ?? 'none'} ${what}`)
      if (what === 'given' || tries <= 1) onOver()
      else virtualTime.after(RETRY_MS, () => this.#give(order, tries - 1, onOver))
    }
    instance?.give({ order, by: 'ana', via: 'cli', reason: 'a simulation' }).then(
      () => end('given'),
      () => end('failed'),
    )
    virtualTime.after(TIMEOUT_MS, () => end('failed'))
  }
}

function nothing(): void {
  // It ends by itself.
}
