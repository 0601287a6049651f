// What each circuit cache, delayed queue, settled set and renewal cache must do, in Redis and simulated.

import type { Test } from 'tap'
import type {
  CircuitCache,
  DelayedQueue,
  RenewalCache,
  SettledSet,
} from '../../src/actors/model/ports.ts'
import { circuitCacheContract } from './circuit-cache.ts'
import { delayedQueueContract } from './delayed-queue.ts'
import { renewalCacheContract } from './renewal-cache.ts'
import { settledSetContract } from './settled-set.ts'

export interface Caches {
  readonly health: CircuitCache
  readonly retry: DelayedQueue
  readonly settled: SettledSet
  readonly renewals: RenewalCache
}

/** Shared caches that begin empty, and the world around them. */
export interface CacheWorld {
  /** How long reports of health and circuits are kept, ms. */
  readonly keptMs: number
  /** Entries that the delayed queue holds at most. */
  readonly retryEntriesMax: number
  /** The caches as the instance of that id sees them. */
  as(instanceId: string): Caches
  /** Lets this much of the caches' time pass, ms. */
  pass(ms: number): Promise<void>
  /** Loses all data, as a flush or a restart does. */
  lose(): Promise<void>
}

/** A world with unused caches, closed at the test's end. */
export type OpenWorld = (t: Test) => Promise<CacheWorld>

/** All of it, as subtests. */
export async function cacheContracts(t: Test, open: OpenWorld): Promise<void> {
  await t.test('the circuit cache', (t) => circuitCacheContract(t, open))
  await t.test('the delayed queue', (t) => delayedQueueContract(t, open))
  await t.test('the settled set', (t) => settledSetContract(t, open))
  await t.test('the renewal cache', (t) => renewalCacheContract(t, open))
}
