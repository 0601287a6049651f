// Time that stands until a spec turns it on, as the actors' clock.

import { SimulatedClock } from 'xstate'
import type { Clock } from '../../src/actors/model/ports.ts'

/** Wall clock at monotonic 0, epoch ms. */
export const WALL_START = 1_700_000_000_000

/** For a fence that is not about the time of day. */
export const ANY_TIME_OF_DAY = { wallAheadMs: 0, strayMs: Number.POSITIVE_INFINITY } as const

export class StandingTime extends SimulatedClock implements Clock {
  /** Timers that are set. */
  pending = 0
  /** Timers that were ever set. */
  started = 0

  #steppedMs = 0

  wallNow(): number {
    return WALL_START + this.#steppedMs + Math.floor(this.now())
  }

  /** Sets the time of day, back where it is negative; a suspended machine's goes on alone, too. */
  step(byMs: number): void {
    this.#steppedMs += byMs
  }

  override setTimeout(callback: () => void, delayMs: number): number {
    this.pending += 1
    this.started += 1
    const run = (): void => {
      this.pending -= 1
      callback()
    }
    return super.setTimeout(run, delayMs)
  }

  override clearTimeout(handle: number): void {
    this.pending -= 1
    super.clearTimeout(handle)
  }
}
