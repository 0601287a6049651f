// A real redis-server with the settings file of compose/, on a port of the loopback.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Cgroup } from '../limits/cgroup-files.ts'
import { createPart, type Part } from './part.ts'
import { projectRoot } from './project.ts'
import { accepts } from './wait.ts'

export interface RedisPart extends Part {
  readonly url: string
}

export function redisPart(place: {
  readonly dir: string
  readonly port: number
  readonly cgroup: Cgroup | undefined
}): RedisPart {
  const settings = join(projectRoot(), 'compose/redis.conf')
  const part = createPart({
    name: 'redis',
    command: installed(),
    args: [settings, '--port', String(place.port), '--bind', '127.0.0.1', '--dir', place.dir],
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    cgroup: place.cgroup,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
  return Object.assign(part, { url: `redis://127.0.0.1:${place.port}` })
}

function installed(): string {
  const found = ['redis-server', 'valkey-server'].find(
    (name) => spawnSync(name, ['--version']).status === 0,
  )
  if (found === undefined) throw new Error('layout: redis-server is not on the PATH')
  return found
}
