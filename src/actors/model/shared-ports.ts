// What persistence works with, given by main.

import type { Telemetry } from './facts.ts'
import type { Clock, Lease, Ledger, SettledSet } from './ports.ts'

export interface SharedPorts {
  readonly ledger: Ledger
  readonly settledSet: SettledSet
  readonly lease: Lease
  readonly clock: Clock
  readonly telemetry: Telemetry
}

/** First and longest pause after a failed write, ms. */
export const WRITE_PAUSE_MS = 100
export const WRITE_PAUSE_MAX_MS = 1000
