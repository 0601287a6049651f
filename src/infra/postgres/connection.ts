// One connection to one PostgreSQL server: opened within a bound, ended when its session cannot serve
// any more, and what became of a statement that failed.

import assert from 'node:assert'
import { Socket, type LookupFunction } from 'node:net'
import pg from 'pg'
import { LedgerUnavailable, type Refusal } from '../../actors/model/errors.ts'
import { BOOLEAN, INTEGER, TEXT, readOnlyRow, type Query, type Statement } from './rows.ts'
import { commitOnDisk } from './sql.ts'

export interface ConnectionConfig {
  /** URL of one server. */
  readonly connectionString: string
  readonly applicationName: string
  /** What the server must allow; the connection is refused otherwise. */
  readonly target: Target
  /** Resolves host names; absent: Node's own. */
  readonly lookup?: LookupFunction | undefined
  /** Bound on connecting, logging in and setting up, ms. */
  readonly connectTimeoutMs: number
  /** Bound that PostgreSQL itself puts on each statement, ms. */
  readonly statementTimeoutMs: number
  /** How long a statement waits for a lock, ms; absent: as the server is set. */
  readonly lockTimeoutMs?: number
  /** Learns which history of PostgreSQL a session is of, before it is used; absent: nobody asks. */
  readonly histories?: SessionHistories | undefined
  /** `onDisk`: no commit is answered before it is there. Absent: as the server is set. */
  readonly commits?: 'onDisk'
}

/** Asked by each session for its server's history. */
export interface SessionHistories {
  /** Names the history that is known now. */
  readonly epoch: number
  /** `MARK` as the last session met it; undefined: there is none. */
  readonly mark: string | undefined
  /** Takes that a statement has worked on other rows than its session met. */
  suspect(): void
  /** Compares the server's history with the known one; another one is known from then on. */
  meet(query: (statement: Statement) => Promise<readonly object[]>): Promise<void>
  /**
   * Compares with what Redis tells, where no session could ask it so far: it was away when this
   * process began.
   */
  compareLate(query: (statement: Statement) => Promise<readonly object[]>): Promise<void>
  /** UUID of this process, by which its renewals are counted. */
  readonly run: string
  /** Takes what a renewal has seen: the generation of the history, and which one it was itself. */
  note(seen: { readonly generation: number; readonly count: number | null }): void
}

/** libpq's `target_session_attrs`, as far as a server that takes writes is wanted. */
export type Target = 'any' | 'read-write' | 'primary'

export type Parameter = string | number | boolean | null

/** What names a session at its server. */
export interface ServerSession {
  /** Process id. */
  readonly backend: number
  /** When it began, epoch seconds as PostgreSQL writes them: process ids come again. */
  readonly startedAt: string
}

/** One live connection; `isOpen` turns false for ever once it is lost. */
export interface PostgresConnection {
  isOpen(): boolean
  /** Whether it was ended because its server or session refused what every other would be asked. */
  isUnfit(): boolean
  readonly session: ServerSession
  /** Names its server's history; null: that was not compared, since the server takes no writes. */
  readonly epoch: number | null
  /** Rows as pg makes them, of any shape; `rows.ts` reads them. */
  query(statement: Statement, values: readonly Parameter[]): Promise<readonly object[]>
  /** Drops the socket at once; a statement that waits for its answer rejects. */
  destroy(): void
  /** Ends the session in an orderly way; bounded by the caller through `destroy`. */
  end(): Promise<void>
}

/**
 * Opens a connection within its bound or rejects with the cause; never emits errors later on.
 *
 * @param abandoned a session that was left with a statement under way, which is ended: where commits
 *   hang, PostgreSQL does not notice that its client is gone, and each new try would leave one more.
 */
export async function openConnection(
  config: ConnectionConfig,
  abandoned?: ServerSession,
): Promise<PostgresConnection> {
  const socket = openSocket(config.lookup)
  const client = new pg.Client({
    connectionString: config.connectionString,
    application_name: config.applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    stream: () => socket,
    types: numericBigints(),
  })
  let state: 'open' | 'lost' | 'unfit' = 'open'
  const markLost = () => {
    if (state === 'open') state = 'lost'
  }
  client.on('error', markLost)
  socket.on('end', markLost).on('close', markLost)
  const timer = setTimeout(() => socket.destroy(new Error('timeout')), config.connectTimeoutMs)
  try {
    await client.connect()
    const { recovering, ...session } = await openSession(client, config, abandoned)
    const { histories } = config
    if (!recovering) await histories?.meet((statement) => send(client, statement, []))
    const epoch = recovering && histories !== undefined ? null : (histories?.epoch ?? 0)
    const mark = recovering ? undefined : histories?.mark
    return {
      isOpen: () => state === 'open' && !socket.destroyed,
      isUnfit: () => state === 'unfit',
      session,
      epoch,
      query: async (statement, values) => {
        const rows = await send(client, statement, values).catch((cause: unknown) => {
          // Anything else than PostgreSQL's own word means that the connection is about to close.
          if (!wasRejected(cause)) markLost()
          else if (!leavesSession(cause)) {
            state = 'unfit'
            socket.destroy()
          }
          throw explained(cause)
        })
        if (mark === undefined || isOf(mark, rows)) return rows
        if (histories?.epoch === epoch) histories?.suspect()
        throw new Error(ANOTHER_HISTORY)
      },
      destroy: () => socket.destroy(),
      end: () => client.end(),
    }
  } catch (cause) {
    socket.destroy()
    throw NO_PASSWORD.test(read(cause, 'message')) ? new Error(ASKS_FOR_PASSWORD, { cause }) : cause
  } finally {
    clearTimeout(timer)
  }
}

export const ANOTHER_HISTORY =
  'PostgreSQL has another history than before: it was restored or failed over'

/** Whether rows that name what was worked on (`MARK`) name this; null where there was nothing to do. */
function isOf(mark: string, [first]: readonly object[]): boolean {
  const seen = first !== undefined && 'mark' in first ? first.mark : null
  return seen === null || seen === mark
}

/** What pg says where it has no password, or an empty one. */
const NO_PASSWORD = /^SASL: .*client password must be /
const ASKS_FOR_PASSWORD = 'the server asks for a password, and none is given'

/** pg connects it by itself, and has no option for how host names are resolved. */
function openSocket(lookup: LookupFunction | undefined): Socket {
  const socket = new Socket()
  if (lookup === undefined) return socket
  const connect = socket.connect.bind(socket)
  return Object.assign(socket, {
    connect: (place: number | string, host?: string) =>
      typeof place === 'string' ? connect(place) : connect({ port: place, host, lookup }),
  })
}

/** Sets the session up and asks what it is good for, in one round trip. */
async function openSession(
  client: pg.Client,
  { statementTimeoutMs, lockTimeoutMs, target, commits }: ConnectionConfig,
  abandoned: ServerSession | undefined,
): Promise<ServerSession & { readonly recovering: boolean }> {
  const settings = [
    `SET statement_timeout = ${Math.ceil(statementTimeoutMs)}`,
    ...(lockTimeoutMs === undefined ? [] : [`SET lock_timeout = ${Math.ceil(lockTimeoutMs)}`]),
    // A cut connection must not leave a transaction behind that holds locks.
    'SET idle_in_transaction_session_timeout = 5000',
    ROLE_SETTINGS,
    PLANNER_SETTINGS,
    ...(commits === 'onDisk' ? [`SELECT ${commitOnDisk('session')}`] : []),
    ...(abandoned === undefined ? [] : [endSession(abandoned)]),
    READ_SESSION.text,
  ].join(';')
  const rows = await send(client, { ...READ_SESSION, text: settings }, [])
  const row = readOnlyRow(READ_SESSION, rows)
  const { backend, started_at: startedAt, recovering, readonly } = row
  if (recovering && target !== 'any') throw new Error('the server is a standby, in recovery')
  if (readonly && target === 'read-write') throw new Error('the server is read-only')
  return { backend, startedAt, recovering }
}

/** A role may end its own sessions. */
function endSession({ backend, startedAt }: ServerSession): string {
  return `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = ${backend} AND extract(epoch FROM backend_start)::text = '${startedAt}'`
}

const READ_SESSION = {
  name: 'openSession',
  effect: 'reads',
  protocol: 'simple',
  columns: { backend: INTEGER, started_at: TEXT, recovering: BOOLEAN, readonly: BOOLEAN },
  text: `SELECT pid AS backend, extract(epoch FROM backend_start)::text AS started_at,
    pg_is_in_recovery() AS recovering,
    current_setting('transaction_read_only')::boolean AS readonly
    FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
} satisfies Query

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

/** What Pit's statements are written for, whatever the role or the database is set to. */
const ROLE_SETTINGS = [
  'SET array_nulls = on',
  'SET transform_null_equals = off',
  'SET extra_float_digits = 1',
  'SET standard_conforming_strings = on',
  `SET default_transaction_isolation = 'read committed'`,
  'SET default_transaction_deferrable = off',
  // Rows that a policy hides would be payments that nobody knows: such a statement fails instead.
  'SET row_security = off',
].join(';')

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

// bigint as a number: milliseconds and cents stay far below 2^53, and what does not is refused by
// the check of its column.
function numericBigints(): pg.TypeOverrides {
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  return types
}

/** What is known of a statement when it failed: whether its bytes may have reached PostgreSQL. */
export interface Failing {
  readonly operation: string
  readonly effect: 'reads' | 'writes'
  readonly sent: 'no' | 'maybe'
  /** Whether a lock that is not had in time refuses what was asked. */
  readonly refusesHeld?: boolean
}

/**
 * Translates what pg or the network threw. A statement that PostgreSQL itself rejected (severity
 * ERROR) is rolled back for certain. FATAL and PANIC are not: a server that is shut down may say
 * them between its commit and its answer.
 */
export function toLedgerUnavailable(failing: Failing, cause: unknown): LedgerUnavailable {
  const certain = failing.sent === 'no' || failing.effect === 'reads' || wasRejected(cause)
  const outcome = certain ? 'none' : 'unknown'
  const refusal = refusalOf(cause, failing.refusesHeld === true)
  return new LedgerUnavailable(failing.operation, outcome, cause, refusal)
}

/** Longest text that is taken from PostgreSQL's message, characters. */
const WORDS_MAX = 300

/** What PostgreSQL refused for what it was given; undefined where it may be done another time. */
function refusalOf(cause: unknown, refusesHeld: boolean): Refusal | undefined {
  const sqlState = read(cause, 'code')
  if (!wasRejected(cause) || !/^[0-9A-Z]{5}$/.test(sqlState)) return undefined
  const isPassing = PASSING_CLASSES.has(sqlState.slice(0, 2))
  if (isPassing && !(refusesHeld && sqlState === LOCK_NOT_AVAILABLE)) return undefined
  return { sqlState, words: read(cause, 'message').replace(/\s+/g, ' ').slice(0, WORDS_MAX) }
}

// Connection, state of the transaction (a read-only server too), statement lost by a pooler, login,
// rollback, resources, object state, an operator, the system.
const PASSING_CLASSES = new Set(['08', '25', '26', '28', '40', '53', '55', '57', '58'])

/** A lock was not had within lock_timeout. */
const LOCK_NOT_AVAILABLE = '55P03'
// Deadlock, serialization failure.
const RETRIABLE_STATES = new Set(['40P01', '40001', LOCK_NOT_AVAILABLE])

/** Whether PostgreSQL rolled the statement back for a reason that may not hold the next time. */
export function isRetriable(cause: unknown): boolean {
  return wasRejected(cause) && RETRIABLE_STATES.has(read(cause, 'code'))
}

/** Whether somebody else held a row, or the table, for longer than the session waits for a lock. */
export function wasHeld(cause: unknown): boolean {
  return wasRejected(cause) && read(cause, 'code') === LOCK_NOT_AVAILABLE
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
// Too little memory or disk, too large: a new session would fare no better.
const RESOURCE_CLASSES = new Set(['53', '54'])

/**
 * Whether a session that rejected a statement so can serve the next one. Any other rejection may
 * hold for as long as the session does, as when it is read-only (25006), in a transaction that
 * failed (25P02), without its prepared statements (26000), or bound to how a table was before
 * (0A000): the session is ended, and a new one is looked for.
 */
function leavesSession(cause: unknown): boolean {
  const code = read(cause, 'code')
  if (STATEMENTS_LOST.has(code)) return false
  const group = code.slice(0, 2)
  return code === QUERY_CANCELED || STATEMENT_CLASSES.has(group) || RESOURCE_CLASSES.has(group)
}

// Unknown, or known already to a session that Pit has not told of it.
const STATEMENTS_LOST = new Set(['26000', '42P05'])

/** Says of a lost statement what only its reason in the field explains. */
function explained(cause: unknown): unknown {
  return STATEMENTS_LOST.has(read(cause, 'code')) ? new SharedSession(cause) : cause
}

/** Several connections are one session at the server, which therefore keeps nothing for any. */
export class SharedSession extends Error {
  override readonly name = 'SharedSession'
  /** As PostgreSQL's own errors say it: the statement was not run. */
  readonly severity = 'ERROR'
  readonly code: string

  /** @param cause PostgreSQL's own error, if that is how it was found. */
  constructor(cause?: unknown) {
    super(
      'DATABASE_URL leads to a pooler in transaction mode, where sessions and prepared ' +
        'statements do not last: name PostgreSQL itself, or a pool in session mode',
      { cause },
    )
    this.code = read(cause, 'code')
  }
}

function read(cause: unknown, key: 'severity' | 'code' | 'message'): string {
  if (typeof cause !== 'object' || cause === null) return ''
  const value: unknown = Reflect.get(cause, key)
  return typeof value === 'string' ? value : ''
}
