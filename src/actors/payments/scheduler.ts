// Which waiting payment is worked on next, and how many at once.

import { createActor, type AnyActorRef } from 'xstate'
import type { ProcessorName } from '../model/payment.ts'
import { deniedBy, lastAt } from '../payment/history.ts'
import type { NextRoute, PaymentRecord } from '../payment/context.ts'
import { nextRoute, type PaymentDependencies } from '../payment/effects.ts'
import type { paymentMachine } from '../payment/payment.machine.ts'
import { PLACE_KINDS, type PlaceKind } from './look-up-places.ts'
import type { Waiting } from './queues.ts'
import type { SlotTable } from './slots.ts'

interface SchedulerParts {
  readonly dependencies: PaymentDependencies
  readonly slots: SlotTable
  readonly waiting: Waiting
  readonly logic: typeof paymentMachine
  /** Parent of all payment actors. */
  readonly parent: AnyActorRef
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
    for (const kind of PLACE_KINDS) this.#startInDoubt(kind)
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
      const next = nextRoute(dependencies, {
        acceptedAt: record.acceptedAt,
        refusedBy: NOBODY,
        deniedBy: deniedBy(record.attempts),
        lastAt: lastAt(record.attempts),
        attempts: record.attempts,
      })
      if (next.to === null || !this.#work(record, next)) return
      ready.shift()
      this.pacer.spend()
    }
  }

  /** Each of them takes a place for look-ups as it is started. */
  #startInDoubt(kind: PlaceKind): void {
    const { slots, waiting } = this.#parts
    const ring = waiting.inDoubt[kind]
    for (let record = ring.peek(); record !== undefined; record = ring.peek()) {
      if (!slots.lookUpPlaces.isFree(kind) || !this.#work(record, null)) return
      ring.shift()
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

/** Payments started in one turn of the event loop; the others follow as answers come. */
const STARTS_AT_ONCE_MAX = 16

/** Payments that may be started per tick, at least and at most. */
export const PACE_MIN = 32
export const PACE_MAX = 512

/** A tick later than this, ms, halves the pace. */
const LATE_MS = 12

/** Share of the CPU quota above which the pace falls, and below which it may rise. */
const QUOTA_FULL = 0.9
const QUOTA_AMPLE = 0.8

/** What is left of the pace after a tick that nearly spent the quota. */
const FULL_SHARE = 0.75

/** Added to the pace by a tick on time that used more than half of it. */
const GROWTH = 2

/** What is left of the pace after a tick that used less: the next backlog begins slowly. */
const IDLE_SHARE = 0.8

/** How the tick went that ends. */
export interface LastTick {
  /** How much later than due it ends, ms. */
  readonly lateMs: number
  /** Share of the CPU quota used in it; 0 without a quota. */
  readonly quotaUsed: number
}

/**
 * How fast a backlog is worked off. Clients who wait for their commit come first: fewer payments
 * are started per tick when the event loop or the machine falls behind or the CPU quota is nearly
 * spent, and more again when it is not. An overdrawn quota freezes the process, so a late tick
 * alone would show it too late.
 */
export interface Pacer {
  /** Payments that may still be started in this tick. */
  readonly left: number
  /** Payments per tick at this moment. */
  readonly pace: number
  /** Counts one start. */
  spend(): void
  /** Begins the next tick. */
  tick(last: LastTick): void
}

export function createPacer(): Pacer {
  let pace = PACE_MIN
  let left = PACE_MIN
  return {
    get left() {
      return left
    },
    get pace() {
      return pace
    },
    spend() {
      left -= 1
    },
    tick(last) {
      pace = nextPace({ pace, left, last })
      left = pace
    },
  }
}

function nextPace({ pace, left, last }: { pace: number; left: number; last: LastTick }): number {
  const { lateMs, quotaUsed } = last
  const isUsed = left < pace / 2
  if (lateMs > LATE_MS) return Math.max(PACE_MIN, Math.floor(pace / 2))
  if (quotaUsed > QUOTA_FULL) return Math.max(PACE_MIN, Math.floor(pace * FULL_SHARE))
  if (isUsed) return quotaUsed < QUOTA_AMPLE ? Math.min(PACE_MAX, pace + GROWTH) : pace
  return Math.max(PACE_MIN, Math.floor(pace * IDLE_SHARE))
}
