// What stands in for the caches without Redis: an instance shares nothing and judges by itself.

import type { CircuitCache, DelayedQueue, SettledSet } from '../../actors/model/ports.ts'

export interface CachesWithoutRedis {
  readonly health: CircuitCache
  readonly retry: DelayedQueue
  readonly settled: SettledSet
}

/**
 * The probe lease is always granted: nobody else asks, and the pace is the asker's own. The delayed
 * queue is empty and needs no rebuilding, since due payments are claimed from the ledger.
 */
export function createCachesWithoutRedis(): CachesWithoutRedis {
  return {
    health: {
      takeProbeLease: () => Promise.resolve(true),
      publishHealth: () => Promise.resolve(),
      readHealth: () => Promise.resolve({}),
      publishCircuit: () => Promise.resolve(),
      readCircuits: () => Promise.resolve({}),
    },
    retry: {
      schedule: () => Promise.resolve(),
      takeDue: () => Promise.resolve([]),
      claimRebuild: () => Promise.resolve(false),
    },
    settled: {
      add: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      read: () => Promise.resolve([]),
      clear: () => Promise.resolve(),
    },
  }
}
