// The requests under way at one processor, and the one timer that ends those that are late.

import type { Clock } from '../../actors/model/ports.ts'
import type { Flight } from './in-flight-request.ts'

/** Between two looks at the deadlines at least, ms: how late a timeout may be noticed. */
const SWEEP_MS = 10

/**
 * A fixed number of slots with a free list: a Map or Set with this much coming and going would make
 * the young garbage survive. One timer for all, since one per request costs as much as a request; it
 * is set to the earliest deadline, since looking every 10 ms would be a hundred wakeups a second.
 */
export class Flights {
  readonly #clock: Clock
  readonly #slots: (Flight | undefined)[]
  readonly #free: Int32Array
  #freeCount: number
  #timer: unknown = undefined
  /** Monotonic instant for which the timer is set, ms. */
  #timerDueAt = Number.POSITIVE_INFINITY

  constructor(capacity: number, clock: Clock) {
    this.#clock = clock
    this.#slots = new Array<Flight | undefined>(capacity).fill(undefined)
    this.#free = Int32Array.from({ length: capacity }, (_, slot) => slot)
    this.#freeCount = capacity
  }

  isFull(): boolean {
    return this.#freeCount === 0
  }

  /** The caller has asked `isFull` before. */
  add(flight: Flight): void {
    this.#freeCount -= 1
    flight.slot = this.#free[this.#freeCount] ?? -1
    this.#slots[flight.slot] = flight
    this.#arm(flight.dueAt, this.#clock.now())
  }

  remove(flight: Flight): void {
    this.#slots[flight.slot] = undefined
    this.#free[this.#freeCount] = flight.slot
    this.#freeCount += 1
  }

  /** Stops the timer; to be called when nothing is under way any more. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerDueAt = Number.POSITIVE_INFINITY
  }

  /** Sees to a look at that instant or soon after. */
  #arm(dueAt: number, now: number): void {
    if (dueAt >= this.#timerDueAt) return
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timerDueAt = Math.max(dueAt, now + SWEEP_MS)
    this.#timer = this.#clock.setTimeout(this.#sweep, Math.ceil(this.#timerDueAt - now))
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    this.#timerDueAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < this.#slots.length; slot += 1) {
      this.#slots[slot]?.expire(now)
      // What has just ended may be gone from its slot, or may not be let go yet by undici.
      next = Math.min(next, this.#slots[slot]?.dueAt ?? next)
    }
    this.#arm(next, now)
  }
}
