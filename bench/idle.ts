// npm run bench:idle: what the whole layout takes while nobody posts.

import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { wakeUpsOf } from './limits/process-tree.ts'
import { type Note, runBench } from './measure/command.ts'
import type { Figures } from './measure/figures.ts'
import { oneOf, text, whole } from './measure/flags.ts'
import { loadSteadily } from './measure/payment-load.ts'
import { pitProfile } from './measure/pit-profile.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf } from './measure/usage.ts'
import { type World, settles, sharesFor, startWorld } from './measure/world.ts'

interface Options {
  readonly seconds: number
  readonly quietSeconds: number
  readonly payments: number
  readonly profile: string
  readonly limits: 'none' | 'compose'
}

const CONNECTIONS = 16
const PER_SECOND = 100

await runBench({
  name: 'idle',
  purpose:
    'CPU time, wake-ups and statements a second of nginx, both Pits, PostgreSQL and Redis while nobody\n' +
    'posts, after some payments that are all settled.',
  runs: 1,
  flags: {
    seconds: whole({ fallback: 60, min: 1, max: 3600, meaning: 'how long it is watched, s' }),
    quietSeconds: whole({ fallback: 30, min: 0, max: 3600, meaning: 'quiet before that, s' }),
    payments: whole({ fallback: 1000, min: 0, max: 1e6, meaning: 'payments before that' }),
    profile: text('FOLDER', 'where a CPU profile of the first Pit goes; costs some of it'),
    limits: oneOf(['none', 'compose'], 'shares of docker-compose.yml, or none'),
  },
  variants: (options) => [{ name: 'idle', measure: (note) => measure(options, note) }],
})

async function measure(options: Options, note: Note): Promise<Measured> {
  const profile = options.profile === '' ? undefined : pitProfile(options.profile, 'idle')
  const { environment: env = {} } = profile ?? {}
  const world = await startWorld({ limits: sharesFor(options.limits), env })
  try {
    const seconds = options.payments / PER_SECOND
    const load = { target: world.front, seconds, connections: CONNECTIONS }
    if (seconds > 0) await loadSteadily(load, PER_SECOND)
    await settles(world)
    await pause(options.quietSeconds * 1000)
    profile?.begin(world)
    const start = await read(world)
    await pause(options.seconds * 1000)
    const end = await read(world)
    await profile?.end(world, note)
    return perSecond(start, end)
  } finally {
    await world.stop()
  }
}

interface Reading {
  /** Monotonic, ms. */
  readonly at: number
  /** By service; counters that only grow. */
  readonly services: Readonly<Record<string, Figures>>
}

async function read({ layout }: World): Promise<Reading> {
  const statements: Readonly<Record<string, number>> = {
    postgres: await countTransactions(layout.postgres.url),
    redis: await countCommands(layout.redis?.url ?? ''),
  }
  const services = servicesOf(layout)
  const { at, parts } = readUsage(services)
  const counted = parts.map(([name, { cpuSeconds }], index) => {
    const wakeUps = wakeUpsOf(services[index]?.pid ?? -1)
    return [name, { cpuMs: cpuSeconds * 1000, wakeUps, statements: statements[name] ?? 0 }] as const
  })
  return { at, services: Object.fromEntries(counted) }
}

/** What each counter grew by a second, by service and summed; what counts costs a few of them. */
function perSecond(start: Reading, end: Reading): Measured {
  const seconds = (end.at - start.at) / 1000
  const sums: Record<string, number> = {}
  const services = Object.entries(end.services).map(([service, counters]) => {
    const grown = Object.entries(counters).map(([name, value]) => {
      const each = (value - (start.services[service]?.[name] ?? value)) / seconds
      const title = `${name}PerSecond`
      sums[title] = (sums[title] ?? 0) + each
      return [title, each] as const
    })
    return [service, Object.fromEntries(grown)] as const
  })
  return { figures: { ...sums, wallSeconds: seconds }, services: Object.fromEntries(services) }
}

async function countTransactions(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ count: string }>(
      'SELECT sum(xact_commit + xact_rollback) AS count FROM pg_stat_database',
    )
    return Number(rows[0]?.count)
  } finally {
    await client.end()
  }
}

async function countCommands(url: string): Promise<number> {
  const redis = new Redis(url)
  try {
    const stats = await redis.info('stats')
    return Number(/^total_commands_processed:(\d+)/m.exec(stats)?.[1])
  } finally {
    redis.disconnect()
  }
}
