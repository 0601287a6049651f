// A connection to PostgreSQL that is opened when it is needed and again after it was lost, at the first
// of several servers that serves.

import assert from 'node:assert'
import { openConnection } from './connection.ts'
import type {
  ConnectionConfig,
  PostgresConnection,
  ServerSession,
  SessionHistories,
  Target,
} from './connection.ts'

export interface ServersConfig extends Omit<ConnectionConfig, 'connectionString' | 'target'> {
  /**
   * As libpq has it: `postgresql://user@host1:port1,host2:port2/database`. `target_session_attrs`
   * among its parameters goes before `target`.
   */
  readonly connectionString: string
  /** What a server must allow. Default `any`. */
  readonly target?: Target
}

/** After a failed attempt to connect the next one waits this long; meanwhile all is refused. */
const RECONNECT_DELAY_MS = 100
/** Bound on the orderly end of a session, ms. */
const END_TIMEOUT_MS = 500

export class PostgresReconnector {
  readonly #servers: readonly ConnectionConfig[]
  readonly #now: () => number
  readonly #histories: SessionHistories | undefined
  /** Counts on from a server that failed or was unfit: the one that served is tried first. */
  #turn = 0
  #connection: PostgresConnection | undefined
  /** Left with a statement under way; the next connection ends it. */
  #abandoned: ServerSession | undefined
  #refusal: { until: number; cause: unknown } | undefined

  /** @param now monotonic, ms. */
  constructor(config: ServersConfig, now = (): number => performance.now()) {
    this.#servers = serversOf(config)
    this.#now = now
    this.#histories = config.histories
  }

  /** Names the history that is known now. */
  get epoch(): number {
    return this.#histories?.epoch ?? 0
  }

  isOpen(): boolean {
    return this.#connection?.isOpen() === true
  }

  /**
   * The open connection, if it is of the history that is known now, else a new one, for which each
   * server is tried once, each with the whole of the bound: a share of it would be too short for one
   * that is busy. One call at a time. Rejects with the cause.
   */
  async connect(): Promise<PostgresConnection> {
    if (this.#connection?.isOpen() === true) {
      if (this.#connection.epoch === this.epoch) return this.#connection
      this.#connection.destroy()
    }
    if (this.#refusal !== undefined && this.#now() < this.#refusal.until) {
      throw this.#refusal.cause
    }
    if (this.#connection?.isUnfit() === true) this.#turn += 1
    this.#connection = undefined
    let failure: unknown
    for (let tries = 1; tries <= this.#servers.length; tries += 1) {
      const server = this.#servers[this.#turn % this.#servers.length]
      assert(server !== undefined, 'a connection string names at least one server')
      try {
        this.#connection = await openConnection(server, this.#abandoned)
        this.#abandoned = undefined
        this.#refusal = undefined
        return this.#connection
      } catch (cause) {
        failure = cause
        this.#turn += 1
      }
    }
    this.#refusal = { until: this.#now() + RECONNECT_DELAY_MS, cause: failure }
    throw failure
  }

  /** Drops the connection at once, with the statement on it; its session ends with the next one. */
  destroy(): void {
    this.#abandoned = this.#connection?.session ?? this.#abandoned
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

// Scheme and user, hosts with their ports, the rest.
const PARTS = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/i

function serversOf({ target = 'any', ...config }: ServersConfig): readonly ConnectionConfig[] {
  const [, user = '', hosts = '', rest = config.connectionString] =
    PARTS.exec(config.connectionString) ?? []
  const query = new URLSearchParams(/\?([^#]*)/.exec(rest)?.[1])
  const named = TARGETS.find((each) => each === query.get('target_session_attrs'))
  const places = hosts.split(',')
  return places.map((place) => ({
    ...config,
    connectionString: `${user}${place}${rest}`,
    target: named ?? target,
  }))
}

const TARGETS: readonly Target[] = ['any', 'read-write', 'primary']
