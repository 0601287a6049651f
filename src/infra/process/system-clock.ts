// Time as this process sees it.

import { performance } from 'node:perf_hooks'
import type { Clock } from '../../actors/model/ports.ts'

/** The clock that `main.ts` hands out; nothing else in Pit reads the time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
}
