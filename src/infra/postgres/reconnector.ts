// Keeps trying to connect, with pauses.

import { openConnection } from './connection.ts'
import type { ConnectionConfig, PostgresConnection } from './connection.ts'

/** After a failed attempt to connect the next one waits this long; meanwhile all is refused. */
const RECONNECT_DELAY_MS = 100
/** Bound on saying goodbye to the server. */
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

  /** Drops the connection at once, with what is under way on it. */
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
