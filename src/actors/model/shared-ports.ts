// What persistence works with, given by main.

import type { Journal } from './facts.ts'
import type { Clock, Lease, Ledger, SettledBoard } from './ports.ts'

export interface Archive {
  readonly ledger: Ledger
  readonly settledBoard: SettledBoard
  readonly lease: Lease
  readonly clock: Clock
  readonly journal: Journal
}

/** First and longest pause after a failed write, ms. */
export const WRITE_PAUSE_MS = 100
export const WRITE_PAUSE_MAX_MS = 1000
