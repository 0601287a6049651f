// A real redis-server with the settings file of compose/, on a port of the loopback.

import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cgroup } from '../limits/cgroup-files.ts'
import { createPart, type Part } from './part.ts'
import { projectRoot } from './project.ts'
import { accepts } from './wait.ts'

export interface RedisPart extends Part {
  readonly url: string
  readonly port: number
}

export function redisPart(place: {
  readonly dir: string
  readonly port: number
  readonly cgroup: Cgroup | undefined
  /** `redis` unless said otherwise. */
  readonly name?: string
  /** What instances are told; where it listens unless said otherwise. */
  readonly url?: string
  /** Settings that win over the file. */
  readonly args?: readonly string[]
}): RedisPart {
  const name = place.name ?? 'redis'
  // A copy: Sentinels have a Redis rewrite the file that it was started with.
  const settings = join(place.dir, `${name}.conf`)
  copyFileSync(join(projectRoot(), 'compose/redis.conf'), settings)
  const own = ['--port', String(place.port), '--bind', '127.0.0.1', '--dir', place.dir]
  const part = createPart({
    name,
    command: redisProgram(),
    args: [settings, ...own, ...(place.args ?? [])],
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    cgroup: place.cgroup,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
  return Object.assign(part, {
    url: place.url ?? `redis://127.0.0.1:${place.port}`,
    port: place.port,
  })
}

/** Throws where there is none. */
export function redisProgram(): string {
  const found = ['redis-server', 'valkey-server'].find(
    (name) => spawnSync(name, ['--version']).status === 0,
  )
  if (found === undefined) throw new Error('layout: redis-server is not on the PATH')
  return found
}
