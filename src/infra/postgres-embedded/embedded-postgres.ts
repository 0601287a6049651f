// Starts and stops a PostgreSQL of its own for machines that have none.

import { execFile } from 'node:child_process'
import { readFile, rename, access, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { ROLE, openCluster, type Cluster } from './cluster.ts'

export interface EmbeddedPostgresConfig {
  /** Folder of everything that is kept; made when missing. */
  readonly dataDir: string
  /** Default: any free one. */
  readonly port?: number
  /** Settings of PostgreSQL that replace Pit's own. */
  readonly settings?: Readonly<Record<string, string | number>>
}

export interface EmbeddedPostgres {
  readonly connectionString: string
  /** Ends all sessions and stops the server; may be called more than once. */
  stop(): Promise<void>
}

/**
 * Starts a PostgreSQL of Pit's own on 127.0.0.1, in a process group of its own, so that a Ctrl-C
 * meant for Pit does not stop it before Pit has drained. One that a killed Pit has left running on
 * the folder is replaced; one that another Pit is using is left alone. Rejects with an `Error` of
 * one clear sentence when the folder or the port cannot be used.
 */
export async function startEmbeddedPostgres(
  config: EmbeddedPostgresConfig,
): Promise<EmbeddedPostgres> {
  const cluster = await openCluster(config.dataDir)
  await replaceOrphan(cluster)
  const port = config.port ?? (await findFreePort())
  await cluster.configure({ ...SETTINGS, ...config.settings, port })
  await startServer(cluster, port)
  try {
    const keeper = await takeFolder(cluster, port)
    await createDatabase(keeper)
    let stopped: Promise<void> | undefined
    return {
      connectionString: address(cluster, { port, database: ROLE }),
      stop: () => (stopped ??= release(keeper, cluster)),
    }
  } catch (cause) {
    await stopServer(cluster)
    throw cause
  }
}

// Modest: it shares one machine with Pit. Every commit is on disk before it is answered.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
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
  const keeper = new pg.Client({
    connectionString: address(cluster, { port, database: 'postgres' }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  keeper.on('error', () => undefined) // the server has ended; the ledger notices by itself
  try {
    await keeper.connect()
    await keeper.query(`SET lock_timeout = '2s'; SELECT pg_advisory_lock(${FOLDER_LOCK})`)
    return keeper
  } catch (cause) {
    await keeper.end().catch(() => undefined)
    throw new Error(`another Pit or PostgreSQL is using ${cluster.path}`, { cause })
  }
}

async function release(keeper: pg.Client, cluster: Cluster): Promise<void> {
  void keeper.end().catch(() => undefined) // not waited for: the server's end is its end, too
  await stopServer(cluster)
}

async function replaceOrphan(cluster: Cluster): Promise<void> {
  const postmaster = await findPostmaster(cluster.path)
  if (postmaster === undefined) return
  const keeper = await takeFolder(cluster, postmaster.port)
  await keeper.end()
  await stopServer(cluster)
}

async function createDatabase(keeper: pg.Client): Promise<void> {
  const found = await keeper.query('SELECT FROM pg_database WHERE datname = $1', [ROLE])
  if (found.rowCount === 0) await keeper.query(`CREATE DATABASE ${ROLE}`)
}

async function startServer(cluster: Cluster, port: number): Promise<void> {
  const log = join(cluster.path, 'server.log')
  // Two runs are kept, so that the log does not grow over the years.
  await rename(log, `${log}.1`).catch(() => undefined)
  const args = ['start', '-D', cluster.path, '-l', log, '-w', '-t', '100', '-s']
  await cluster.binaries.run('pg_ctl', args).catch(async (cause: unknown) => {
    const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n')
    const reason = lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? `see ${log}`
    throw new Error(`PostgreSQL did not start on port ${port}: ${reason.trim()}`, { cause })
  })
}

// `fast` rolls back what is open and writes a checkpoint; `immediate` is the crash that the next
// start recovers from, for a server that cannot do that in time.
async function stopServer(cluster: Cluster): Promise<void> {
  for (const mode of ['fast', 'immediate']) {
    if ((await findPostmaster(cluster.path)) === undefined) return
    const args = ['stop', '-D', cluster.path, '-m', mode, '-w', '-t', '20', '-s']
    const isStopped = await cluster.binaries.run('pg_ctl', args).then(
      () => true,
      () => false,
    )
    if (isStopped) return
  }
  throw new Error(`PostgreSQL on ${cluster.path} does not stop`)
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 0))
    })
  })
}

/** A PostgreSQL server that runs on a data folder. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
}

/**
 * The server that runs on this folder, if any. `postmaster.pid` alone does not say: after a crash
 * its process number may belong to any other process, which must be neither signalled nor taken
 * for a server. Such a number would also keep PostgreSQL from starting, so the file is removed.
 */
export async function findPostmaster(path: string): Promise<Postmaster | undefined> {
  const file = join(path, 'postmaster.pid')
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const command = await readCommand(pid)
  if (command === '') return undefined
  if (command.includes('postgres') && command.includes(path)) return { pid, port: Number(lines[3]) }
  await rm(file, { force: true })
  return undefined
}

// Empty when there is no such process.
async function readCommand(pid: number): Promise<string> {
  const hasProc = await access('/proc/self/cmdline').then(
    () => true,
    () => false,
  )
  if (hasProc) return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const asked = promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)])
  return (await asked.catch(() => ({ stdout: '' }))).stdout
}
