import type { CircuitSettings } from '../../src/actors/circuit/context.ts'

/** Small numbers that can be counted by hand. */
export const SETTINGS: CircuitSettings = {
  windowMs: 1000,
  callsMin: 4,
  failureRate: 0.5,
  openMs: 50,
  openMaxMs: 180,
  concurrency: 8,
}
