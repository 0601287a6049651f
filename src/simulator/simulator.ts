// A payment processor to pay at: what the challenge's processors do, and worse on command.

import assert from 'node:assert'
import { isDelay } from './admin-settings.ts'
import { isFeeRate } from './decimal.ts'
import { parseFaults, type Faults } from './faults.ts'
import { listen } from './listener.ts'
import type { LedgerEntry, LedgerTotal, MicrosWindow, PaymentLedger } from './payment-ledger.ts'
import { createApp } from './routes.ts'
import { createState, type SimulatorState, type StateOptions } from './state.ts'
import type { Sends } from './tally.ts'

export interface SimulatorOptions extends StateOptions {
  /** 0 takes a free one. */
  readonly port: number
  /** Address to listen on, 127.0.0.1 when absent. */
  readonly host?: string
  /** For messages, `processor` when absent. */
  readonly name?: string
}

/** Both ends inclusive, epoch ms; with either one missing it is everything. */
export interface RecordedWindow {
  readonly from?: number
  readonly to?: number
}

export interface RecordedPayment {
  /** Lower-case UUID. */
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms, with decimals when it was sent with microseconds. */
  readonly requestedAt: number
}

export interface Simulator {
  readonly name: string
  readonly port: number
  /** Without a slash at its end. */
  readonly url: string
  /** Hand it to another simulator's options to start one that has kept its books. */
  readonly ledger: PaymentLedger
  /** Count and sum of a window, exact. */
  summary(window?: RecordedWindow): LedgerTotal
  /** The payments of a window in the order of their recording, as they stand at the call. */
  payments(window?: RecordedWindow): Iterable<RecordedPayment>
  /** What came of the charges received so far. */
  sends(): Sends
  /** Delay of charges that come from now on, a whole number of ms from 0 to 600,000. */
  setDelay(delayMs: number): void
  /** Whether charges whose delay ends from now on are answered 500. */
  setFailure(failure: boolean): void
  /** Takes what `PUT /admin/configurations/faults` takes; throws `FaultsInvalid`. `{}` clears. */
  setFaults(faults: Partial<Faults>): void
  /** Forgets all payments; those still waiting for their delay are recorded after that. */
  purge(): void
  /** Stops listening and closes all connections at once; charges still waiting are not recorded. */
  close(): Promise<void>
}

/**
 * Starts a simulator and resolves once it listens. Rejects when the port cannot be had, or when the
 * fee rate is not from 0 to below 1 with at most six decimals.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  if (!isFeeRate(options.feeRate)) {
    throw new RangeError(`the fee rate must be from 0 to below 1, it is ${options.feeRate}`)
  }
  const { name = 'processor', host = '127.0.0.1' } = options
  const state = createState(options)
  const app = createApp(state)
  const port = await listen(app, { name, host, port: options.port })
  return {
    name,
    port,
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`,
    ledger: state.ledger,
    ...access(state),
    close: async () => {
      if (state.closed) return
      state.closed = true
      app.close()
    },
  }
}

function access(state: SimulatorState) {
  return {
    summary: (window?: RecordedWindow) => state.ledger.summarize(inMicros(window)),
    payments: (window?: RecordedWindow) => inMs(state.ledger.entries(inMicros(window))),
    sends: () => state.tally.read(),
    setDelay: (delayMs: number) => {
      assert(isDelay(delayMs), `no delay: ${delayMs}`)
      state.switches.delayMs = delayMs
    },
    setFailure: (failure: boolean) => {
      state.switches.failure = failure
    },
    setFaults: (faults: Partial<Faults>) => {
      state.switches.faults = parseFaults(faults)
    },
    purge: () => state.ledger.purge(),
  }
}

function inMicros({ from, to }: RecordedWindow = {}): MicrosWindow {
  return {
    from: from === undefined ? undefined : from * 1000,
    to: to === undefined ? undefined : to * 1000,
  }
}

function* inMs(entries: Iterable<LedgerEntry>): Generator<RecordedPayment, void> {
  for (const { correlationId, amountCents, requestedAtMicros } of entries) {
    yield { correlationId, amountCents, requestedAt: requestedAtMicros / 1000 }
  }
}
