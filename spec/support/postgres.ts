// A PostgreSQL of its own for a spec file, on a free port, gone when the file ends; one that a spec
// may stop, crash and freeze; and a proxy in front of one that loses answers.

import { execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { Socket, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { treeOf } from '../../bench/limits/process-tree.ts'
import { startEmbeddedPostgres } from '../../src/infra/postgres-embedded/embedded-postgres.ts'
import { findPostmaster } from '../../src/infra/postgres-embedded/postmaster.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'

/** A ledger's options where a spec does not care; specs find its connections by the name. */
export const LEDGER = {
  applicationName: 'pit',
  poolMax: 3,
  acceptTimeoutMs: 1_200,
  leaseTimeoutMs: 3_000,
} as const

export interface SpecPostgres {
  /** Connection string of an empty database of its own. */
  freshDatabase(): Promise<string>
  /** Connection string of the database that each server has. */
  readonly pitDatabase: string
  /** Process id of the server itself. */
  readonly pid: number
}

/**
 * Starts one server for the file that `t` is the root of; pass that root, not a subtest.
 *
 * @param settings of PostgreSQL.
 */
export async function startPostgres(
  t: Test,
  settings: Readonly<Record<string, string>> = {},
): Promise<SpecPostgres> {
  const folder = await makeEnterableFolder()
  const dataDir = join(folder, 'data')
  await copyTemplate(dataDir)
  const server = await startEmbeddedPostgres({ dataDir, settings: { ...FAST, ...settings } })
  const postmaster = await findPostmaster(join(dataDir, 'cluster'))
  if (postmaster === undefined) throw new Error('the server that was started does not run')
  const stopWatching = endWithThisProcess(postmaster.pid, folder)
  t.teardown(async () => {
    await server.stop()
    stopWatching()
    await rm(folder, { recursive: true, force: true })
  })

  let databases = 0
  return {
    pid: postmaster.pid,
    pitDatabase: server.connectionString,
    freshDatabase: async () => {
      databases += 1
      const name = `spec_${databases}`
      await runSql(server.connectionString, `CREATE DATABASE ${name}`)
      const address = new URL(server.connectionString)
      address.pathname = `/${name}`
      return address.href
    },
  }
}

/** Runs SQL on a connection of its own and gives the rows of its last statement. */
export async function runSql(
  connectionString: string,
  sql: string,
  values?: readonly (string | number)[],
): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const result = await client.query(sql, values === undefined ? undefined : [...values])
    return [result].flat().at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}

/** Fills a data folder, which may be there, as a start does, with its databases still empty. */
export async function copyTemplate(dataDir: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', `${await findTemplate()}/.`, dataDir])
}

/** A temporary folder that the user PostgreSQL runs as may enter, too. */
export async function makeEnterableFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pit-spec-'))
  await chmod(folder, 0o755)
  return folder
}

// What a crash would lose is of no interest here, except to the specs that start their own.
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

// initdb costs seconds on a slow machine, a copy does not. Renaming is atomic: of spec files that
// make the template at once, one wins and the others throw theirs away.
async function findTemplate(): Promise<string> {
  const template = projectFile(`build/pg-template-${await packageVersion()}-${process.getuid?.()}`)
  if (await stat(template).catch(() => undefined)) return template
  const draft = `${template}.${process.pid}`
  await mkdir(dirname(template), { recursive: true })
  const folder = await makeEnterableFolder()
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: FAST })
  await server.stop()
  await promisify(execFile)('cp', ['-a', join(folder, 'data'), draft])
  await rm(folder, { recursive: true, force: true })
  await rename(draft, template).catch(() => rm(draft, { recursive: true, force: true }))
  return template
}

async function packageVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('embedded-postgres')
  const text = await readFile(join(dirname(dirname(entry)), 'package.json'), 'utf8')
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

/**
 * For a spec file that ends without its teardown, also by SIGKILL: a shell that waits for the end of
 * this process stops PostgreSQL at once, and nothing is left. Gives what ends the shell.
 */
function endWithThisProcess(pid: number, folder: string): () => void {
  const script = `read _; kill -QUIT ${pid}; rm -rf '${folder}'`
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  shell.unref()
  // A pipe to a child is a socket, which would keep this process alive.
  if (shell.stdin instanceof Socket) shell.stdin.unref()
  return () => shell.kill('SIGKILL')
}

export interface PostgresProxy {
  /** The same database, by way of the proxy. */
  readonly connectionString: string
  /**
   * From now on lets requests that hold this text through, and cuts their connection as soon as
   * PostgreSQL answers, before the answer is passed on. Counts how often it did so.
   */
  loseAnswersTo(text: string | undefined): void
  readonly lost: () => number
  /** Connections that are open stay so and carry nothing any more; later ones work. */
  silence(): void
  /** Passes nothing on to PostgreSQL until the function that it gives is called. */
  holdUp(): () => void
  /** Ends all connections and listens no longer. */
  shut(): void
  /** How many connections were opened, those included that were ended at once. */
  readonly opened: () => number
}

export async function startProxy(t: Test, target: string): Promise<PostgresProxy> {
  const address = new URL(target)
  const targetPort = Number(address.port)
  const sockets = new Set<Socket>()
  let needle: string | undefined
  let lost = 0
  let opened = 0
  let silenced = 0
  let held = Promise.resolve()

  const server = createServer((client) => {
    opened += 1
    const turn = opened
    const isSilent = (): boolean => turn <= silenced
    const upstream = connect(targetPort, '127.0.0.1')
    let doomed = false
    client.on('data', (bytes) => {
      if (isSilent()) return
      if (needle !== undefined && bytes.includes(needle)) doomed = true
      void held.then(() => upstream.write(bytes)) // never rejects
    })
    upstream.on('data', (bytes) => {
      if (isSilent()) return undefined
      if (!doomed) return client.write(bytes)
      lost += 1
      doomed = false
      upstream.destroy()
      return client.destroy()
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const shut = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(shut)
  const bound = server.address()
  address.port = String(typeof bound === 'object' && bound !== null ? bound.port : 0)
  return {
    connectionString: address.href,
    loseAnswersTo: (text) => {
      needle = text
    },
    lost: () => lost,
    silence: () => {
      silenced = opened
    },
    holdUp: () => {
      let goOn = (): void => undefined
      held = new Promise((resolve) => (goOn = resolve))
      return goOn
    },
    shut,
    opened: () => opened,
  }
}

/** A server in recovery, as a standby is, until it is promoted; gone at the test's end. */
export async function startStandby(t: Test): Promise<{ readonly connectionString: string }> {
  const folder = await makeEnterableFolder()
  const dataDir = join(folder, 'data')
  await copyTemplate(dataDir)
  const settings = { ...FAST, wal_level: 'replica' }
  await (await startEmbeddedPostgres({ dataDir, settings })).stop()
  await writeFile(join(dataDir, 'cluster', 'standby.signal'), '')
  const server = await startEmbeddedPostgres({ dataDir, settings })
  t.teardown(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return { connectionString: server.connectionString }
}

export interface OwnPostgres {
  readonly connectionString: string
  /** PostgreSQL's own folder, to be copied or replaced while the server is stopped. */
  readonly path: string
  stop(): Promise<void>
  /** Ends it without a checkpoint: it recovers at its next start. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Keeps its port and connections and answers nothing. */
  freeze(): Promise<void>
  thaw(): Promise<void>
}

/** Stopped, with its data gone, at the test's end. */
export async function startOwnPostgres(
  t: Test,
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnPostgres> {
  const folder = await makeEnterableFolder()
  const dataDir = join(folder, 'data')
  await copyTemplate(dataDir)
  const path = join(dataDir, 'cluster')
  const port = await freePort()
  // What ends stays so until the spec starts it again.
  const config = { dataDir, port, restartsMax: 0, settings }
  let server = await startEmbeddedPostgres(config)
  const { connectionString } = server
  const postmasterPid = async (): Promise<number> => {
    const postmaster = await findPostmaster(path)
    if (postmaster === undefined) throw new Error('PostgreSQL does not run')
    return postmaster.pid
  }
  const signalAll = async (signal: NodeJS.Signals): Promise<void> => {
    for (const pid of treeOf(await postmasterPid())) process.kill(pid, signal)
  }
  t.teardown(async () => {
    // A test that failed may have left it frozen.
    await signalAll('SIGCONT').catch(() => undefined)
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    connectionString,
    path,
    stop: () => server.stop(),
    crash: async () => {
      process.kill(await postmasterPid(), 'SIGQUIT')
      await waitUntil({ what: 'PostgreSQL has crashed' }, async () => {
        return (await findPostmaster(path)) === undefined
      })
      // Until then it may take the folder's lock on the server that the spec starts next.
      await server.failed
    },
    start: async () => {
      server = await startEmbeddedPostgres(config)
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
  }
}
