// The whole compose layout as processes of this machine, for specs, benchmarks and chaos: the same
// programs, settings files, flags and shares, without an engine for containers.

import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { createClosing, type Closing } from './closing.ts'
import { createGroups } from './groups.ts'
import { nginxPart } from './nginx.ts'
import type { Part } from './part.ts'
import { pitPart, type Listen, type PitPart } from './pit.ts'
import type { Layout, LayoutOptions, ProcessorUrls } from './plan.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { postgresPart } from './postgres.ts'
import { redisPart } from './redis.ts'
import { simulatorPart } from './simulator.ts'

/** Longest folder name that leaves room for /pit-99.sock in a socket's 107 bytes. */
const DIR_LENGTH_MAX = 94

/**
 * Starts a layout and resolves once every part is ready. When one is not, everything that was
 * started is stopped again before this rejects. SIGINT and SIGTERM stop it too.
 */
export async function startLayout(options: LayoutOptions = {}): Promise<Layout> {
  const dir = openDir(options.dir)
  const closing = createClosing({ dir: options.dir === undefined ? dir : undefined })
  try {
    return await startAll(options, dir, closing)
  } catch (failure) {
    await closing.close()
    throw failure
  }
}

async function startAll(options: LayoutOptions, dir: string, closing: Closing): Promise<Layout> {
  const groupOf = createGroups(options.limits, closing)
  const started = async <Kind extends Part>(part: Kind): Promise<Kind> => {
    closing.add(part)
    await part.start()
    return part
  }
  const port = async (name: keyof NonNullable<LayoutOptions['ports']>): Promise<number> =>
    options.ports?.[name] ?? (await freePort())

  const { ports, starterOf } = options
  const { postgres, redis } = await (options.stores ?? startStores(options, groupOf))({
    dir,
    ports,
    starterOf,
    started,
  })
  const processors = await openProcessors(options.processors, async (processor) => {
    const fee = { default: '0.05', fallback: '0.15' }[processor]
    return started(simulatorPart({ processor, dir, port: await port(processor), fee }))
  })
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis?.url ?? '',
    PROCESSOR_DEFAULT_URL: processors?.default.url ?? '',
    PROCESSOR_FALLBACK_URL: processors?.fallback.url ?? '',
    ...options.env,
  }
  const pits = await planPits({ options, dir, env, groupOf })
  await Promise.all(pits.map(started))
  const frontPort = await port('nginx')
  const nginx =
    options.nginx === false
      ? undefined
      : await started(
          nginxPart({ dir, port: frontPort, sockets: socketsOf(pits), cgroup: groupOf('nginx') }),
        )
  return {
    url: nginx === undefined ? urlOf(pits[0]?.listen) : `http://127.0.0.1:${frontPort}`,
    dir,
    pits,
    postgres,
    redis,
    nginx,
    processors,
    parts: closing.parts,
    stop: () => closing.close(),
  }
}

/** One PostgreSQL, and one Redis unless it is switched off. */
function startStores(
  options: LayoutOptions,
  groupOf: ReturnType<typeof createGroups>,
): NonNullable<LayoutOptions['stores']> {
  return async ({ dir, ports, started, starterOf }) => {
    const postgres = await started(
      await postgresPart({
        dir,
        port: ports?.postgres ?? (await freePort()),
        cgroup: groupOf('postgres'),
        settings: options.postgresSettings,
        starter: starterOf?.('postgres'),
      }),
    )
    if (options.redis === false) return { postgres, redis: undefined }
    const port = ports?.redis ?? (await freePort())
    return { postgres, redis: await started(redisPart({ dir, port, cgroup: groupOf('redis') })) }
  }
}

async function openProcessors(
  asked: ProcessorUrls | 'none' | undefined,
  startSimulator: (processor: ProcessorName) => Promise<{ readonly url: string }>,
): Promise<Layout['processors']> {
  if (asked === 'none') return undefined
  if (asked !== undefined) {
    return { default: { url: asked.default }, fallback: { url: asked.fallback } }
  }
  return { default: await startSimulator('default'), fallback: await startSimulator('fallback') }
}

/** All instances, not yet started: they start side by side. */
async function planPits(plan: {
  readonly options: LayoutOptions
  readonly dir: string
  readonly env: Readonly<Record<string, string>>
  readonly groupOf: ReturnType<typeof createGroups>
}): Promise<readonly PitPart[]> {
  const pits: PitPart[] = []
  for (let number = 1; number <= (plan.options.instances ?? 2); number += 1) {
    const name = `pit-${number}`
    const listen: Listen =
      plan.options.nginx === false
        ? { port: await freePort() }
        : { socketPath: join(plan.dir, `${name}.sock`) }
    const { dir, env, options } = plan
    const place = { name, dir, listen, opsPort: await freePort(), cgroup: plan.groupOf(name) }
    const { program, starterOf } = options
    pits.push(pitPart({ ...place, env, program, starter: starterOf?.(name) }))
  }
  return pits
}

function openDir(wanted: string | undefined): string {
  const dir = resolve(wanted ?? mkdtempSync(join(tmpdir(), 'pit-layout-')))
  if (dir.length > DIR_LENGTH_MAX) {
    throw new Error(`layout: ${dir} is too long a name for unix sockets in it`)
  }
  mkdirSync(dir, { recursive: true })
  // PostgreSQL's own account has to pass through it when this runs as root.
  chmodSync(dir, 0o755)
  return dir
}

function socketsOf(pits: readonly PitPart[]): string[] {
  return pits.flatMap(({ listen }) => ('socketPath' in listen ? [listen.socketPath] : []))
}

function urlOf(listen: Listen | undefined): string {
  return listen !== undefined && 'port' in listen ? `http://127.0.0.1:${listen.port}` : ''
}
