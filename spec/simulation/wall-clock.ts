// Clocks of the simulated machines: the time of day of PostgreSQL's, which drifts and may be set, and
// both clocks of an instance's, of which the monotonic one stands still while it is suspended.

import type { Clock } from '../../src/actors/model/ports.ts'
import type { Gate, VirtualTime } from './virtual-time.ts'

/** Virtual 2025-01-01T00:00:00Z, epoch ms. */
export const EPOCH_MS = 1_735_689_600_000

/** A time of day that can be set, and that may drift. */
export class WallClock {
  readonly #virtualNow: () => number
  #rate = 1
  /** Its time at an instant from which it has run at its rate. */
  #set: { readonly wall: number; readonly at: number }
  /** When it was last set or began to drift, virtual ms. */
  disturbedAt = Number.NEGATIVE_INFINITY

  constructor(virtualNow: () => number, skewMs = 0) {
    this.#virtualNow = virtualNow
    this.#set = { wall: EPOCH_MS + skewMs, at: 0 }
  }

  /** Epoch ms, fractions allowed. */
  readonly now = (): number => {
    const { wall, at } = this.#set
    return wall + (this.#virtualNow() - at) * this.#rate
  }

  /** How far it is off, ms. */
  get offMs(): number {
    return this.now() - (EPOCH_MS + this.#virtualNow())
  }

  /** As an operator, or chrony's makestep, does: forward, or back where it is negative. */
  step(byMs: number): void {
    this.#setTo(this.now() + byMs)
  }

  /** From now on it runs by so many ms in a virtual ms. */
  drift(rate: number): void {
    this.#setTo(this.now())
    this.#rate = rate
  }

  #setTo(wall: number): void {
    const at = this.#virtualNow()
    this.#set = { wall, at }
    this.disturbedAt = at
  }
}

interface MachineParts {
  readonly virtualTime: VirtualTime
  /** Knows for how long the machine was suspended. */
  readonly gate: Gate
  /** Monotonic ms in a virtual ms: machines' clocks drift. */
  readonly rate: number
  /** Monotonic instant at the virtual start, ms. */
  readonly offsetMs: number
  /** How far its time of day is off, ms. */
  readonly skewMs: number
}

/** The clocks of one instance's machine. Its functions may be taken out of it. */
export class MachineClock implements Clock {
  readonly wall: WallClock
  readonly #parts: MachineParts

  constructor(parts: MachineParts) {
    this.#parts = parts
    this.wall = new WallClock(parts.virtualTime.now, parts.skewMs)
  }

  readonly now = (): number => {
    const { virtualTime, gate, rate, offsetMs } = this.#parts
    return offsetMs + (virtualTime.now() - gate.suspendedMs) * rate
  }

  readonly wallNow = (): number => Math.floor(this.wall.now())

  readonly setTimeout = (callback: () => void, delayMs: number): unknown => {
    const { gate, rate } = this.#parts
    const timer = { isSet: true }
    gate.after(delayMs / rate, () => {
      if (timer.isSet) callback()
    })
    return timer
  }

  readonly clearTimeout = (timer: unknown): void => {
    if (typeof timer === 'object' && timer !== null && 'isSet' in timer) timer.isSet = false
  }
}
