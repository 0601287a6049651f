// One Pit process as its container runs it: the Dockerfile's flags, the compose file's environment.

import { join } from 'node:path'
import { readCompose } from '../limits/compose-file.ts'
import type { Cgroup } from '../limits/cgroup-files.ts'
import { createPart, type Part } from './part.ts'
import { compiled, containerNodeFlags, projectRoot } from './project.ts'

/** Where a Pit listens for clients: behind nginx a unix socket, else a port. */
export type Listen = { readonly socketPath: string } | { readonly port: number }

export interface PitPart extends Part {
  readonly listen: Listen
  /** Base of /healthz, /readyz and /metrics. */
  readonly opsUrl: string
}

export function pitPart(place: {
  readonly name: string
  readonly dir: string
  readonly listen: Listen
  readonly opsPort: number
  readonly cgroup: Cgroup | undefined
  readonly starter?: readonly string[] | undefined
  /** Wins over the compose file. */
  readonly env: Readonly<Record<string, string>>
  /** Instead of Pit itself. */
  readonly program?: string | undefined
}): PitPart {
  const opsUrl = `http://127.0.0.1:${place.opsPort}`
  const listen =
    'port' in place.listen
      ? { PORT: String(place.listen.port) }
      : { LISTEN_SOCKET: place.listen.socketPath }
  const part = createPart({
    name: place.name,
    starter: place.starter,
    command: process.execPath,
    args: [...containerNodeFlags(), place.program ?? compiled('main.js')],
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      ...composeEnvironment(),
      INSTANCE_ID: place.name,
      ...listen,
      OPS_HOST: '127.0.0.1',
      OPS_PORT: String(place.opsPort),
      ...place.env,
    },
    dir: place.dir,
    cgroup: place.cgroup,
    stopSignal: 'SIGTERM',
    ready: () => isReady(opsUrl),
  })
  return Object.assign(part, { listen: place.listen, opsUrl })
}

/** What both instances have in common; the rest depends on where each runs. */
export function composeEnvironment(): Readonly<Record<string, string>> {
  const first = readCompose(join(projectRoot(), 'docker-compose.yml'))['pit-1']
  if (first === undefined) throw new Error('layout: docker-compose.yml has no service pit-1')
  const { LISTEN_SOCKET: _, ...common } = first.environment
  return common
}

async function isReady(opsUrl: string): Promise<boolean> {
  try {
    const answer = await fetch(`${opsUrl}/readyz`, { signal: AbortSignal.timeout(1000) })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return false
  }
}
