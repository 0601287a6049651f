// npm run bench:process: what one payment costs a whole Pit, from the request to the committed
// settlement, with everything else in other processes.

import { setTimeout as pause } from 'node:timers/promises'
import { type Note, runBench } from './measure/command.ts'
import { text, whole } from './measure/flags.ts'
import {
  type LoadResult,
  loadFully,
  loadSteadily,
  loadWithinBacklog,
} from './measure/payment-load.ts'
import { pitProfile } from './measure/pit-profile.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, usageBetween } from './measure/usage.ts'
import { type World, settles, startWorld } from './measure/world.ts'

interface Options {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
  readonly connections: number
  readonly backlogMax: number
  readonly profile: string
}

type Rate = 'idle' | 'steady' | 'full'

const STEADY_CONNECTIONS = 256

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
  const profile = options.profile === '' ? undefined : pitProfile(options.profile, rate)
  const world = await startWorld({ instances: 1, env: profile?.environment ?? {} })
  try {
    await load(world, options, { rate, seconds: options.warmupSeconds })
    await settles(world)
    const { layout } = world
    const before = await world.stored()
    const start = readUsage(layout.parts)
    profile?.begin(world)
    const result = await load(world, options, { rate, seconds: options.seconds })
    await settles(world)
    const end = readUsage(layout.parts)
    await profile?.end(world, note)
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
        unsent: result.unsent,
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
  const { connections, backlogMax } = options
  return loadWithinBacklog(
    { target, seconds, connections },
    { backlogMax, recorded: () => world.recorded() },
  )
}
