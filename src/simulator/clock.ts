// Time as the simulator uses it: all of its waits and windows go through one clock, so that specs
// can turn it by hand.

export interface Clock {
  /** Monotonic, ms, fractions allowed. */
  now(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(handle: unknown): void
}

/** Does not keep the process alive: a listening socket does, and without it nothing waits. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout: (handle) => {
    clearTimeout(handle as NodeJS.Timeout)
  },
}
