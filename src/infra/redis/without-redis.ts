// What stands in for the caches without Redis: an instance shares nothing and judges by itself.

import type {
  CircuitCache,
  DelayedQueue,
  RenewalCache,
  SettledSet,
} from '../../actors/model/ports.ts'

export interface CachesWithoutRedis {
  readonly circuitCache: CircuitCache
  readonly delayedQueue: DelayedQueue
  readonly settledSet: SettledSet
  readonly renewals: RenewalCache
}

/**
 * The probe lease is always granted: nobody else asks, and the pace is the asker's own. The delayed
 * queue is empty and needs no rebuilding, since due payments are claimed from the ledger.
 */
export function createCachesWithoutRedis(): CachesWithoutRedis {
  return {
    circuitCache: {
      takeProbeLease: () => Promise.resolve(true),
      publishHealth: () => Promise.resolve(),
      readHealth: () => Promise.resolve({}),
      publishCircuit: () => Promise.resolve(),
      readCircuits: () => Promise.resolve({}),
    },
    delayedQueue: {
      schedule: () => Promise.resolve(),
      takeDue: () => Promise.resolve([]),
      claimRebuild: () => Promise.resolve(false),
    },
    settledSet: {
      add: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      read: () => Promise.resolve([]),
      clear: () => Promise.resolve(),
    },
    renewals: {
      read: () => Promise.resolve(undefined),
      publish: () => Promise.resolve(),
    },
  }
}
