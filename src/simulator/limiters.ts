// The source's two limiters. A caller is the function that continues its request: it runs at once,
// later, or never; one whose client hangs up while it waits is withdrawn and never runs.

import type { Clock } from './clock.ts'

export type Entry = 'running' | 'waiting' | 'refused'

export interface Limiter {
  enter(caller: () => void): Entry
  /** Takes a waiting caller out; false, and nothing done, when it was not waiting. */
  withdraw(caller: () => void): boolean
}

/** `permits` run at a time, `waitingMax` wait in order of arrival. Each that ran must `leave`. */
export class ConcurrencyLimiter implements Limiter {
  readonly #permits: number
  readonly #waitingMax: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor({ permits, waitingMax }: { permits: number; waitingMax: number }) {
    this.#permits = permits
    this.#waitingMax = waitingMax
  }

  enter(caller: () => void): Entry {
    if (this.#running < this.#permits) {
      this.#running += 1
      caller()
      return 'running'
    }
    if (this.#waiting.length >= this.#waitingMax) return 'refused'
    this.#waiting.push(caller)
    return 'waiting'
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running -= 1
  }

  withdraw(caller: () => void): boolean {
    return takeOut(this.#waiting, caller)
  }
}

/** One permit in each window of fixed length since its creation; waiting callers go first. */
export class WindowLimiter implements Limiter {
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #waitingMax: number
  readonly #startedAt: number
  /** Number of the window whose permit was taken last. */
  #taken = -1
  readonly #waiting: (() => void)[] = []
  #timer: unknown = undefined

  constructor(clock: Clock, { windowMs, waitingMax }: { windowMs: number; waitingMax: number }) {
    this.#clock = clock
    this.#windowMs = windowMs
    this.#waitingMax = waitingMax
    this.#startedAt = clock.now()
  }

  enter(caller: () => void): Entry {
    const window = this.#window()
    if (this.#waiting.length === 0 && window > this.#taken) {
      this.#taken = window
      caller()
      return 'running'
    }
    if (this.#waiting.length >= this.#waitingMax) return 'refused'
    this.#waiting.push(caller)
    this.#arm()
    return 'waiting'
  }

  withdraw(caller: () => void): boolean {
    return takeOut(this.#waiting, caller)
  }

  #window(): number {
    return Math.floor((this.#clock.now() - this.#startedAt) / this.#windowMs)
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.length === 0) return
    const nextAt = this.#startedAt + (this.#window() + 1) * this.#windowMs
    // A timer may fire a fraction of a ms early: it then finds the old window and is set again.
    const delayMs = Math.max(1, Math.ceil(nextAt - this.#clock.now()))
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#admit()
    }, delayMs)
  }

  #admit(): void {
    const window = this.#window()
    const next = window > this.#taken ? this.#waiting.shift() : undefined
    if (next) {
      this.#taken = window
      next()
    }
    this.#arm()
  }
}

function takeOut(callers: (() => void)[], gone: () => void): boolean {
  const at = callers.indexOf(gone)
  if (at >= 0) callers.splice(at, 1)
  return at >= 0
}
