// A simulated processor as its operator sees it: its faults are set, its ledger is read.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Faults } from '../../src/simulator/faults.ts'
import { INITIAL_TOKEN } from '../../bench/challenge/processor-admin.ts'

/** One payment as a processor recorded it. */
export interface Recorded {
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms. */
  readonly requestedAt: number
}

export type Ledgers = Readonly<Record<ProcessorName, readonly Recorded[]>>

const HEADERS = { 'X-Rinha-Token': INITIAL_TOKEN }
const TIMEOUT_MS = 60_000
const TRIES_MAX = 3

export class ProcessorLedger {
  /** Of the simulator itself, past any gate. */
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  /** `{}` ends all faults. Rejects when the simulator does not take them. */
  async setFaults(faults: Partial<Faults>): Promise<void> {
    await this.#ask('/admin/configurations/faults', {
      method: 'PUT',
      headers: { ...HEADERS, 'Content-Type': 'application/json' },
      body: JSON.stringify(faults),
    })
  }

  /** Charges that it received since its start, whatever came of them. */
  async countSends(): Promise<number> {
    const text = await this.#ask('/admin/sends', { headers: HEADERS })
    return (JSON.parse(text) as { readonly received: number }).received
  }

  /** All payments, or those requested at or after `from`, epoch ms. */
  async read(from?: number): Promise<readonly Recorded[]> {
    // With either bound missing the processors answer for everything.
    const window =
      from === undefined ? '' : `?from=${new Date(from).toISOString()}&to=9999-12-31T00:00:00Z`
    const text = await this.#ask(`/admin/payments${window}`, { headers: HEADERS })
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Recorded)
  }

  /** Asks again when a connection was closed that had been idle: both questions may be repeated. */
  async #ask(path: string, request: RequestInit, tries = TRIES_MAX): Promise<string> {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const answer = await fetch(`${this.url}${path}`, { ...request, signal })
      const text = await answer.text()
      if (answer.ok) return text
      throw new Error(`HTTP ${answer.status}: ${text}`)
    } catch (cause) {
      if (tries > 1) return await this.#ask(path, request, tries - 1)
      throw new Error(`chaos: a simulator did not do ${path}`, { cause })
    }
  }
}
