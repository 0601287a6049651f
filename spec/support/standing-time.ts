// Time that stands until a spec turns it on, as the actors' clock.

import { SimulatedClock } from 'xstate'
import type { Clock } from '../../src/actors/model/ports.ts'

/** Wall clock at monotonic 0, epoch ms. */
export const WALL_START = 1_700_000_000_000

export class StandingTime extends SimulatedClock implements Clock {
  /** Timers that are set. */
  pending = 0
  /** Timers that were ever set. */
  started = 0

  wallNow(): number {
    return WALL_START + Math.floor(this.now())
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
