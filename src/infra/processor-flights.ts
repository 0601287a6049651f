// The requests under way at one processor, and the one timer that ends those that are late.

import type { Clock } from '../actors/ports.ts'
import type { Flight } from './processor-flight.ts'

/** Between two looks at the deadlines, ms: how late a timeout may be noticed. */
const SWEEP_MS = 10

/**
 * A fixed number of slots with a free list: a Map or Set with this much coming and going would make
 * the young garbage survive. One timer for all, since one per request costs as much as a request.
 */
export class Flights {
  readonly #clock: Clock
  readonly #slots: (Flight | undefined)[]
  readonly #free: Int32Array
  #freeCount: number
  #timer: unknown = undefined

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
    this.#timer ??= this.#clock.setTimeout(this.#sweep, SWEEP_MS)
  }

  remove(flight: Flight): void {
    this.#slots[flight.slot] = undefined
    this.#free[this.#freeCount] = flight.slot
    this.#freeCount += 1
  }

  /** Stops the timer; to be called when nothing is under way any more. */
  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const now = this.#clock.now()
    for (let slot = 0; slot < this.#slots.length; slot += 1) this.#slots[slot]?.expire(now)
    if (this.#freeCount < this.#slots.length) {
      this.#timer ??= this.#clock.setTimeout(this.#sweep, SWEEP_MS)
    }
  }
}
