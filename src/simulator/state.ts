// What the routes of one simulator share, and the counts of what came of the charges it received.

import { type Clock, systemClock } from './clock.ts'
import type { ChargeFaultKind } from './faults.ts'
import { ConcurrencyLimiter, WindowLimiter } from './limiters.ts'
import { PaymentLedger } from './payment-ledger.ts'
import { Switches } from './switches.ts'

/** Charges and look-ups together that the source works on at a time, and that may wait. */
const CALLS_AT_ONCE_MAX = 800
const CALLS_WAITING_MAX = 500

/** The health endpoint gives one permit in each window; further callers may wait for the next. */
const HEALTH_WINDOW_MS = 5000
const HEALTH_WAITING_MAX = 2

/** What every 429 says in `Retry-After`, s. */
export const RETRY_AFTER_S = 5

export interface SimulatorState {
  readonly clock: Clock
  readonly ledger: PaymentLedger
  readonly switches: Switches
  readonly sends: SendCounts
  /** The processor's part of an amount, from 0 to below 1. */
  readonly feeRate: number
  readonly calls: ConcurrencyLimiter
  readonly healthCalls: WindowLimiter
  /** Set once by `close`: calls that still wait then end without effect. */
  closed: boolean
}

export interface StateOptions {
  readonly feeRate: number
  readonly token?: string
  /** Given by specs alone; otherwise the time of this process. */
  readonly clock?: Clock
  readonly ledger?: PaymentLedger
}

export function createState(options: StateOptions): SimulatorState {
  const clock = options.clock ?? systemClock
  return {
    clock,
    ledger: options.ledger ?? new PaymentLedger(),
    switches: new Switches(clock, options.token ?? '123'),
    sends: new SendCounts(),
    feeRate: options.feeRate,
    calls: new ConcurrencyLimiter({ permits: CALLS_AT_ONCE_MAX, waitingMax: CALLS_WAITING_MAX }),
    healthCalls: new WindowLimiter(clock, {
      windowMs: HEALTH_WINDOW_MS,
      waitingMax: HEALTH_WAITING_MAX,
    }),
    closed: false,
  }
}

/**
 * What a charge came to, as the ledger sees it:
 * - `recorded`: inserted, whatever the client was told;
 * - `known`: the id was there before;
 * - `failed`: 500, not inserted; `dropped`: its connection was closed, not inserted;
 * - `limited`: 429; `malformed`: 400 or 415; `withdrawn`: the client hung up while it waited.
 */
export type SendOutcome =
  'recorded' | 'known' | 'failed' | 'dropped' | 'limited' | 'malformed' | 'withdrawn'

export interface Sends {
  /** Charges whose body has arrived; those without an outcome yet are waiting. */
  readonly received: number
  readonly outcomes: Readonly<Record<SendOutcome, number>>
  /** Charges by the fault that they met. */
  readonly faults: Readonly<Partial<Record<ChargeFaultKind, number>>>
}

class SendCounts {
  #received = 0
  readonly #outcomes: Record<SendOutcome, number> = {
    recorded: 0,
    known: 0,
    failed: 0,
    dropped: 0,
    limited: 0,
    malformed: 0,
    withdrawn: 0,
  }
  readonly #faults: Partial<Record<ChargeFaultKind, number>> = {}

  receive(): void {
    this.#received += 1
  }

  count(outcome: SendOutcome): void {
    this.#outcomes[outcome] += 1
  }

  countFault(kind: ChargeFaultKind): void {
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1
  }

  /** The counts as they stand now, since the start: a purge does not reset them. */
  read(): Sends {
    return {
      received: this.#received,
      outcomes: { ...this.#outcomes },
      faults: { ...this.#faults },
    }
  }
}
