// When the tick of the payments comes: more seldom while there is nothing to be done in it.

import type { Clock } from '../model/ports.ts'
import { TICK_MS } from '../model/settings.ts'

/** Between two ticks while no payment is in memory, ms: a whole number of ordinary ones. */
export const QUIET_TICK_MS = 250

export class Ticks {
  readonly #clock: Clock
  readonly #onTick: () => void
  #timer: unknown = null
  /** Monotonic instants, ms: of the last tick and of the next one. */
  #lastAt = 0
  #dueAt = 0

  constructor(clock: Clock, onTick: () => void) {
    this.#clock = clock
    this.#onTick = onTick
  }

  /** How much later than it was due this tick comes, ms. */
  get lateMs(): number {
    return this.#clock.now() - this.#dueAt
  }

  /** Has the next one come after so many ms from now. */
  next(delayMs: number): void {
    this.#lastAt = this.#clock.now()
    this.#dueAt = this.#lastAt + delayMs
    this.#timer = this.#clock.setTimeout(this.#onTick, delayMs)
  }

  /** There is something to be done: the next one comes when it would have come without the rest. */
  wake(): void {
    const now = this.#clock.now()
    const rested = Math.floor((now - this.#lastAt) / TICK_MS) * TICK_MS
    const nextAt = this.#lastAt + rested + TICK_MS
    if (nextAt >= this.#dueAt) return
    this.#clock.clearTimeout(this.#timer)
    this.#dueAt = nextAt
    this.#timer = this.#clock.setTimeout(this.#onTick, nextAt - now)
  }
}
