// A few connections for one kind of work, reconnecting by themselves.

import assert from 'node:assert'
import { isBug, LedgerUnavailable } from '../../actors/model/errors.ts'
import { ANOTHER_HISTORY, isRetriable, toLedgerUnavailable, wasHeld } from './connection.ts'
import type { Parameter, PostgresConnection } from './connection.ts'
import { PostgresReconnector } from './reconnector.ts'
import type { ServersConfig } from './reconnector.ts'
import { readOnlyRow, readRows } from './rows.ts'
import type { Columns, Query, RowOf, Statement } from './rows.ts'

/** Statements that may wait in one pool; more are refused at once. */
const WAITING_MAX = 1_000
/** Runs of one statement that PostgreSQL rolled back for a deadlock or the like. */
const RUNS_MAX = 4

export interface PoolConfig extends ServersConfig {
  /** Connections, opened when they are needed. */
  readonly size: number
  /** Bound on each statement, waiting and connecting included, ms. */
  readonly timeoutMs: number
}

interface Task {
  readonly statement: Statement
  readonly values: readonly Parameter[]
  readonly resolve: (rows: readonly object[]) => void
  readonly reject: (failure: unknown) => void
  readonly timer: NodeJS.Timeout
  /** Names the history in which it was asked for. */
  readonly epoch: number
  phase: 'waiting' | 'connecting' | 'sent' | 'done'
  /** The one that it was sent on. */
  connection: PooledConnection | undefined
}

interface PooledConnection {
  busy: boolean
  /** Ends with the statement that is running; never rejects. */
  work: Promise<void>
  readonly reconnector: PostgresReconnector
}

/**
 * Connections of their own for one kind of statement, so that it never queues behind another kind.
 * They reconnect by themselves. Each call settles within its bound, whatever the server does, and
 * rejects only with `LedgerUnavailable`. A bug, such as a row that does not fit its query, rejects as
 * it is.
 */
export class PostgresPool {
  readonly #config: PoolConfig
  readonly #connections: readonly PooledConnection[]
  readonly #waiting: Task[] = []
  #closed = false

  constructor(config: PoolConfig) {
    this.#config = config
    this.#connections = Array.from({ length: config.size }, () => ({
      busy: false,
      work: Promise.resolve(),
      reconnector: new PostgresReconnector(config),
    }))
  }

  /** All rows. */
  async run<Shape extends Columns>(
    query: Query<Shape>,
    values: readonly Parameter[],
    timeoutMs?: number,
  ): Promise<readonly RowOf<Shape>[]> {
    return readRows(query, await this.#send(query, values, timeoutMs))
  }

  /** The row of a query that always returns exactly one. */
  async runForRow<Shape extends Columns>(
    query: Query<Shape>,
    values: readonly Parameter[],
    timeoutMs?: number,
  ): Promise<RowOf<Shape>> {
    return readOnlyRow(query, await this.#send(query, values, timeoutMs))
  }

  /** Runs what returns no rows. */
  async execute(statement: Statement, values: readonly Parameter[]): Promise<void> {
    await this.#send(statement, values)
  }

  #send(
    statement: Statement,
    values: readonly Parameter[],
    timeoutMs = this.#config.timeoutMs,
  ): Promise<readonly object[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed || this.#waiting.length >= WAITING_MAX) {
        reject(new LedgerUnavailable(statement.name, 'none'))
        return
      }
      const task: Task = {
        statement,
        values,
        resolve,
        reject,
        timer: setTimeout(() => this.#giveUp(task), Math.max(1, timeoutMs)),
        epoch: this.#config.histories?.epoch ?? 0,
        phase: 'waiting',
        connection: undefined,
      }
      this.#waiting.push(task)
      this.#dispatch()
    })
  }

  /**
   * Refuses new statements, lets those that are running end within their bounds, then disconnects.
   */
  async close(): Promise<void> {
    this.#closed = true
    for (const task of this.#waiting.splice(0)) this.#fail(task, new Error('closed'))
    await Promise.all(
      this.#connections.map(({ work, reconnector }) => work.then(() => reconnector.end())),
    )
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#connections.filter(({ busy }) => !busy)
      const pooled = idle.find(({ reconnector }) => reconnector.isOpen()) ?? idle[0]
      if (pooled === undefined) return
      const task = this.#waiting.shift()
      assert(task !== undefined, 'a statement is waiting')
      pooled.work = this.#serve(pooled, task)
    }
  }

  async #serve(pooled: PooledConnection, task: Task): Promise<void> {
    pooled.busy = true
    task.phase = 'connecting'
    try {
      const connection = await pooled.reconnector.connect()
      if (hasEnded(task)) return
      // What was decided in one history is not written into another one.
      if ((connection.epoch ?? task.epoch) !== task.epoch) throw new Error(ANOTHER_HISTORY)
      task.phase = 'sent'
      task.connection = pooled
      const rows = await this.#runUntilDecided(connection, task)
      this.#finish(task)?.resolve(rows)
    } catch (cause) {
      this.#fail(task, cause)
      // A statement may have been sent in part: the next one on this connection would wait for it.
      if (isBug(cause)) pooled.reconnector.destroy()
    } finally {
      pooled.busy = false
      this.#dispatch()
    }
  }

  /** Whoever asked for a short wait goes on without what somebody holds. */
  get #refusesHeld(): boolean {
    return this.#config.lockTimeoutMs !== undefined
  }

  async #runUntilDecided(connection: PostgresConnection, task: Task): Promise<readonly object[]> {
    for (let runs = 1; ; runs += 1) {
      try {
        return await connection.query(task.statement, task.values)
      } catch (cause) {
        const isRefused = this.#refusesHeld && wasHeld(cause)
        if (runs >= RUNS_MAX || hasEnded(task) || isRefused || !isRetriable(cause)) throw cause
      }
    }
  }

  // Out of time. A statement that was sent leaves its connection in an unknown state.
  #giveUp(task: Task): void {
    const index = this.#waiting.indexOf(task)
    if (index >= 0) this.#waiting.splice(index, 1)
    const { connection } = task
    this.#fail(task, new Error('timeout'))
    connection?.reconnector.destroy()
  }

  #fail(task: Task, cause: unknown): void {
    const { name: operation, effect } = task.statement
    const sent = task.phase === 'sent' ? 'maybe' : 'no'
    const failing = { operation, effect, sent, refusesHeld: this.#refusesHeld } as const
    const failure = isBug(cause) ? cause : toLedgerUnavailable(failing, cause)
    this.#finish(task)?.reject(failure)
  }

  #finish(task: Task): Task | undefined {
    if (hasEnded(task)) return undefined
    clearTimeout(task.timer)
    task.phase = 'done'
    task.connection = undefined
    return task
  }
}

// A call of its own, so that the type checker does not take the phase for unchanged after awaits.
function hasEnded(task: Task): boolean {
  return task.phase === 'done'
}
