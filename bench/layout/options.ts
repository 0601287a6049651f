// The command line of `npm run layout`, and the option that benchmarks of a layout share with it.

import { join } from 'node:path'
import { readOptions, readWhole } from '../challenge/arguments.ts'
import { UsageError } from '../challenge/errors.ts'
import { startCluster } from '../cluster/cluster.ts'
import { readShares } from '../limits/shares.ts'
import { parseTarget } from '../load/target.ts'
import type { LayoutOptions, ProcessorUrls } from './plan.ts'
import { projectRoot } from './project.ts'

export type LayoutCommand =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run'
      readonly options: LayoutOptions
      /** Run in a shell once the layout is ready; undefined: the layout goes on by itself. */
      readonly command: string | undefined
    }

/** @throws UsageError */
export function readLayoutCommand(args: readonly string[]): LayoutCommand {
  const values = readOptions(args, FLAGS)
  if (values.help === true) return { kind: 'help' }
  const processors = readProcessorUrls({
    default: values['default-url'],
    fallback: values['fallback-url'],
  })
  const port = readWhole('port', values.port, { min: 1, max: 65_535 })
  const options: LayoutOptions = {
    ...(values.dir === undefined ? {} : { dir: values.dir }),
    ...(values.cluster === true ? { stores: startCluster, env: { REWIND_ASK_MS: '0' } } : {}),
    instances: readWhole('instances', values.instances, { min: 1, max: 99 }),
    limits:
      values.limits === true ? readShares(join(projectRoot(), 'docker-compose.yml')) : undefined,
    ...(processors === undefined
      ? { ports: { nginx: port, default: 8001, fallback: 8002 } }
      : { ports: { nginx: port }, processors }),
  }
  return { kind: 'run', options, command: values.run }
}

export const USAGE = `npm run layout -- [options]

Starts PostgreSQL, Redis, two simulated processors, Pit instances and nginx with the settings of
compose/, until Ctrl-C.

  --cluster           PostgreSQL as three nodes under Patroni with etcd and HAProxy, Redis with a
                      replica and Sentinels
  --limits            with the CPU and memory shares of docker-compose.yml (needs cgroups)
  --dir FOLDER        where data and logs are kept (a temporary folder, removed)
  --instances N       Pit instances (2)
  --port N            nginx (9999); the simulators have 8001 and 8002
  --default-url URL   the default processor of somebody else
  --fallback-url URL  the fallback processor; with both, no simulator is started
  --run 'COMMAND'     runs a command, then stops everything, prints what each part used and exits
                      as the command did
  --help              this text
`

/**
 * The processors that others run; undefined when neither is given.
 * @throws UsageError when only one is, and for what is no http://host:port.
 */
export function readProcessorUrls(given: {
  readonly default: string | undefined
  readonly fallback: string | undefined
}): ProcessorUrls | undefined {
  const byDefault = readOrigin('default-url', given.default)
  const byFallback = readOrigin('fallback-url', given.fallback)
  if (byDefault === undefined && byFallback === undefined) return undefined
  if (byDefault === undefined || byFallback === undefined) {
    throw new UsageError('--default-url and --fallback-url go together; one of them is missing')
  }
  if (byDefault === byFallback) {
    throw new UsageError('--default-url and --fallback-url are the same processor')
  }
  return { default: byDefault, fallback: byFallback }
}

function readOrigin(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  try {
    if ('host' in parseTarget(text)) return new URL(text).origin
  } catch (cause) {
    throw new UsageError(`--${flag} takes http://host:port`, { cause })
  }
  throw new UsageError(`--${flag} takes http://host:port`)
}

const FLAGS = {
  cluster: { type: 'boolean' },
  limits: { type: 'boolean' },
  dir: { type: 'string' },
  instances: { type: 'string', default: '2' },
  port: { type: 'string', default: '9999' },
  'default-url': { type: 'string' },
  'fallback-url': { type: 'string' },
  run: { type: 'string' },
  help: { type: 'boolean' },
} as const
