// The boards without Redis: one instance that shares nothing and judges by itself.

import type { HealthBoard, RetryBoard, SettledBoard } from '../../actors/model/ports.ts'

export interface AloneBoards {
  readonly health: HealthBoard
  readonly retry: RetryBoard
  readonly settled: SettledBoard
}

/**
 * The probe lease is always granted: nobody else asks, and the pace is the asker's own. The retry
 * board has nothing and needs no rebuilding, since due payments are claimed from the ledger.
 */
export function createAloneBoards(): AloneBoards {
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
      clear: () => Promise.resolve(),
    },
    settled: {
      add: () => Promise.resolve(),
      remove: () => Promise.resolve(),
      read: () => Promise.resolve([]),
      clear: () => Promise.resolve(),
    },
  }
}
