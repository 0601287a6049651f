// What PostgreSQL does for payments and for instances: its statements by pg_stat_statements, the CPU of
// its sessions by /proc, the bytes of its log, and what its sessions wait for.

import pg from 'pg'
import { cpuSecondsOf } from '../limits/process-tree.ts'
import type { Figures } from '../measure/figures.ts'

/** Settings that a server needs to be watched. */
export const WATCHED = { shared_preload_libraries: 'pg_stat_statements' }

/** What a statement is for. A session of Pit has one of these, but for those that read. */
export type Work = 'accept' | 'settle' | 'renewal' | 'sweep' | 'reads' | 'bench'

/** @param query as PostgreSQL shows it. */
export function workOf(query: string): Work {
  const words = query.replaceAll(/\s+/g, ' ').trim()
  const found = WORDS.find(([, beginning]) => beginning.test(words))
  return found === undefined ? 'reads' : found[0]
}

const WORDS: readonly (readonly [Work, RegExp])[] = [
  ['accept', /^INSERT INTO payments /],
  ['settle', /^WITH outcome AS /],
  ['renewal', /^WITH granted AS \( UPDATE leases /],
  ['sweep', /^WITH (RECURSIVE )?(held|listed|lease) AS /],
]

/** What was done up to one moment. */
export interface WorkReading {
  /** Monotonic, ms. */
  readonly at: number
  /** Bytes of the log since the server was made. */
  readonly walBytes: number
  /** How often the log was made durable. */
  readonly walSyncs: number
  readonly statements: readonly {
    readonly work: Work
    readonly calls: number
    readonly walBytes: number
    /** Pages that stand in the log whole, each for the first time since a checkpoint. */
    readonly walPages: number
  }[]
  /** By process id. What is no session of a client is `background`. */
  readonly sessions: ReadonlyMap<
    number,
    { readonly work: Work | 'background'; readonly kind: string; readonly cpuSeconds: number }
  >
}

export class PostgresWatch {
  readonly #client: pg.Client
  readonly #waits = new Map<string, number>()
  #samples = 0

  private constructor(client: pg.Client) {
    this.#client = client
  }

  /** Connects to a server with the settings `WATCHED`. */
  static async open(url: string): Promise<PostgresWatch> {
    const client = new pg.Client({ connectionString: url, application_name: 'bench' })
    client.on('error', () => undefined)
    await client.connect()
    const { rows } = await client.query<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    )
    if (rows.some(({ standby }) => !standby)) {
      await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    }
    return new PostgresWatch(client)
  }

  async read(): Promise<WorkReading> {
    const { rows: sessions } = await this.#client.query<SessionRow>(SESSIONS)
    const { rows: statements } = await this.#client.query<StatementRow>(STATEMENTS)
    const { rows: logs } = await this.#client.query<{ bytes: number; syncs: number }>(LOG)
    return {
      at: performance.now(),
      walBytes: logs[0]?.bytes ?? 0,
      walSyncs: logs[0]?.syncs ?? 0,
      statements: statements.map(({ query, calls, wal_bytes, wal_pages }) => {
        return { work: workOf(query), calls, walBytes: wal_bytes, walPages: wal_pages }
      }),
      sessions: new Map(
        sessions.map(({ pid, kind, name, query }) => {
          const ofClient = name.startsWith('pit ') ? workOf(query) : 'bench'
          const work = kind === 'client backend' ? ofClient : 'background'
          return [pid, { work, kind, cpuSeconds: cpuSecondsOf(pid) }]
        }),
      ),
    }
  }

  /** Samples what Pit's sessions wait for, until `stop`. */
  watchWaits(): { stop(): Promise<Figures> } {
    this.#waits.clear()
    this.#samples = 0
    let sampling = Promise.resolve()
    const sample = (): void => void (sampling = sampling.then(() => this.#sample()))
    const timer = setInterval(sample, SAMPLE_EVERY_MS)
    return {
      stop: async () => {
        clearInterval(timer)
        await sampling
        return waitsOf(this.#waits, this.#samples)
      },
    }
  }

  close(): Promise<void> {
    return this.#client.end()
  }

  async #sample(): Promise<void> {
    const { rows } = await this.#client.query<{ wait: string; sessions: number }>(WAITS)
    this.#samples += 1
    for (const { wait, sessions } of rows) {
      this.#waits.set(wait, (this.#waits.get(wait) ?? 0) + sessions)
    }
  }
}

/** Figures by work: calls, CPU seconds, bytes and whole pages of the log, by its background by kind. */
export function workBetween(
  start: WorkReading,
  end: WorkReading,
): Readonly<Record<string, Figures>> {
  const seconds = (end.at - start.at) / 1000
  const sum = (reading: WorkReading, work: string, figure: 'calls' | 'walBytes' | 'walPages') =>
    reading.statements
      .filter((statement) => statement.work === work)
      .reduce((total, statement) => total + statement[figure], 0)
  const byWork = new Map<string, number>()
  for (const [pid, { work, kind, cpuSeconds }] of end.sessions) {
    const used = cpuSeconds - (start.sessions.get(pid)?.cpuSeconds ?? 0)
    const name = work === 'background' ? kind : work
    byWork.set(name, (byWork.get(name) ?? 0) + used)
  }
  return Object.fromEntries(
    [...byWork].map(([work, cpuSeconds]) => {
      const grown = (figure: 'calls' | 'walBytes' | 'walPages'): number =>
        sum(end, work, figure) - sum(start, work, figure)
      const calls = grown('calls')
      const done = { calls, walBytes: grown('walBytes'), walPages: grown('walPages') }
      return [
        work,
        { cpuSeconds, ...(calls === 0 ? {} : { ...done, callsPerSecond: calls / seconds }) },
      ]
    }),
  )
}

/** Mean number of sessions at a time, by what they were at. */
export function waitsOf(waits: ReadonlyMap<string, number>, samples: number): Figures {
  const at = (pattern: RegExp): number =>
    [...waits].reduce((sum, [wait, seen]) => sum + (pattern.test(wait) ? seen : 0), 0) /
    Math.max(1, samples)
  return {
    sessionsOnCpu: at(/^CPU$/),
    sessionsAtWal: at(/:Wal|:WAL/),
    sessionsAtStandby: at(/:SyncRep$/),
    sessionsAtLocks: at(/^Lock:/),
    sessionsAtOthers: at(/^(?!CPU$|Lock:|.*:Wal|.*:WAL|.*:SyncRep$)/),
  }
}

/** Between two samples, ms: each costs PostgreSQL some 0.3 ms. */
const SAMPLE_EVERY_MS = 50

interface SessionRow {
  readonly pid: number
  readonly kind: string
  readonly name: string
  readonly query: string
}

interface StatementRow {
  readonly query: string
  readonly calls: number
  readonly wal_bytes: number
  readonly wal_pages: number
}

const SESSIONS = `SELECT pid, backend_type AS kind, coalesce(application_name, '') AS name,
  coalesce(query, '') AS query FROM pg_stat_activity`
const STATEMENTS = `SELECT query, calls::float8, wal_bytes::float8, wal_fpi::float8 AS wal_pages
  FROM pg_stat_statements WHERE toplevel`
const LOG = `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
    ELSE pg_current_wal_insert_lsn() END - '0/0')::float8 AS bytes,
  (SELECT coalesce(sum(fsyncs), 0)::float8 FROM pg_stat_io WHERE object = 'wal') AS syncs`
const WAITS = `SELECT coalesce(wait_event_type || ':' || wait_event, 'CPU') AS wait,
  count(*)::int AS sessions
  FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE 'pit %' GROUP BY 1`
