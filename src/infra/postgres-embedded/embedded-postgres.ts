// Starts and stops a PostgreSQL of its own for machines that have none.

import { readFileSync } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { codeOf, wordsOf } from '../../actors/model/errors.ts'
import { freePort } from '../process/free-port.ts'
import { ROLE, openCluster, unwritable, type Cluster } from './cluster.ts'
import { findFormerHold, holdFolder, type Hold } from './folder-hold.ts'
import { clearRemains, findPostmaster, isServedElsewhere } from './postmaster.ts'
import { readPostmaster, takesSockets } from './postmaster.ts'

export interface EmbeddedPostgresConfig {
  /** Folder of everything that is kept; made when missing. */
  readonly dataDir: string
  /** Any free one, unless a spec gives one. */
  readonly port?: number
  /** Settings of PostgreSQL that replace Pit's own, for specs. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** How often within a minute a server that has ended is started again: 5, in specs less. */
  readonly restartsMax?: number
  /** Called before a folder's first data is made, which takes some seconds. */
  readonly onFirstStart?: () => void
  /** Told of a server that has ended by itself. */
  readonly onRepair?: (news: RepairNews) => void
}

/** `ended`: it is started again now, as often as it takes; `runs`: that took so many ms. */
export type RepairNews =
  | { readonly state: 'ended'; readonly cause: string }
  | { readonly state: 'runs'; readonly tookMs: number }

export interface EmbeddedPostgres {
  readonly connectionString: string
  /** Resolves once the server has ended by itself and could not be started again. */
  readonly failed: Promise<Error>
  /** Ends all sessions and stops the server; may be called more than once. */
  stop(): Promise<void>
}

/**
 * Starts a PostgreSQL of Pit's own on 127.0.0.1, in a process group of its own, so that a Ctrl-C
 * meant for Pit does not stop it before Pit has drained. One that a killed Pit has left running on
 * the folder is replaced; one that another Pit is using, in this container or in another one that
 * shares the folder, is left alone. A server that ends is started again; one that runs when this
 * process ends is told to stop. Rejects with an `Error` of one clear sentence when the folder or the
 * port cannot be used.
 */
export async function startEmbeddedPostgres(
  config: EmbeddedPostgresConfig,
): Promise<EmbeddedPostgres> {
  const cluster = await openCluster(config.dataDir, config.onFirstStart)
  const hold = await holdAlone(cluster)
  try {
    const port = config.port ?? (await freePort())
    // A socket in its own folder, so that a Pit of another container can tell that it runs.
    const sockets = { unix_socket_directories: (await takesSockets(cluster.path)) ? '.' : '' }
    await cluster.configure({ ...SETTINGS, ...sockets, ...config.settings, port })
    await startServer(cluster, port)
    const { restartsMax = RESTARTS_MAX, onRepair = () => undefined } = config
    return await serve(cluster, { port, hold, restartsMax, onRepair })
  } catch (cause) {
    await hold.release()
    throw cause
  }
}

/** Holds the folder, with no server on it. Rejects where somebody else does, here or elsewhere. */
async function holdAlone(cluster: Cluster): Promise<Hold> {
  const file = join(dirname(cluster.path), 'in-use')
  const former = await findFormerHold(file)
  if (former === undefined || (await isServedElsewhere(cluster.path))) throw inUse(cluster)
  await replaceOrphan(cluster)
  const hold = await holdFolder(file, former).catch((cause: unknown) => {
    throw unwritable(file, cause)
  })
  if (hold === undefined) throw inUse(cluster)
  return hold
}

async function serve(
  cluster: Cluster,
  running: Omit<Running, 'lockHolder'>,
): Promise<EmbeddedPostgres> {
  const { port } = running
  try {
    const lockHolder = await takeFolder(cluster, port)
    await createDatabase(lockHolder)
    return {
      connectionString: address(cluster, { port, database: ROLE }),
      ...keepRunning(cluster, { ...running, lockHolder }),
    }
  } catch (cause) {
    await stopServer(cluster, port)
    throw cause
  }
}

// Modest: it shares one machine with Pit. Every commit is on disk before it is answered.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  max_connections: 40,
  shared_buffers: '32MB',
  fsync: 'on',
  synchronous_commit: 'on',
  // Nothing replicates from it.
  wal_level: 'minimal',
  max_wal_senders: 0,
  max_logical_replication_workers: 0,
  max_wal_size: '256MB',
  max_parallel_workers_per_gather: 0,
  io_method: 'sync',
  autovacuum_naptime: '15s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // The log names faults, not the data in the statements.
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
} as const

/** Held by the Pit that uses the folder, for as long as it is connected. */
const FOLDER_LOCK = 7_052_029
const CONNECT_TIMEOUT_MS = 5_000

function address(cluster: Cluster, at: { port: number; database: string }): string {
  return `postgres://${ROLE}:${cluster.password}@127.0.0.1:${at.port}/${at.database}`
}

// The advisory lock tells an orphan from a server in use. It waits a moment, as the sessions of a
// Pit that was just killed may take one to end.
async function takeFolder(cluster: Cluster, port: number): Promise<pg.Client> {
  const lockHolder = new pg.Client({
    connectionString: address(cluster, { port, database: 'postgres' }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  lockHolder.on('error', () => undefined) // the server has ended; the ledger notices by itself
  try {
    await lockHolder.connect()
    await lockHolder.query(`SET lock_timeout = '2s'; SELECT pg_advisory_lock(${FOLDER_LOCK})`)
    return lockHolder
  } catch (cause) {
    await lockHolder.end().catch(() => undefined)
    // Class 28: nobody is let in by this password, whoever uses the folder.
    throw codeOf(cause).startsWith('28') ? notLetIn(cluster, cause) : inUse(cluster, cause)
  }
}

function notLetIn({ path }: Cluster, cause: unknown): Error {
  const file = join(dirname(path), 'password')
  const why = `is not let in by ${file}: ${wordsOf(cause)}`
  return new Error(`Pit ${why}; docs/DATABASE.md says how to make a new one`, { cause })
}

/** Time within which a server that has ended has to run again, and pause between the tries, ms. */
const REPAIR_MS = 60_000
const REPAIR_PAUSE_MS = 1_000
/** Starts within that time, counting those that fail. */
const RESTARTS_MAX = 5

interface Running {
  readonly port: number
  readonly hold: Hold
  readonly lockHolder: pg.Client
  readonly restartsMax: number
  readonly onRepair: (news: RepairNews) => void
}

/** Starts a server that ends again, until it is stopped or that is needed too often. */
function keepRunning(
  cluster: Cluster,
  { port, hold, lockHolder: first, restartsMax, onRepair }: Running,
): Pick<EmbeddedPostgres, 'failed' | 'stop'> {
  let lockHolder = first
  let repair = Promise.resolve()
  let stopped: Promise<void> | undefined
  let restarts: readonly number[] = []
  const { promise: failed, resolve: fail } = withResolver<Error>()
  const watch = (): void => {
    let words = 'its sessions have ended'
    lockHolder.once('error', (error) => (words = wordsOf(error)))
    lockHolder.once('end', () => {
      if (stopped === undefined) repair = runAgain(words)
    })
  }
  const runAgain = async (words: string): Promise<void> => {
    const endedAt = performance.now()
    const deadline = endedAt + REPAIR_MS
    let isTold = false
    let cause: unknown = new Error('it ends again and again')
    while (stopped === undefined && performance.now() < deadline) {
      try {
        const runs = (await findPostmaster(cluster.path)) !== undefined
        restarts = restarts.filter((at) => at > performance.now() - REPAIR_MS)
        if (!runs && restarts.length >= restartsMax) break
        if (!runs) {
          if (!isTold) onRepair({ state: 'ended', cause: words })
          isTold = true
          restarts = [...restarts, performance.now()]
          await startServer(cluster, port)
        }
        lockHolder = await takeFolder(cluster, port)
        watch()
        if (isTold) onRepair({ state: 'runs', tookMs: Math.round(performance.now() - endedAt) })
        return
      } catch (error) {
        cause = error
      }
      await delay(REPAIR_PAUSE_MS)
    }
    const message = `PostgreSQL on ${cluster.path} has ended and does not run again`
    if (stopped === undefined) fail(new Error(`${message}: ${wordsOf(cause)}`, { cause }))
  }
  const tellToStop = (): void => stopAtExit(cluster, port)
  const stop = async (): Promise<void> => {
    await repair
    void lockHolder.end().catch(() => undefined) // not waited for: the server's end is its end, too
    await stopServer(cluster, port)
    await hold.release()
    process.off('exit', tellToStop)
  }
  process.on('exit', tellToStop)
  watch()
  return { failed, stop: () => (stopped ??= stop()) }
}

// A process that ends by a bug can await nothing any more. An orderly stop of the server
// goes on by itself.
function stopAtExit(cluster: Cluster, port: number): void {
  try {
    const note = readFileSync(join(cluster.path, 'postmaster.pid'), 'utf8')
    const postmaster = readPostmaster(note)
    if (postmaster?.port === port) process.kill(postmaster.pid, 'SIGINT')
  } catch {
    // It does not run.
  }
}

/**
 * What says at once that the folder is another Pit's, or that nobody is let in. All else may be a
 * server that is starting or stopping: it may also cut a connection without a word.
 */
const LASTING = /^(55P03|28...)$/
const ORPHAN_WAIT_MS = 20_000

async function replaceOrphan(cluster: Cluster): Promise<void> {
  const deadline = performance.now() + ORPHAN_WAIT_MS
  for (;;) {
    const postmaster = await findPostmaster(cluster.path)
    if (postmaster === undefined) return
    try {
      if (postmaster.port === undefined) throw inUse(cluster)
      const lockHolder = await takeFolder(cluster, postmaster.port)
      await lockHolder.end()
      return await stopServer(cluster, postmaster.port)
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined
      if (LASTING.test(codeOf(cause)) || performance.now() > deadline) throw error
      await delay(REPAIR_PAUSE_MS / 5)
    }
  }
}

function inUse({ path }: Cluster, cause?: unknown): Error {
  const advice = 'a second Pit needs a DATA_DIR of its own'
  return new Error(`another Pit or PostgreSQL is using ${path}; ${advice}`, { cause })
}

async function createDatabase(lockHolder: pg.Client): Promise<void> {
  const found = await lockHolder.query('SELECT FROM pg_database WHERE datname = $1', [ROLE])
  if (found.rowCount === 0) await lockHolder.query(`CREATE DATABASE ${ROLE}`)
}

/** Tries of a start that meets sessions of a server that was killed; they end by themselves. */
const STARTS_MAX = 20

async function startServer(cluster: Cluster, port: number): Promise<void> {
  const log = join(cluster.path, 'server.log')
  // Two runs are kept, so that the log does not grow over the years.
  await rename(log, `${log}.1`).catch(() => undefined)
  await clearRemains(cluster.path)
  for (let starts = 1; ; starts += 1) {
    const reason = await tryToStart(cluster, log)
    if (reason === undefined) return
    // PostgreSQL has no code for it; its programs are run in English.
    if (starts >= STARTS_MAX || !reason.includes('shared memory block')) {
      throw new Error(`PostgreSQL did not start on port ${port}: ${reason}`)
    }
    await delay(REPAIR_PAUSE_MS / 4)
  }
}

/** Why it did not start; undefined when it runs. */
async function tryToStart({ binaries, path }: Cluster, log: string): Promise<string | undefined> {
  const args = ['start', '-D', path, '-l', log, '-w', '-t', '100', '-s']
  try {
    await binaries.run('pg_ctl', args)
    return undefined
  } catch {
    const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n')
    return (lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? `see ${log}`).trim()
  }
}

// `fast` rolls back what is open and writes a checkpoint; `immediate` is the crash that the next
// start recovers from, for a server that cannot do that in time. One at another port is another
// Pit's, which has taken the folder while this one was suspended.
async function stopServer(cluster: Cluster, port: number): Promise<void> {
  for (const mode of ['fast', 'immediate']) {
    if ((await findPostmaster(cluster.path))?.port !== port) return
    const args = ['stop', '-D', cluster.path, '-m', mode, '-w', '-t', '20', '-s']
    const isStopped = await cluster.binaries.run('pg_ctl', args).then(
      () => true,
      () => false,
    )
    if (isStopped) return
  }
  throw new Error(`PostgreSQL on ${cluster.path} does not stop`)
}

function withResolver<Value>(): {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value) => void
} {
  let resolve: (value: Value) => void = () => undefined
  const promise = new Promise<Value>((take) => {
    resolve = take
  })
  return { promise, resolve }
}
