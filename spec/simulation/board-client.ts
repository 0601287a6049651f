// The caches of one simulated instance: calls travel to the simulated Redis and are answered, or
// fail within the command timeout.

import { CacheUnavailable } from '../../src/actors/model/errors.ts'
import type { CircuitCache, DelayedQueue, SettledSet } from '../../src/actors/model/ports.ts'
import type { CacheStore } from './board-store.ts'
import type { Gate } from './gate.ts'
import type { SimulatedServer } from './simulated-server.ts'

export interface SimulatedCaches {
  readonly health: CircuitCache
  readonly retry: DelayedQueue
  readonly settled: SettledSet
}

export interface CacheClientParts {
  readonly store: CacheStore
  readonly service: SimulatedServer
  readonly gate: Gate
  readonly instanceId: string
}

/** Longest wait for one reply, ms, as over ioredis. */
const COMMAND_TIMEOUT_MS = 100

export function createSimulatedCaches(parts: CacheClientParts): SimulatedCaches {
  const { store, instanceId } = parts
  const connection = { lastAt: 0 }
  const ask = <Value>(operation: string, apply: () => Value): Promise<Value> =>
    parts.service.call(parts.gate, {
      operation,
      effect: 'writes',
      connection,
      timeoutMs: COMMAND_TIMEOUT_MS,
      apply,
      failure: () => new CacheUnavailable(operation),
    })
  return {
    health: {
      takeProbeLease: (ttlMs) => ask('takeProbeLease', () => store.takeProbeLease(ttlMs)),
      publishHealth: (name, health) =>
        ask('publishHealth', () => store.publishHealth(name, health)),
      readHealth: () => ask('readHealth', () => store.readHealth()),
      publishCircuit: (report) =>
        ask('publishCircuit', () => store.publishCircuit(instanceId, report)),
      readCircuits: () => ask('readCircuits', () => store.readCircuits()),
    },
    retry: {
      schedule: (entries) => ask('schedule', () => store.schedule(entries)),
      takeDue: (limit) => ask('takeDue', () => store.takeDue(limit)),
      claimRebuild: () => ask('claimRebuild', () => store.claimRebuild()),
    },
    settled: {
      add: (entries) => ask('add', () => store.addSettled(entries)),
      remove: (ids) => ask('remove', () => store.removeSettled(ids)),
      read: () => ask('read', () => store.readSettled()),
      clear: () => ask('clear', () => store.clearSettled()),
    },
  }
}
