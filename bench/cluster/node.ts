// One PostgreSQL node: Patroni with compose/patroni.yml, which starts, follows and promotes its
// PostgreSQL, and what can be asked and done to either of them.

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { Account } from '../layout/launch.ts'
import { createPart, type Part } from '../layout/part.ts'
import { ordinaryAccount } from '../layout/postgres.ts'
import { projectRoot } from '../layout/project.ts'
import type { Programs } from './programs.ts'

export interface NodePart extends Part {
  /** PostgreSQL itself, past HAProxy. */
  readonly url: string
  readonly port: number
  /** Base of Patroni's REST interface. */
  readonly restUrl: string
  /** Process id of its PostgreSQL; undefined: none runs. */
  postmaster(): number | undefined
  /** Whether it is the primary and has the leader's lock. */
  isPrimary(): Promise<boolean>
  /** Has its next start make it anew from the primary. It must have ended before. */
  discardData(): void
}

/** A member as `GET /cluster` of Patroni has it. */
export interface Member {
  readonly name: string
  readonly role: string
  readonly state: string
}

export interface NodePlace {
  readonly name: string
  readonly dir: string
  readonly port: number
  readonly restPort: number
  readonly etcdPort: number
  readonly programs: Programs
  readonly isSynchronous: boolean
  /** Program that becomes PostgreSQL, with its arguments, such as `env`; empty: none. */
  readonly starter: readonly string[]
}

export function nodePart(place: NodePlace): NodePart {
  const account = process.getuid?.() === 0 ? ordinaryAccount() : undefined
  const home = join(place.dir, place.name)
  const data = join(home, 'data')
  for (const folder of [home, join(place.dir, 'archive')]) open(folder, account)
  const config = join(home, 'patroni.yml')
  writeFileSync(config, localConfig(place, { home, data, bin: binaries(place, home) }))
  const restUrl = `http://127.0.0.1:${place.restPort}`
  const postmaster = (): number | undefined => {
    try {
      const [pid] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
      return Number(pid)
    } catch {
      return undefined
    }
  }
  const part = createPart({
    name: place.name,
    command: place.programs.patroni,
    args: [config],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', HOME: home },
    dir: place.dir,
    account,
    stopSignal: 'SIGTERM',
    ready: () => isOk(`${restUrl}/health`),
    // Patroni detaches it.
    besides: postmaster,
  })
  return Object.assign(part, {
    url: `postgresql://pit@127.0.0.1:${place.port}/postgres`,
    port: place.port,
    restUrl,
    postmaster,
    isPrimary: () => isOk(`${restUrl}/primary`),
    discardData: () => rmSync(data, { recursive: true }),
  })
}

/** Throws where Patroni does not answer. */
export async function readMembers({ restUrl }: NodePart): Promise<readonly Member[]> {
  const answer = await fetch(`${restUrl}/cluster`, { signal: AbortSignal.timeout(ASK_MS) })
  return ((await answer.json()) as { members: readonly Member[] }).members
}

/** Hands the primary's role to a standby that Patroni chooses; false: Patroni does not take it now. */
export async function switchOver(primary: NodePart): Promise<boolean> {
  return isTaken(primary, 'switchover', { leader: primary.name })
}

/** Makes a standby the primary where there is none; false: Patroni does not take it now. */
export async function promote(standby: NodePart): Promise<boolean> {
  return isTaken(standby, 'failover', { candidate: standby.name })
}

async function isTaken({ restUrl }: NodePart, path: string, order: object): Promise<boolean> {
  const answer = await fetch(`${restUrl}/${path}`, {
    method: 'POST',
    body: JSON.stringify(order),
    signal: AbortSignal.timeout(SWITCHOVER_MS),
  })
  await answer.body?.cancel()
  return answer.ok
}

const ASK_MS = 1000
const SWITCHOVER_MS = 30_000

async function isOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_MS) })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return false
  }
}

/** On one machine nothing takes as long as between data centres: a failover is soon over. */
const QUICK = { ttl: 5, loop_wait: 1, retry_timeout: 2 } as const

interface Settings {
  readonly bootstrap: {
    readonly dcs: Record<string, unknown> & {
      readonly postgresql: { readonly parameters: Record<string, unknown> }
    }
  }
  readonly postgresql: Record<string, unknown>
}

/** compose/patroni.yml with this machine's places, trust on its loopback, and quick bounds. */
function localConfig(
  place: NodePlace,
  { home, data, bin }: { readonly home: string; readonly data: string; readonly bin: string },
): string {
  const compose = join(projectRoot(), 'compose')
  const text = readFileSync(join(compose, 'patroni.yml'), 'utf8')
  const settings = parse(text.replaceAll('/archive/', `${place.dir}/archive/`)) as Settings
  const { dcs } = settings.bootstrap
  const rest = `127.0.0.1:${place.restPort}`
  const own = `127.0.0.1:${place.port}`
  return stringify({
    ...settings,
    name: place.name,
    restapi: { listen: rest, connect_address: rest },
    etcd3: { host: `127.0.0.1:${place.etcdPort}` },
    bootstrap: {
      ...settings.bootstrap,
      dcs: {
        ...dcs,
        ...QUICK,
        synchronous_mode: place.isSynchronous,
        synchronous_mode_strict: place.isSynchronous,
      },
    },
    postgresql: {
      ...settings.postgresql,
      listen: own,
      connect_address: own,
      data_dir: data,
      bin_dir: bin,
      pgpass: join(home, 'pgpass'),
      custom_conf: join(compose, 'production.postgresql.conf'),
      parameters: { unix_socket_directories: '', shared_buffers: '64MB' },
      pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
    },
  })
}

/** Where PostgreSQL's programs are; with a starter, a folder where `postgres` begins with it. */
function binaries({ programs, starter }: NodePlace, home: string): string {
  const { postgresBin } = programs
  if (starter.length === 0) return postgresBin
  const folder = join(home, 'bin')
  mkdirSync(folder)
  for (const name of readdirSync(postgresBin)) {
    if (name !== 'postgres') symlinkSync(join(postgresBin, name), join(folder, name))
  }
  const line = [...starter, join(postgresBin, 'postgres')].map((word) => `'${word}'`).join(' ')
  writeFileSync(join(folder, 'postgres'), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 })
  return folder
}

function open(folder: string, account: Account | undefined): void {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o700)
  if (account !== undefined) chownSync(folder, account.uid, account.gid)
}
