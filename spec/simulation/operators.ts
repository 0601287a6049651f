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

/** Between two checks whether a payment is in doubt, ms. */
const CHECK_EVERY_MS = 50

/** Tries of a resume: a processor must not stay paused. */
const RESUME_TRIES = 50

export class Operators {
  /** The processor that they leave paused or held open, since it does not work; null: none. */
  leftAlone: ProcessorName | null = null
  /** When an order was written last, virtual ms. */
  lastGivenAt = 0
  readonly #world: OperatedWorld
  readonly #chance: Chance
  readonly #resolvesChance: Chance
  /** Processors of which a resume is on its way. */
  readonly #resuming = new Set<ProcessorName>()

  constructor(world: OperatedWorld, chances: { chance: Chance; resolvesChance: Chance }) {
    this.#world = world
    this.#chance = chances.chance
    this.#resolvesChance = chances.resolvesChance
  }

  /** Gives what was planned; returns its end. */
  begin(fault: OrderFault): () => void {
    if (fault.kind === 'orderDrain') {
      const instanceId = this.#world.places[fault.instance]?.id ?? ''
      this.#give({ kind: 'drain', instanceId }, 1)
      return nothing
    }
    if (fault.kind === 'orderResolve') return this.#resolveOne(fault.everywhere)
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

  /** As soon as a payment is in doubt; returns the end of waiting for that. */
  #resolveOne(everywhere: 'yes' | 'no'): () => void {
    const { virtualTime, ledgerStore } = this.#world
    let isOver = false
    const check = (): void => {
      if (isOver) return
      const inDoubt = [...ledgerStore.open.values()].filter((row) => row.unknownOutcomes.length > 0)
      if (inDoubt.length === 0) {
        virtualTime.after(CHECK_EVERY_MS, check)
        return
      }
      isOver = true
      const { correlationId, unknownOutcomes } = this.#resolvesChance.pick(inDoubt)
      const doubts = unknownOutcomes.map(({ processor }) => processor)
      const processors = everywhere === 'yes' ? doubts : [this.#resolvesChance.pick(doubts)]
      const order: Order = { kind: 'resolve', correlationId, to: 'never', processors }
      this.#give(order, 1, nothing, this.#resolvesChance)
    }
    check()
    return () => {
      isOver = true
    }
  }

  #resume(processor: ProcessorName): void {
    if (this.#resuming.has(processor)) return
    this.#resuming.add(processor)
    this.#give({ kind: 'resume', processor }, RESUME_TRIES, () => {
      this.#resuming.delete(processor)
    })
  }

  #give(
    order: Order,
    tries: number,
    onOver: () => void = nothing,
    chance: Chance = this.#chance,
  ): void {
    const { virtualTime, places, trace } = this.#world
    const reached = places.filter(({ gate }) => gate.state !== 'dead')
    const instance = reached.length === 0 ? undefined : chance.pick(reached)
    let isOver = false
    const end = (what: 'given' | 'failed'): void => {
      if (isOver) return
      isOver = true
      trace.note('operator', `${JSON.stringify(order)} over ${instance?.id ?? 'none'} ${what}`)
      if (what === 'given') this.lastGivenAt = virtualTime.now()
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
