// A clock that the benchmark moves, so that delays of the actors are not measured.

import type { Clock } from '../../src/actors/model/ports.ts'

export interface VirtualClock extends Clock {
  /** Lets time pass and runs what is due meanwhile, in order. */
  advance(ms: number): void
}

interface Timer {
  readonly dueAt: number
  readonly callback: () => void
}

/** For the few dozen timers of the long-lived actors, which are searched one by one. */
export function createVirtualClock(): VirtualClock {
  const timers = new Set<Timer>()
  const startedAt = Date.now()
  let now = 0
  const next = (): Timer | undefined => {
    let first: Timer | undefined
    for (const timer of timers) if (first === undefined || timer.dueAt < first.dueAt) first = timer
    return first
  }
  return {
    now: () => now,
    wallNow: () => startedAt + Math.floor(now),
    setTimeout(callback, delayMs) {
      const timer = { dueAt: now + Math.max(0, delayMs), callback }
      timers.add(timer)
      return timer
    },
    clearTimeout: (handle) => void timers.delete(handle as Timer),
    advance(ms) {
      const until = now + ms
      for (let timer = next(); timer !== undefined && timer.dueAt <= until; timer = next()) {
        timers.delete(timer)
        now = Math.max(now, timer.dueAt)
        timer.callback()
      }
      now = until
    },
  }
}
