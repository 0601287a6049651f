// The ledgers, read from outside of Pit: its own tables, and what the simulated processors recorded.

import pg from 'pg'
import { INITIAL_TOKEN } from '../../bench/challenge/processor-admin.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Faults } from '../../src/simulator/faults.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { Backlog } from './recoveries.ts'

/** A payment as Pit's table has it. */
export interface PitPayment {
  readonly state: 'open' | 'settled' | 'rejected'
  readonly amountCents: number
  readonly processor: ProcessorName | undefined
  /** Epoch ms. */
  readonly requestedAt: number | undefined
}

/** Longest wait for an answer, ms: PostgreSQL may be hanging. */
const TIMEOUT_MS = 3000
const STATES = ['open', 'settled', 'rejected'] as const

/** One connection, opened again after each failure. Calls reject while PostgreSQL is away. */
export class PitLedger {
  readonly #url: string
  #client: pg.Client | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(url: string) {
    this.#url = url
  }

  /** Payments that are neither settled nor rejected. */
  async countOpen(): Promise<number> {
    const [row] = await this.#query('SELECT count(*)::int AS n FROM payments WHERE state = 0')
    return Number(row?.['n'])
  }

  async readBacklog(): Promise<Backlog> {
    const [row] = await this.#query(
      `SELECT count(*)::int AS total, (count(*) FILTER (WHERE state = 0))::int AS open,
         now()::text AS at FROM payments`,
    )
    return { total: Number(row?.['total']), open: Number(row?.['open']), at: String(row?.['at']) }
  }

  /** Open payments accepted up to `at`, by the indexes of the open ones only. */
  async countOpenSince(at: string): Promise<number> {
    const open = (owner: string): string =>
      `(SELECT count(*) FROM payments WHERE state = 0 AND owner IS ${owner}
         AND accepted_at <= $1::timestamptz)`
    const [row] = await this.#query(`SELECT (${open('NULL')} + ${open('NOT NULL')})::int AS n`, [
      at,
    ])
    return Number(row?.['n'])
  }

  /** Leases that an instance holds now. */
  async leasesOf(instanceId: string): Promise<readonly number[]> {
    const rows = await this.#query(
      'SELECT id FROM leases WHERE instance_id = $1 AND NOT revoked AND expires_at > now()',
      [instanceId],
    )
    return rows.map((row) => Number(row['id']))
  }

  /** Those of the leases that still own an open payment. */
  async ownersAmong(leases: readonly number[]): Promise<readonly number[]> {
    const rows = await this.#query(
      'SELECT DISTINCT owner FROM payments WHERE state = 0 AND owner = ANY ($1::int[])',
      [leases],
    )
    return rows.map((row) => Number(row['owner']))
  }

  /** One statement of a fault. */
  async tell(statement: string): Promise<void> {
    // A session of its own may be read-only by then.
    await this.#query('SET default_transaction_read_only = off')
    await this.#query(statement)
  }

  /** Ends all connections to PostgreSQL but this one. */
  async cutConnections(): Promise<void> {
    await this.#query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
    )
  }

  /** Every payment by its id. */
  async readAll(): Promise<ReadonlyMap<string, PitPayment>> {
    const rows = await this.#query(
      `SELECT correlation_id::text AS id, state, amount_cents::float8 AS cents, processor,
         requested_at_ms::float8 AS requested_at FROM payments`,
    )
    return new Map(rows.map((row) => [String(row['id']), paymentOf(row)]))
  }

  /** For good: calls that still wait are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#drop()
    // A client that was just connecting.
    await this.#turn
    await this.#drop()
  }

  async #drop(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined)
  }

  /** One after the other, in the order of the calls. */
  #query(text: string, values: unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    const rows = this.#turn.then(() => this.#ask(text, values))
    this.#turn = rows.catch(() => undefined)
    return rows
  }

  async #ask(text: string, values: unknown[]): Promise<readonly Record<string, unknown>[]> {
    if (this.#isClosed) throw new Error('chaos: the ledger is closed')
    try {
      const client = (this.#client ??= await this.#connect())
      return (await client.query<Record<string, unknown>>(text, values)).rows
    } catch (cause) {
      void this.#drop()
      throw new Error('chaos: PostgreSQL did not answer', { cause })
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS * 10,
      application_name: 'chaos',
    })
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined
    })
    await client.connect()
    return client
  }
}

function paymentOf(row: Record<string, unknown>): PitPayment {
  const processor = row['processor']
  return {
    state: STATES[Number(row['state'])] ?? 'open',
    amountCents: Number(row['cents']),
    processor: processor === 1 ? 'default' : processor === 2 ? 'fallback' : undefined,
    requestedAt: row['requested_at'] === null ? undefined : Number(row['requested_at']),
  }
}

/** One payment as a processor recorded it. */
export interface Recorded {
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms. */
  readonly requestedAt: number
}

export type Ledgers = Readonly<Record<ProcessorName, readonly Recorded[]>>

const HEADERS = { 'X-Rinha-Token': INITIAL_TOKEN }
const SIMULATOR_TIMEOUT_MS = 60_000
const TRIES_MAX = 3

export class ProcessorLedger {
  /** The simulator itself, past any relay. */
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

  /** Asks again when a connection was closed that had been idle: both requests may be repeated. */
  async #ask(path: string, request: RequestInit, tries = TRIES_MAX): Promise<string> {
    try {
      const signal = AbortSignal.timeout(SIMULATOR_TIMEOUT_MS)
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

/**
 * Time from the last fault in which the backlog has to be empty, ms. Where that killed all instances:
 * a takeover (4.25 s), the settle-by deadline of what was in flight (22 s), a quarter of that for what
 * has no place for a look-up (5.5 s), and time to settle it all.
 */
export const SETTLE_WITHIN_MS = 40_000

/** A late payment is waited for up to this, to tell late from lost, ms. */
const GIVE_UP_MS = 90_000
const CHECK_EVERY_MS = 250

/** From `since`, monotonic ms, until nothing is open; undefined when that does not happen. */
export async function awaitEmpty(ledger: PitLedger, since: number): Promise<number | undefined> {
  while (performance.now() - since < GIVE_UP_MS) {
    const open = await ledger.countOpen().catch(() => undefined)
    if (open === 0) return Math.round(performance.now() - since)
    await pause(CHECK_EVERY_MS)
  }
  return undefined
}
