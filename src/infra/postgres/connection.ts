// One connection to PostgreSQL: opened when it is needed, each statement bounded in time, and what
// became of a statement that failed.

import assert from 'node:assert'
import { Socket } from 'node:net'
import pg from 'pg'
import { LedgerUnavailable, type Refusal } from '../../actors/model/errors.ts'
import type { Statement } from './rows.ts'

export interface ConnectionConfig {
  readonly connectionString: string
  readonly applicationName: string
  /** Bound on connecting, logging in and setting up, ms. */
  readonly connectTimeoutMs: number
  /** Bound that PostgreSQL itself puts on each statement, ms. */
  readonly statementTimeoutMs: number
}

export type Parameter = string | number | boolean | null

/** One live connection; `isOpen` turns false for ever once it is lost. */
export interface PostgresConnection {
  isOpen(): boolean
  /** Rows as pg makes them, of any shape; `rows.ts` reads them. */
  query(statement: Statement, values: readonly Parameter[]): Promise<readonly object[]>
  /** Drops the socket at once; a statement that waits for its answer rejects. */
  destroy(): void
  /** Ends the session in an orderly way; bounded by the caller through `destroy`. */
  end(): Promise<void>
}

/** Opens a connection within its bound or rejects with the cause; never emits errors later on. */
export async function openConnection(config: ConnectionConfig): Promise<PostgresConnection> {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: config.connectionString,
    application_name: config.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    stream: () => socket,
    types: numericBigints(),
  })
  let open = true
  const markLost = () => {
    open = false
  }
  client.on('error', markLost)
  socket.on('end', markLost).on('close', markLost)
  const timer = setTimeout(() => socket.destroy(new Error('timeout')), config.connectTimeoutMs)
  try {
    await client.connect()
    await client.query(sessionSettings(config))
  } catch (cause) {
    socket.destroy()
    throw cause
  } finally {
    clearTimeout(timer)
  }
  return {
    isOpen: () => open && !socket.destroyed,
    // Any failure but a statement's own rejection means that the connection is about to close.
    query: (statement, values) =>
      send(client, statement, values).catch((cause: unknown) => {
        if (!wasRejected(cause)) markLost()
        throw cause
      }),
    destroy: () => socket.destroy(),
    end: () => client.end(),
  }
}

async function send(
  client: pg.Client,
  { name, text, protocol }: Statement,
  values: readonly Parameter[],
): Promise<readonly object[]> {
  if (protocol === 'simple') {
    // One result, or one for each of the statements.
    const last = [await client.query<object>(text)].flat().at(-1)
    assert(last !== undefined, 'a message of statements has a result for each')
    return last.rows
  }
  // The copy is for pg's types only: it does not change the array.
  const prepared = { name, text, values: values as Parameter[] }
  return (await client.query<object>(prepared)).rows
}

/**
 * Every statement of Pit goes by an index. Its plan is made once per connection, perhaps while the
 * tables are empty, so plans that are only good for small tables are ruled out.
 */
export const PLANNER_SETTINGS = [
  'SET plan_cache_mode = force_generic_plan',
  'SET enable_seqscan = off',
  'SET enable_bitmapscan = off',
  'SET enable_hashjoin = off',
  'SET enable_mergejoin = off',
  'SET jit = off',
].join(';')

function sessionSettings(config: ConnectionConfig): string {
  return [
    `SET statement_timeout = ${Math.ceil(config.statementTimeoutMs)}`,
    // A cut connection must not leave a transaction behind that holds locks.
    'SET idle_in_transaction_session_timeout = 5000',
    PLANNER_SETTINGS,
  ].join(';')
}

// bigint as a number: milliseconds and cents stay far below 2^53, and what does not is refused by
// the check of its column.
function numericBigints(): pg.TypeOverrides {
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  return types
}

/** After a failed attempt to connect the next one waits this long; meanwhile all is refused. */
const RECONNECT_DELAY_MS = 100
/** Bound on the orderly end of a session, ms. */
const END_TIMEOUT_MS = 500

/** A connection that is opened when it is needed and again after it was lost. */
export class PostgresReconnector {
  readonly #config: ConnectionConfig
  #connection: PostgresConnection | undefined
  #refusal: { until: number; cause: unknown } | undefined

  constructor(config: ConnectionConfig) {
    this.#config = config
  }

  isOpen(): boolean {
    return this.#connection?.isOpen() === true
  }

  /** The open connection, else a new one. One call at a time. Rejects with the cause. */
  async connect(): Promise<PostgresConnection> {
    if (this.#connection?.isOpen() === true) return this.#connection
    if (this.#refusal !== undefined && performance.now() < this.#refusal.until) {
      throw this.#refusal.cause
    }
    try {
      this.#connection = await openConnection(this.#config)
      this.#refusal = undefined
      return this.#connection
    } catch (cause) {
      this.#refusal = { until: performance.now() + RECONNECT_DELAY_MS, cause }
      throw cause
    }
  }

  /** Drops the connection at once, with the statement on it. */
  destroy(): void {
    this.#connection?.destroy()
  }

  async end(): Promise<void> {
    const connection = this.#connection
    if (connection === undefined) return
    const timer = setTimeout(() => connection.destroy(), END_TIMEOUT_MS)
    await connection.end().catch(() => undefined)
    clearTimeout(timer)
  }
}

/** What is known of a statement when it failed: whether its bytes may have reached PostgreSQL. */
export interface Failing {
  readonly operation: string
  readonly effect: 'reads' | 'writes'
  readonly sent: 'no' | 'maybe'
}

/**
 * Translates what pg or the network threw. A statement that PostgreSQL itself rejected (severity
 * ERROR) is rolled back for certain. FATAL and PANIC are not: a server that is shut down may say
 * them between its commit and its answer.
 */
export function toLedgerUnavailable(failing: Failing, cause: unknown): LedgerUnavailable {
  const certain = failing.sent === 'no' || failing.effect === 'reads' || wasRejected(cause)
  const outcome = certain ? 'none' : 'unknown'
  return new LedgerUnavailable(failing.operation, outcome, cause, refusalOf(cause))
}

/** Longest text that is taken from PostgreSQL's message, characters. */
const WORDS_MAX = 300

/** What PostgreSQL refused for what it was given; undefined where it may be done another time. */
function refusalOf(cause: unknown): Refusal | undefined {
  const sqlState = read(cause, 'code')
  if (!wasRejected(cause) || !/^[0-9A-Z]{5}$/.test(sqlState)) return undefined
  if (PASSING_CLASSES.has(sqlState.slice(0, 2))) return undefined
  return { sqlState, words: read(cause, 'message').replace(/\s+/g, ' ').slice(0, WORDS_MAX) }
}

// Connection, state of the transaction (a read-only server too), statement lost by a pooler, login,
// rollback, resources, object state, an operator, the system.
const PASSING_CLASSES = new Set(['08', '25', '26', '28', '40', '53', '55', '57', '58'])

// Deadlock, serialization failure, lock not had within lock_timeout.
const RETRIABLE_STATES = new Set(['40P01', '40001', '55P03'])

/** Whether PostgreSQL rolled the statement back for a reason that may not hold the next time. */
export function isRetriable(cause: unknown): boolean {
  return wasRejected(cause) && RETRIABLE_STATES.has(read(cause, 'code'))
}

/**
 * Whether this is PostgreSQL's own word that the statement, and only the statement, failed. It says
 * severities in the language of the server, so the classes of failures count as well.
 */
function wasRejected(cause: unknown): boolean {
  if (read(cause, 'severity') === 'ERROR') return true
  const code = read(cause, 'code')
  return code === QUERY_CANCELED || STATEMENT_CLASSES.has(code.slice(0, 2))
}

const QUERY_CANCELED = '57014'
// Data, constraints, rollback, syntax and access, object state: never the end of a session.
const STATEMENT_CLASSES = new Set(['22', '23', '40', '42', '55'])

function read(cause: unknown, key: 'severity' | 'code' | 'message'): string {
  if (typeof cause !== 'object' || cause === null) return ''
  const value: unknown = Reflect.get(cause, key)
  return typeof value === 'string' ? value : ''
}
