// npm run bench:console: what tabs of the console cost the browser and the Pit that they watch.

import { openTabs, type Tabs } from './console/tabs.ts'
import { runBench } from './measure/command.ts'
import { whole } from './measure/flags.ts'
import { loadSteadily } from './measure/payment-load.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, usageBetween } from './measure/usage.ts'
import { type World, settles, startWorld } from './measure/world.ts'

interface Options {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
}

const CONNECTIONS = 256

const OPENING_S = 5

/** One Pit for all variants, so that only the first one pays for warming up. */
let world: World | undefined

try {
  await runBench({
    name: 'console',
    purpose:
      'CPU time of Chromium with one and with three tabs of the console open, in percent of one core, at a\n' +
      'steady rate against simulators; beside it what the Pit takes per payment and how fast it accepts.',
    runs: 3,
    flags: {
      seconds: whole({ fallback: 20, min: 1, max: 600, meaning: 'length of a load, s' }),
      warmupSeconds: whole({ fallback: 10, min: 0, max: 600, meaning: 'load before the first, s' }),
      perSecond: whole({ fallback: 1_000, min: 1, max: 20_000, meaning: 'payments/s' }),
    },
    variants: (options) =>
      [0, 1, 3].map((tabs) => ({
        name: tabs === 1 ? '1 tab' : `${tabs} tabs`,
        measure: () => measure(tabs, options),
      })),
  })
} finally {
  await world?.stop()
}

async function measure(count: number, options: Options): Promise<Measured> {
  world ??= await open(options)
  const tabs = await openTabs(world.layout.pits[0]?.opsUrl ?? '', count)
  if (tabs === undefined) throw new Error('bench: no Chromium at CHROMIUM_PATH')
  try {
    // A page that has just been opened is compiled and laid out.
    await loadSteadily(planOf(world, OPENING_S), options.perSecond)
    return await loadWatched(world, tabs, options)
  } finally {
    await tabs.close()
  }
}

async function loadWatched(world: World, tabs: Tabs, options: Options): Promise<Measured> {
  const { perSecond, seconds } = options
  const payments = await world.stored()
  const start = readUsage(world.layout.parts)
  const [before, startedAt] = [await tabs.cpu(), performance.now()]
  const { tally } = await loadSteadily(planOf(world, seconds), perSecond)
  const [after, elapsedMs] = [await tabs.cpu(), performance.now() - startedAt]
  await settles(world)
  const end = readUsage(world.layout.parts)
  const usage = usageBetween({ start, end, payments: (await world.stored()) - payments })
  return {
    figures: {
      browserPercent: (100 * (after.browserMs - before.browserMs)) / elapsedMs,
      mainThreadsPercent: (100 * (after.mainThreadsMs - before.mainThreadsMs)) / elapsedMs,
      pitCpuUsPerPayment: usage['pit-1']?.['cpuUsPerPayment'] ?? Number.NaN,
      p50Ms: tally.latency.percentileMs(50),
      p99Ms: tally.latency.percentileMs(99),
      failed: tally.failed,
    },
  }
}

async function open({ perSecond, warmupSeconds }: Options): Promise<World> {
  const world = await startWorld({ instances: 1, env: {} })
  await loadSteadily(planOf(world, warmupSeconds), perSecond)
  await settles(world)
  return world
}

function planOf(world: World, seconds: number) {
  return { target: world.socket, seconds, connections: CONNECTIONS }
}
