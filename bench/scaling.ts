// npm run bench:scaling: what payments cost while more and more instances share one ledger.

import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { windowQuery } from './challenge/pit-endpoint.ts'
import { awaitSettlement, type Settlement } from './challenge/settle.ts'
import { projectRoot } from './layout/project.ts'
import { HttpClient } from './load/client.ts'
import { AnswerTally } from './load/tally.ts'
import { runBench, type Note } from './measure/command.ts'
import type { Figures } from './measure/figures.ts'
import { whole, wholes } from './measure/flags.ts'
import {
  loadFully,
  loadSteadily,
  loadWithinBacklog,
  type LoadResult,
} from './measure/payment-load.ts'
import type { Measured, Run } from './measure/report.ts'
import { readUsage, servicesOf, sumOf, usageBetween } from './measure/usage.ts'
import { startWorld, type World } from './measure/world.ts'
import { PostgresWatch, WATCHED, workBetween, type WorkReading } from './scaling/postgres-work.ts'
import { STANDBY, startWithStandby } from './scaling/standby.ts'
import { costsOf, formatWalls, wallsOf, type Sample, type Server } from './scaling/walls.ts'
import { WINDOW_KINDS, windowOf } from './summary/windows.ts'

interface Options {
  readonly instances: readonly number[]
  readonly rate: readonly number[]
  readonly seconds: number
  readonly warmupSeconds: number
  readonly standby: number
  readonly connections: number
  readonly backlogMax: number
}

interface Place {
  readonly name: string
  readonly instances: number
  readonly hasStandby: boolean
}

type Load = 'idle' | 'saturation' | number

interface Opened {
  readonly place: Place
  readonly world: World
  /** Epoch ms. */
  readonly beganAt: number
  /** Payments that were answered with a 2xx, and all that were posted. */
  accepted: number
  requested: number
}

/** Production's settings, and sessions for more instances than they allow. */
const POSTGRES = {
  config_file: join(projectRoot(), 'compose/production.postgresql.conf'),
  max_connections: '300',
  ...WATCHED,
}
const STEADY_CONNECTIONS = 256
/** Between two summaries, ms. */
const SUMMARY_EVERY_MS = 50
const TIMEOUT_MS = 5_000
const SETTLE_WITHIN_MS = 60_000

/** A larger server with a synchronous standby, under the settings that production has. */
const SERVER: Server = {
  cores: 32,
  commitMs: 0.6,
  // compose/production.postgresql.conf: 60, of which 3 are reserved and 2 go to a start.
  sessions: 55,
  sessionsPerInstance: 8,
  archivedPerSecond: 5_000,
  linkBytesPerSecond: 1.25e9,
  acceptsPerSecond: 500,
  flushesPerSecond: 50,
  batchMax: 512,
  shards: 16,
}

/** The layout of the variant before; the next one goes on in it where it asks for the same. */
let opened: Opened | undefined

try {
  await runBench({
    name: 'scaling',
    purpose:
      'Instances on one ledger, without limits: without payments, at steady rates and at saturation,\n' +
      'where no more is accepted than is settled, all through nginx. What each service spends per\n' +
      'payment, what PostgreSQL spends it on and waits for, and where the next wall stands. After each\n' +
      'load all books are compared.',
    runs: 2,
    flags: {
      instances: wholes({ fallback: [1, 2, 4, 8], min: 1, max: 30, meaning: 'instances' }),
      rate: wholes({ fallback: [500, 1000], min: 1, max: 20_000, meaning: 'rates, payments/s' }),
      seconds: whole({ fallback: 8, min: 1, max: 3600, meaning: 'length of each load, s' }),
      warmupSeconds: whole({ fallback: 5, min: 0, max: 600, meaning: 'load after a start, s' }),
      standby: whole({
        fallback: 2,
        min: 0,
        max: 30,
        meaning: 'instances beside which a synchronous standby is tried too, 0: none',
      }),
      connections: whole({ fallback: 256, min: 1, max: 1000, meaning: 'at saturation' }),
      backlogMax: whole({
        fallback: 2000,
        min: 1,
        max: 100_000,
        meaning: 'payments accepted and not settled, at saturation',
      }),
    },
    variants: (options) => {
      const loads: readonly Load[] = ['idle', ...options.rate, 'saturation']
      return placesOf(options).flatMap((place) =>
        loads.map((load) => ({
          name: `${place.name}, ${typeof load === 'number' ? `${load}/s` : load}`,
          measure: (note) => measure({ place, load, options, note }),
        })),
      )
    },
    conclude: (runs) => {
      const costs = costsOf(runs.map(sampleOf))
      return costs === undefined
        ? 'No wall is calculated: it takes runs without payments, at a rate and at saturation.'
        : formatWalls(costs, wallsOf(costs, SERVER))
    },
  })
} finally {
  await opened?.world.stop()
}

function placesOf({ instances, standby }: Options): readonly Place[] {
  const name = (count: number): string => (count === 1 ? '1 instance' : `${count} instances`)
  const alone = instances.map((count) => ({
    name: name(count),
    instances: count,
    hasStandby: false,
  }))
  if (standby === 0) return alone
  return [...alone, { name: `${name(standby)}, standby`, instances: standby, hasStandby: true }]
}

async function measure(run: {
  readonly place: Place
  readonly load: Load
  readonly options: Options
  readonly note: Note
}): Promise<Measured> {
  const { place, load, options } = run
  const at = await open(run)
  const { world, beganAt } = at
  const services = servicesOf(world.layout)
  const [watch, itsWatch] = await openWatches(world)
  try {
    const before = await world.stored()
    const [work, itsWork, start] = [await watch.read(), await itsWatch?.read(), readUsage(services)]
    const waiting = load === 'saturation' ? watch.watchWaits() : undefined
    const [{ tally, unsent }, summaryP99Ms] = await Promise.all([
      post(at, load, options),
      ask(world, { seconds: options.seconds, from: beganAt }),
    ])
    const end = readUsage(services)
    const waits = await waiting?.stop()
    const [workAfter, itsWorkAfter] = [await watch.read(), await itsWatch?.read()]
    const payments = (await world.stored()) - before
    const { booksEqual, lost, surplus } = await settle(at)
    const used = usageBetween({ start, end, payments })
    const wallSeconds = (end.at - start.at) / 1000
    const { p50Ms, p99Ms } = tally.latency.report()
    const span = { payments, wallSeconds }
    const walBytes = workAfter.walBytes - work.walBytes
    const told = {
      ...summed(used),
      ...workTold('postgres', [work, workAfter], span),
      ...(itsWork === undefined || itsWorkAfter === undefined
        ? {}
        : workTold(STANDBY, [itsWork, itsWorkAfter], span)),
    }
    return {
      figures: {
        instances: place.instances,
        settledPerSecond: payments / wallSeconds,
        ...(load === 'idle' ? {} : { acceptP50Ms: p50Ms, acceptP99Ms: p99Ms }),
        summaryP99Ms,
        cpus: sumOf(used, 'cpus'),
        syncsPerSecond: (workAfter.walSyncs - work.walSyncs) / wallSeconds,
        walBytesPerSecond: walBytes / wallSeconds,
        ...waits,
        failed: tally.failed,
        unsent,
        booksEqual: booksEqual ? 1 : 0,
        lost,
        surplus,
      },
      services: {
        ...told,
        postgres: {
          ...told['postgres'],
          ...(payments === 0 ? {} : { walBytesPerPayment: walBytes / payments }),
        },
      },
    }
  } finally {
    await Promise.all([watch.close(), itsWatch?.close()])
  }
}

/** The layout of the variant before, or a new one that has had some load. */
async function open(run: {
  readonly place: Place
  readonly options: Options
  readonly note: Note
}): Promise<Opened> {
  const { place, options } = run
  if (opened?.place === place) return opened
  await opened?.world.stop()
  opened = undefined
  const beganAt = Date.now()
  const world = await startWorld({
    instances: place.instances,
    // Instances that rehearse all at once would take their whole time for it.
    env: { WARM_UP_MS: '0', ARCHIVE_RATE_MAX: '0' },
    ...(place.hasStandby
      ? { stores: (stores) => startWithStandby(stores, POSTGRES) }
      : { postgresSettings: POSTGRES }),
  })
  run.note(`${place.name}: ready after ${world.startSeconds.toFixed(1)} s`)
  opened = { place, world, beganAt, accepted: 0, requested: 0 }
  await post(opened, 'saturation', { ...options, seconds: options.warmupSeconds })
  await settle(opened)
  return opened
}

/** For PostgreSQL and, where there is one, for its standby. */
async function openWatches({ layout }: World): Promise<[PostgresWatch, PostgresWatch | undefined]> {
  const watch = await PostgresWatch.open(layout.postgres.url)
  const standby = layout.parts.find(({ name }) => name === STANDBY)
  const url = standby !== undefined && 'url' in standby ? String(standby.url) : undefined
  return [watch, url === undefined ? undefined : await PostgresWatch.open(url)]
}

async function post(at: Opened, load: Load, options: Options): Promise<LoadResult> {
  const result = await postTo(at.world, load, options)
  at.accepted += result.tally.succeeded
  at.requested += result.tally.succeeded + result.tally.failed
  return result
}

/** Awaits that the books agree over all that was posted. */
function settle({ world, accepted, requested }: Opened): Promise<Settlement> {
  const waitMs = SETTLE_WITHIN_MS
  return awaitSettlement({ parties: world.parties, accepted, requested, waitMs, windows: [] })
}

async function postTo(world: World, load: Load, options: Options): Promise<LoadResult> {
  const { seconds, connections, backlogMax } = options
  const plan = { target: world.front, seconds }
  if (load === 'idle') {
    await pause(seconds * 1000)
    return loadFully({ ...plan, seconds: 0, connections: 1 })
  }
  if (typeof load === 'number') {
    return loadSteadily({ ...plan, connections: STEADY_CONNECTIONS }, load)
  }
  return loadWithinBacklog(
    { ...plan, connections },
    { backlogMax, recorded: () => world.recorded() },
  )
}

/** p99 of summaries of windows of all kinds since the layout began, one after the other, ms. */
async function ask(
  world: World,
  { seconds, from }: { readonly seconds: number; readonly from: number },
): Promise<number> {
  const tally = new AnswerTally()
  const client = new HttpClient({
    target: world.front,
    timeoutMs: TIMEOUT_MS,
    observe: (answer) => tally.record(answer),
  })
  const endAt = performance.now() + seconds * 1000
  try {
    while (performance.now() < endAt) {
      for (const kind of WINDOW_KINDS) {
        const window = windowOf(kind, { from, to: Date.now() }, Math.random)
        await client.request({ method: 'GET', path: `/payments-summary${windowQuery(window)}` })
        await pause(SUMMARY_EVERY_MS)
      }
    }
    return tally.latency.report().p99Ms
  } finally {
    client.close()
  }
}

/** All Pits as one service. */
function summed(used: Readonly<Record<string, Figures>>): Readonly<Record<string, Figures>> {
  const told = ({ cpus = 0, cpuUsPerPayment }: Figures): Figures => {
    return { cpus, ...(cpuUsPerPayment === undefined ? {} : { cpuUsPerPayment }) }
  }
  const others = Object.entries(used).filter(([name]) => !name.startsWith('pit-'))
  const pits = told({
    cpus: sumOf(used, 'cpus', 'pit-'),
    ...(others.some(([, { cpuUsPerPayment }]) => cpuUsPerPayment !== undefined)
      ? { cpuUsPerPayment: sumOf(used, 'cpuUsPerPayment', 'pit-') }
      : {}),
  })
  return { pits, ...Object.fromEntries(others.map(([name, figures]) => [name, told(figures)])) }
}

/** What PostgreSQL spent on each kind of work, and in its background. */
function workTold(
  server: string,
  [start, end]: readonly [WorkReading, WorkReading],
  { payments, wallSeconds }: { readonly payments: number; readonly wallSeconds: number },
): Readonly<Record<string, Figures>> {
  const lines = Object.entries(workBetween(start, end)).map(([work, done]) => {
    const { cpuSeconds = 0, walBytes, walPages, callsPerSecond } = done
    const each = (sum: number | undefined): number => (sum ?? 0) / payments
    return [
      `${server}: ${work}`,
      {
        cpus: cpuSeconds / wallSeconds,
        ...(payments === 0 ? {} : { cpuUsPerPayment: each(cpuSeconds) * 1e6 }),
        ...(callsPerSecond === undefined ? {} : { callsPerSecond }),
        ...(payments === 0 || walBytes === undefined
          ? {}
          : { walBytesPerPayment: each(walBytes), walPagesPerPayment: each(walPages) }),
      },
    ] as const
  })
  return Object.fromEntries(lines)
}

function sampleOf({ variant, figures, services = {} }: Run): Sample {
  const { instances = 0, settledPerSecond: perSecond = 0 } = figures
  const isFull = variant.endsWith('saturation')
  return {
    instances,
    load: isFull ? 'saturation' : perSecond === 0 ? 'idle' : 'steady',
    perSecond,
    services,
  }
}
