// nginx with compose/nginx.conf, its paths and port replaced.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cgroup } from '../limits/cgroup-files.ts'
import { createPart, type Part } from './part.ts'
import { projectRoot } from './project.ts'
import { accepts } from './wait.ts'

export function nginxPart(place: {
  readonly dir: string
  readonly port: number
  readonly sockets: readonly string[]
  readonly cgroup: Cgroup | undefined
}): Part {
  if (spawnSync('nginx', ['-v']).status !== 0) throw new Error('layout: nginx is not on the PATH')
  const config = join(place.dir, 'nginx.conf')
  writeFileSync(config, localConfig(place))
  return createPart({
    name: 'nginx',
    command: 'nginx',
    args: ['-e', 'stderr', '-p', place.dir, '-c', config, '-g', mainDirectives()],
    env: { PATH: process.env['PATH'] ?? '' },
    dir: place.dir,
    cgroup: place.cgroup,
    stopSignal: 'SIGTERM',
    ready: () => accepts(place.port),
  })
}

/** As root the workers stay root: the sockets belong to root, and only their owner may connect. */
function mainDirectives(): string {
  return process.getuid?.() === 0 ? 'daemon off; user root;' : 'daemon off;'
}

function localConfig(place: {
  readonly dir: string
  readonly port: number
  readonly sockets: readonly string[]
}): string {
  const text = readFileSync(join(projectRoot(), 'compose/nginx.conf'), 'utf8')
  const withPort = replaced(text, /listen 9999 /, `listen 127.0.0.1:${place.port} `)
  const withPaths = replaced(withPort, /\/tmp\//g, `${place.dir}/`)
  const servers = /(?:^ *server unix:\S+ .*;\n)+/m
  const parameters = /server unix:\S+ (.*;)/.exec(text)?.[1] ?? ';'
  const lines = place.sockets.map((socket) => `    server unix:${socket} ${parameters}\n`)
  return replaced(withPaths, servers, lines.join(''))
}

/** A replacement that does not happen would run the container's paths on this machine. */
function replaced(text: string, pattern: RegExp, replacement: string): string {
  const result = text.replace(pattern, () => replacement)
  if (result === text) throw new Error(`layout: compose/nginx.conf no longer has ${pattern.source}`)
  return result
}
