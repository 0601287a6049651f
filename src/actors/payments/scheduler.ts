// Who of the waiting payments is worked on next, and how many at once.

import { createActor, type AnyActorRef } from 'xstate'
import { createPacer, STARTS_AT_ONCE_MAX, type Pacer } from './pacer.ts'
import type { PaymentRecord } from '../payment/context.ts'
import type { NextRoute } from '../payment/events.ts'
import { nextRoute, type PaymentDependencies } from '../payment/effects.ts'
import type { paymentMachine } from '../payment/payment.machine.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { SlotTable } from './slots.ts'
import type { Waiting } from './queues.ts'

export interface SchedulerParts {
  readonly dependencies: PaymentDependencies
  readonly slots: SlotTable
  readonly waiting: Waiting
  readonly logic: typeof paymentMachine
  /** Parent of all payment actors. */
  readonly parent: AnyActorRef
  /** Payments in work that wait for something else than the answer to a charge. */
  readonly confirming: () => number
}

const NOBODY: readonly ProcessorName[] = []

export class Scheduler {
  readonly pacer: Pacer = createPacer()
  readonly #parts: SchedulerParts

  constructor(parts: SchedulerParts) {
    this.#parts = parts
  }

  /** Starts as many payments as may start now, those in doubt first, each kind oldest first. */
  pump(): void {
    this.#startDoubtful()
    this.#startReady()
  }

  /** Sets the pace for the next tick; this one ends `lateMs` after it was due. */
  tick(lateMs: number): void {
    this.pacer.tick({ lateMs, quotaUsed: this.#parts.dependencies.quotaUsed() })
  }

  #startReady(): void {
    const { dependencies, waiting } = this.#parts
    const { ready } = waiting
    for (let starts = 0; starts < STARTS_AT_ONCE_MAX && this.pacer.left > 0; starts += 1) {
      const record = ready.peek()
      if (record === undefined) return
      const next = nextRoute(dependencies, { acceptedAt: record.acceptedAt, refusedBy: NOBODY })
      if (next.to === null || !this.#work(record, next)) return
      ready.shift()
      this.pacer.spend()
    }
  }

  #startDoubtful(): void {
    const { dependencies, waiting, confirming } = this.#parts
    const { doubtful } = waiting
    for (let record = doubtful.peek(); record !== undefined; record = doubtful.peek()) {
      if (confirming() >= dependencies.settings.confirmingMax || !this.#work(record, null)) return
      doubtful.shift()
    }
  }

  /**
   * Spawns the payment's actor, which sends its charge in this very turn: nothing may come between
   * the choice of `next` and that. False when every slot is taken.
   */
  #work(record: PaymentRecord, next: NextRoute | null): boolean {
    const { dependencies, slots, logic, parent } = this.#parts
    const slot = slots.take(record)
    if (slot === undefined) return false
    const { triesMax } = dependencies.settings
    const input = { record, slot: slot.index, triesMax, next }
    // One id for all: each unique id would be remembered for ever.
    slot.actor = createActor(logic, { id: 'payment', parent, input })
    slot.actor.start()
    return true
  }
}
