// Time for the simulator: all of its waits and windows go by one clock, which specs can replace.

export interface Clock {
  /** Monotonic, ms, fractions allowed. */
  now(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(handle: unknown): void
}

/** Does not keep the process alive; the listening socket does. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout: (handle) => {
    clearTimeout(handle as NodeJS.Timeout)
  },
}
