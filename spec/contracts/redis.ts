// What any health, retry and settled board must do: in Redis, and in simulations of it.

import type { Test } from 'tap'
import type { HealthBoard, RetryBoard, SettledBoard } from '../../src/actors/model/ports.ts'
import { healthBoardContract } from './circuit-cache.ts'
import { retryBoardContract } from './delayed-queue.ts'
import { settledBoardContract } from './settled-set.ts'

export interface Boards {
  readonly health: HealthBoard
  readonly retry: RetryBoard
  readonly settled: SettledBoard
}

/** Shared boards that begin empty, and the world around them. */
export interface BoardWorld {
  /** How long reports of health and circuits are kept, ms. */
  readonly keptMs: number
  /** Entries that the retry board holds at most. */
  readonly retryEntriesMax: number
  /** The boards as the instance of that id sees them. */
  as(instanceId: string): Boards
  /** Lets this much of the boards' time pass, ms. */
  pass(ms: number): Promise<void>
  /** Loses all data, as a flush or a restart does. */
  lose(): Promise<void>
}

/** A world with boards that nobody has used, closed at the test's end. */
export type OpenWorld = (t: Test) => Promise<BoardWorld>

/** All of it, as subtests. */
export async function boardContracts(t: Test, open: OpenWorld): Promise<void> {
  await t.test('the health board', (t) => healthBoardContract(t, open))
  await t.test('the retry board', (t) => retryBoardContract(t, open))
  await t.test('the settled board', (t) => settledBoardContract(t, open))
}
