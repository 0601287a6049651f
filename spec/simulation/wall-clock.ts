// Clocks of the simulated machines: the time of day of PostgreSQL's, which somebody may set, and
// both clocks of an instance's, which may also be suspended.

import type { Clock } from '../../src/actors/model/ports.ts'
import type { Gate, VirtualTime } from './virtual-time.ts'

/** Virtual 2025-01-01T00:00:00Z, epoch ms. */
export const EPOCH_MS = 1_735_689_600_000

/** A time of day that can be set. */
export class WallClock {
  #aheadMs: number
  readonly #virtualNow: () => number

  constructor(virtualNow: () => number, skewMs = 0) {
    this.#virtualNow = virtualNow
    this.#aheadMs = skewMs
  }

  /** Epoch ms, fractions allowed. */
  readonly now = (): number => EPOCH_MS + this.#virtualNow() + this.#aheadMs

  /** As an operator, or chrony's makestep, does: forward, or back where it is negative. */
  step(byMs: number): void {
    this.#aheadMs += byMs
  }
}

interface MachineParts {
  readonly virtualTime: VirtualTime
  readonly gate: Gate
  /** Monotonic ms in a virtual ms: machines' clocks drift. */
  readonly rate: number
  /** Monotonic instant at the virtual start, ms. */
  readonly offsetMs: number
  /** Of its time of day, ms. */
  readonly skewMs: number
}

/** The clocks of one instance's machine. */
export class MachineClock implements Clock {
  readonly wall: WallClock
  readonly #parts: MachineParts
  /** How long it was suspended so far, virtual ms. */
  #suspendedMs = 0
  /** Virtual instant since which it is suspended; null while it runs. */
  #suspendedAt: number | null = null

  constructor(parts: MachineParts) {
    this.#parts = parts
    this.wall = new WallClock(parts.virtualTime.now, parts.skewMs)
  }

  now(): number {
    const { virtualTime, rate, offsetMs } = this.#parts
    const awakeMs = (this.#suspendedAt ?? virtualTime.now()) - this.#suspendedMs
    return offsetMs + awakeMs * rate
  }

  wallNow(): number {
    return Math.floor(this.wall.now())
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = { isSet: true }
    this.#arm(timer, { callback, dueAt: this.now() + delayMs })
    return timer
  }

  clearTimeout(timer: unknown): void {
    if (typeof timer === 'object' && timer !== null && 'isSet' in timer) timer.isSet = false
  }

  /** As a closed lid or a paused virtual machine does: the process and the monotonic clock stand. */
  suspend(): void {
    this.#suspendedAt ??= this.#parts.virtualTime.now()
    this.#parts.gate.pause()
  }

  resume(): void {
    if (this.#suspendedAt !== null) {
      this.#suspendedMs += this.#parts.virtualTime.now() - this.#suspendedAt
      this.#suspendedAt = null
    }
    this.#parts.gate.resume()
  }

  #arm(timer: { isSet: boolean }, due: { callback: () => void; dueAt: number }): void {
    const { gate, rate } = this.#parts
    gate.after((due.dueAt - this.now()) / rate, () => {
      if (!timer.isSet) return
      // The monotonic clock stood still meanwhile.
      if (due.dueAt - this.now() > NEARLY_MS) this.#arm(timer, due)
      else due.callback()
    })
  }
}

/** Instants that were added up differ by less, ms. */
const NEARLY_MS = 0.001
