// npm run bench:process: what one payment costs a whole Pit, from the request to the committed
// settlement, with everything else in other processes.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { runBench, type Note } from './measure/command.ts'
import { text, whole } from './measure/flags.ts'
import { loadFully, loadSteadily, type LoadResult } from './measure/payment-load.ts'
import { selfTimes, type CpuProfile } from './measure/profile.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, usageBetween } from './measure/usage.ts'
import { startWorld, type World } from './measure/world.ts'
import { waitUntil } from './layout/wait.ts'

interface Options {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
  readonly connections: number
  readonly backlogMax: number
  readonly profile: string
}

type Rate = 'idle' | 'steady' | 'full'

/** Between two looks at what the processors have recorded, ms. */
const LOOK_EVERY_MS = 50
/** For what is accepted to be settled and committed after a load, ms. */
const SETTLE_WITHIN_MS = 30_000
const STEADY_CONNECTIONS = 256
/** Functions of a profile that are told. */
const PLACES_TOLD = 40

await runBench({
  name: 'process',
  purpose:
    'CPU time of one whole Pit per payment, both commits included, against simulators, PostgreSQL and\n' +
    'Redis in other processes, without limits: idle, at a steady rate, and at saturation, where no more\n' +
    'is accepted than is settled.',
  runs: 5,
  flags: {
    seconds: whole({ fallback: 20, min: 1, max: 3600, meaning: 'length of a load, s' }),
    warmupSeconds: whole({ fallback: 15, min: 0, max: 600, meaning: 'load before it, s' }),
    perSecond: whole({ fallback: 500, min: 1, max: 20_000, meaning: 'steady rate, payments/s' }),
    connections: whole({ fallback: 128, min: 1, max: 1000, meaning: 'connections at saturation' }),
    backlogMax: whole({
      fallback: 2000,
      min: 1,
      max: 100_000,
      meaning: 'payments accepted and not settled, at saturation',
    }),
    profile: text('FOLDER', 'where a CPU profile of each run goes; costs some of what it measures'),
  },
  variants: (options) =>
    (
      [
        ['idle', 'idle'],
        ['steady', `${options.perSecond}/s`],
        ['full', 'saturation'],
      ] as const
    ).map(([rate, name]) => ({ name, measure: (note) => measure(options, rate, note) })),
})

async function measure(options: Options, rate: Rate, note: Note): Promise<Measured> {
  const file = options.profile === '' ? undefined : profileFile(options, rate)
  const world = await startWorld({ instances: 1, env: profilerEnvironment(file) })
  try {
    await load(world, options, { rate, seconds: options.warmupSeconds })
    await settles(world)
    const { layout } = world
    const before = await world.stored()
    const start = readUsage(layout.parts)
    if (file !== undefined) layout.pits[0]?.kill('SIGUSR2')
    const result = await load(world, options, { rate, seconds: options.seconds })
    await settles(world)
    const end = readUsage(layout.parts)
    if (file !== undefined) await endProfile(world, file, note)
    const payments = (await world.stored()) - before
    const services = usageBetween({ start, end, payments })
    const pit = services['pit-1'] ?? {}
    const wallSeconds = (end.at - start.at) / 1000
    return {
      figures: {
        ...(payments === 0 ? {} : { cpuUsPerPayment: pit['cpuUsPerPayment'] ?? 0 }),
        cpuSeconds: pit['cpuSeconds'] ?? 0,
        wallSeconds,
        settledPerSecond: payments / wallSeconds,
        p50Ms: result.tally.latency.percentileMs(50),
        p99Ms: result.tally.latency.percentileMs(99),
        failed: result.tally.failed,
      },
      services,
    }
  } finally {
    await world.stop()
  }
}

async function load(
  world: World,
  options: Options,
  { rate, seconds }: { readonly rate: Rate; readonly seconds: number },
): Promise<LoadResult> {
  const target = world.socket
  if (rate === 'steady') {
    const plan = { target, seconds, connections: STEADY_CONNECTIONS }
    return loadSteadily(plan, options.perSecond)
  }
  if (rate === 'idle') {
    await pause(seconds * 1000)
    return loadFully({ target, seconds: 0, connections: 1 })
  }
  let accepted = 0
  let recorded = 0
  const from = await world.recorded()
  const look = setInterval(() => {
    void world.recorded().then((count) => (recorded = count - from))
  }, LOOK_EVERY_MS)
  const onAccepted = (): void => void (accepted += 1)
  try {
    return await loadFully(
      { target, seconds, connections: options.connections, onAccepted },
      { may: () => accepted - recorded < options.backlogMax },
    )
  } finally {
    clearInterval(look)
  }
}

/** Awaits that the ledger has what the processors have, in two looks running. */
async function settles(world: World): Promise<void> {
  let before = -1
  await waitUntil({ what: 'settlements', withinMs: SETTLE_WITHIN_MS }, async () => {
    const [recorded, stored] = await Promise.all([world.recorded(), world.stored()])
    const isOver = recorded === stored && recorded === before
    before = recorded
    return isOver
  })
}

function profileFile(options: Options, rate: Rate): string {
  return resolve(join(options.profile, `pit-${rate}-${Date.now()}.cpuprofile`))
}

function profilerEnvironment(file: string | undefined): Readonly<Record<string, string>> {
  if (file === undefined) return {}
  const preload = new URL('./measure/preload-profiler.js', import.meta.url).href
  return { NODE_OPTIONS: `--import=${preload}`, PIT_PROFILE: file }
}

async function endProfile(world: World, file: string, note: Note): Promise<void> {
  world.layout.pits[0]?.kill('SIGUSR2')
  let profile: CpuProfile | undefined
  await waitUntil({ what: `the profile ${file}`, withinMs: SETTLE_WITHIN_MS }, () => {
    profile = readProfile(file)
    return profile !== undefined
  })
  note(`profile in ${file}`)
  if (profile === undefined) return
  for (const { place, ms, percent } of selfTimes(profile, PLACES_TOLD)) {
    note(`${percent.toFixed(1).padStart(5)} % ${ms.toFixed(1).padStart(8)} ms  ${place}`)
  }
}

/** Undefined while it is not there, or not there as a whole. */
function readProfile(file: string): CpuProfile | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as CpuProfile
  } catch {
    // It is still being written.
    return undefined
  }
}
