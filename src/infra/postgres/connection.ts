// One connection, each query bounded in time.

import { Socket } from 'node:net'
import pg from 'pg'
import { wasRejected } from './failure.ts'

export interface ConnectionConfig {
  readonly connectionString: string
  readonly applicationName: string
  /** Bound on connecting, logging in and setting up, ms. */
  readonly connectTimeoutMs: number
  /** Bound that PostgreSQL itself puts on each statement, ms. */
  readonly statementTimeoutMs: number
}

/** A prepared statement. One name always has one text. */
export interface Query {
  readonly name: string
  readonly text: string
  /** Decides what a lost answer means. */
  readonly effect: 'reads' | 'writes'
  /** `simple`: several statements in one message, which are one transaction; no parameters. */
  readonly protocol?: 'simple'
}

export type Parameter = string | number | boolean | null

/** One live connection; `isOpen` turns false for ever once it is lost. */
export interface PostgresConnection {
  isOpen(): boolean
  query<Row extends pg.QueryResultRow>(
    query: Query,
    values: readonly Parameter[],
  ): Promise<readonly Row[]>
  /** Drops the socket at once; what is under way on it rejects. */
  destroy(): void
  /** Says goodbye to the server; bounded by the caller through `destroy`. */
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
    query: (query, values) =>
      send<never>(client, query, values).catch((cause: unknown) => {
        if (!wasRejected(cause)) markLost()
        throw cause
      }),
    destroy: () => socket.destroy(),
    end: () => client.end(),
  }
}

async function send<Row extends pg.QueryResultRow>(
  client: pg.Client,
  query: Query,
  values: readonly Parameter[],
): Promise<readonly Row[]> {
  if (query.protocol === 'simple') {
    // One result, or one for each of the statements.
    const results = [await client.query<Row>(query.text)].flat()
    return results.at(-1)?.rows ?? []
  }
  // The copy is for pg's types only: it does not change the array.
  const prepared = { name: query.name, text: query.text, values: values as Parameter[] }
  return (await client.query<Row>(prepared)).rows
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

// bigint as a number: milliseconds and cents stay far below 2^53.
function numericBigints(): pg.TypeOverrides {
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  return types
}
