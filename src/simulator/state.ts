// What the routes of one simulator share.

import { systemClock, type Clock } from './clock.ts'
import { ConcurrencyLimiter, WindowLimiter } from './limiters.ts'
import { PaymentLedger } from './payment-ledger.ts'
import { Switches } from './switches.ts'
import { Tally } from './tally.ts'

/** Charges and look-ups together that the source works on at a time; then so many more wait. */
export const CALLS_AT_ONCE_MAX = 800
export const CALLS_WAITING_MAX = 500

/** The health endpoint gives one permit in each window; so many callers wait for the next ones. */
export const HEALTH_WINDOW_MS = 5000
export const HEALTH_WAITING_MAX = 2

/** What every 429 says in `Retry-After`, s. */
export const RETRY_AFTER_S = 5

export interface SimulatorState {
  readonly clock: Clock
  readonly ledger: PaymentLedger
  readonly switches: Switches
  readonly tally: Tally
  /** Part of an amount, from 0 to below 1. */
  readonly feeRate: number
  readonly calls: ConcurrencyLimiter
  readonly healthCalls: WindowLimiter
  /** Set once by `close`: what still waits then ends without effect. */
  closed: boolean
}

export interface StateOptions {
  readonly feeRate: number
  readonly token?: string
  readonly clock?: Clock
  readonly ledger?: PaymentLedger
}

export function createState(options: StateOptions): SimulatorState {
  const clock = options.clock ?? systemClock
  return {
    clock,
    ledger: options.ledger ?? new PaymentLedger(),
    switches: new Switches(clock, options.token ?? '123'),
    tally: new Tally(),
    feeRate: options.feeRate,
    calls: new ConcurrencyLimiter({ permits: CALLS_AT_ONCE_MAX, waitingMax: CALLS_WAITING_MAX }),
    healthCalls: new WindowLimiter(clock, {
      windowMs: HEALTH_WINDOW_MS,
      waitingMax: HEALTH_WAITING_MAX,
    }),
    closed: false,
  }
}
