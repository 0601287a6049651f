// A payment processor to pay at: what the challenge's processors do, and worse on command.

import assert from 'node:assert'
import { loadWebServer } from '../server/load-server.ts'
import { ListenFailed, type WebApp } from '../server/web-server.ts'
import { addAdminRoutes, isDelay } from './admin.ts'
import { receiveCharge } from './charge.ts'
import { type Faults, parseFaults } from './faults.ts'
import { receiveLookUp, receiveProbe } from './look-up.ts'
import { LedgerFile } from './ledger-file.ts'
import { PaymentLedger } from './payment-ledger.ts'
import { Responder } from './responder.ts'
import { createState, type Sends, type SimulatorState, type StateOptions } from './state.ts'
import { isFeeRate } from './wire-format.ts'

export interface SimulatorOptions extends StateOptions {
  /** 0: any free port. */
  readonly port: number
  /** Address to listen on, 127.0.0.1 when absent. */
  readonly host?: string
  /** Name in messages; `processor` when absent. */
  readonly name?: string
  /** File, of this simulator only, that keeps the payments over restarts; absent: none does. */
  readonly keepIn?: string
}

export interface Simulator {
  readonly name: string
  readonly port: number
  /** Base URL, without a slash at its end. */
  readonly url: string
  /**
   * What it has recorded; given to another simulator's options it starts that one with the same
   * payments. After a purge those that still wait for their delay are recorded.
   */
  readonly ledger: PaymentLedger
  /** Counts of what came of the charges received so far. */
  sends(): Sends
  /** What is switched on now. */
  switched(): { readonly delayMs: number; readonly failure: boolean; readonly faults: Faults }
  /** Delay of charges that come from now on, a whole number of ms from 0 to 600,000. */
  setDelay(delayMs: number): void
  /** Whether charges whose delay ends from now on are answered 500. */
  setFailure(failure: boolean): void
  /** Takes what `PUT /admin/configurations/faults` takes; throws `FaultsInvalid`. `{}` clears. */
  setFaults(faults: Partial<Faults>): void
  /** Stops listening and closes all connections at once; charges still waiting are not recorded. */
  close(): Promise<void>
}

/**
 * Starts a simulator and resolves once it listens. Rejects when the port cannot be bound, the file
 * not be used, or when the fee rate is not from 0 to below 1 with at most six decimals.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  if (!isFeeRate(options.feeRate)) {
    throw new RangeError(`the fee rate must be from 0 to below 1, it is ${options.feeRate}`)
  }
  const { name = 'processor', host = '127.0.0.1', keepIn } = options
  const file = keepIn === undefined ? undefined : new LedgerFile(keepIn)
  const kept = file === undefined ? {} : { ledger: new PaymentLedger(file) }
  const state = createState({ ...options, ...kept })
  const app = (await loadWebServer('auto')).createApp()
  addRoutes(app, state)
  const { port } = await app.listen({ host, port: options.port }).catch((error: unknown) => {
    file?.close()
    if (!(error instanceof ListenFailed)) throw error
    const where = `simulator ${name} cannot listen on ${host}:${options.port}`
    throw new Error(`${where}: ${error.reason}`, { cause: error })
  })
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
      file?.close()
    },
  }
}

function access(state: SimulatorState) {
  return {
    sends: () => state.sends.read(),
    switched: () => {
      const { delayMs, failure, faults } = state.switches
      return { delayMs, failure, faults }
    },
    setDelay: (delayMs: number) => {
      assert(isDelay(delayMs), `a delay is a whole number of ms within the bounds, not ${delayMs}`)
      state.switches.delayMs = delayMs
    },
    setFailure: (failure: boolean) => {
      state.switches.failure = failure
    },
    setFaults: (faults: Partial<Faults>) => {
      state.switches.faults = parseFaults(faults)
    },
  }
}

function addRoutes(app: WebApp, state: SimulatorState): void {
  app.post('/payments', (res, req) => receiveCharge(state, res, req))
  app.get('/payments/service-health', (res) => receiveProbe(state, res))
  app.get('/payments/:id', (res, req) => receiveLookUp(state, res, req))
  addAdminRoutes(app, state)
  app.any('/*', (res) => new Responder(res).answer({ status: 404 }))
}
