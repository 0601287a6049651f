// A clock that a spec moves, and on which it can await that something has begun to wait.

import type { Clock } from '../../src/simulator/clock.ts'

interface Timer {
  readonly dueAt: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  #now = 1_000_000
  #timers: Timer[] = []
  #watchers: { readonly timers: number; readonly resolve: () => void }[] = []

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { dueAt: this.#now + delayMs, callback }
    this.#timers.push(timer)
    const reached = this.#watchers.filter(({ timers }) => this.#timers.length >= timers)
    this.#watchers = this.#watchers.filter((watcher) => !reached.includes(watcher))
    for (const { resolve } of reached) resolve()
    return timer
  }

  clearTimeout(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle)
  }

  /** Resolves once so many timers are set at a time. */
  timers(count: number): Promise<void> {
    if (this.#timers.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#watchers.push({ timers: count, resolve }))
  }

  /** Turns the clock on by so many ms; what falls due on the way is called at its own instant. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = this.#timers.toSorted((a, b) => a.dueAt - b.dueAt)
      if (!next || next.dueAt > end) break
      this.clearTimeout(next)
      this.#now = next.dueAt
      next.callback()
    }
    this.#now = end
  }
}
