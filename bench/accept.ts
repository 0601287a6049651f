// npm run bench:accept: what accepting a payment takes, its commit included, beside the floor.

import { runBench, type Variant } from './measure/command.ts'
import { whole } from './measure/flags.ts'
import { startFloor } from './measure/floor.ts'
import { loadFully, loadSteadily, type LoadPlan, type LoadResult } from './measure/payment-load.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, usageBetween } from './measure/usage.ts'
import { sharesFor, startWorld } from './measure/world.ts'
import type { Part } from './layout/part.ts'
import type { Target } from './load/target.ts'

interface Options {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
  readonly connections: number
}

type Limits = 'compose' | 'none'
type Rate = 'steady' | 'full'

/** Enough for 500/s while a throttled process is frozen for a whole period. */
const STEADY_CONNECTIONS = 256

await runBench({
  name: 'accept',
  purpose:
    'POST /payments alone over the unix socket of one Pit, which settles what it accepts as always:\n' +
    'at a steady rate and at saturation, with the shares of docker-compose.yml and without. Floor: a\n' +
    'server that does nothing but answer 202, under the share of a Pit.',
  runs: 5,
  flags: {
    seconds: whole({ fallback: 20, min: 1, max: 3600, meaning: 'length of a load, s' }),
    warmupSeconds: whole({ fallback: 10, min: 0, max: 600, meaning: 'load before it, s' }),
    perSecond: whole({ fallback: 500, min: 1, max: 20_000, meaning: 'steady rate, payments/s' }),
    connections: whole({ fallback: 64, min: 1, max: 1000, meaning: 'connections at saturation' }),
  },
  variants: (options) =>
    (['compose', 'none'] as const).flatMap((limits) => [
      ...rates(options, limits, { name: 'floor', open: openFloor }),
      ...rates(options, limits, { name: 'Pit', open: openPit }),
    ]),
})

interface Served {
  readonly target: Target
  /** What is measured beside the latencies. */
  readonly parts: readonly Part[]
  stop(): Promise<void>
}

function rates(
  options: Options,
  limits: Limits,
  server: { readonly name: string; open(limits: Limits): Promise<Served> },
): readonly Variant[] {
  return (['steady', 'full'] as const).map((rate) => {
    const at = rate === 'steady' ? `${options.perSecond}/s` : 'saturation'
    const within = limits === 'none' ? 'no limits' : 'limits'
    return {
      name: `${server.name}, ${at}, ${within}`,
      measure: async () => {
        const served = await server.open(limits)
        try {
          return await measure(served, options, rate)
        } finally {
          await served.stop()
        }
      },
    }
  })
}

async function openFloor(limits: Limits): Promise<Served> {
  const floor = await startFloor(sharesFor(limits))
  return { target: floor.target, parts: [floor.part], stop: () => floor.stop() }
}

async function openPit(limits: Limits): Promise<Served> {
  const world = await startWorld({ instances: 1, limits: sharesFor(limits) })
  const { socket, layout } = world
  const parts = [...layout.pits, layout.postgres]
  return { target: socket, parts, stop: () => world.stop() }
}

async function measure(served: Served, options: Options, rate: Rate): Promise<Measured> {
  const { target, parts } = served
  await load({ target, options, rate, seconds: options.warmupSeconds })
  const start = readUsage(parts)
  const result = await load({ target, options, rate, seconds: options.seconds })
  const { tally, unsent, elapsedMs, generator } = result
  const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = tally.latency.report()
  const services = usageBetween({ start, end: readUsage(parts), payments: tally.succeeded })
  const server = services['floor'] ?? services['pit-1'] ?? {}
  return {
    figures: {
      p50Ms,
      p90Ms,
      p99Ms,
      p999Ms,
      maxMs,
      acceptedPerSecond: (tally.succeeded * 1000) / elapsedMs,
      failed: tally.failed,
      unsent,
      cpuUsPerPayment: server['cpuUsPerPayment'] ?? 0,
      throttledPeriods: server['throttledPeriods'] ?? 0,
      generatorDelayP99Ms: generator.delayP99Ms,
    },
    services,
  }
}

function load(request: {
  readonly target: Target
  readonly options: Options
  readonly rate: Rate
  readonly seconds: number
}): Promise<LoadResult> {
  const { target, options, rate, seconds } = request
  const plan = (connections: number): LoadPlan => ({ target, seconds, connections })
  return rate === 'full'
    ? loadFully(plan(options.connections))
    : loadSteadily(plan(STEADY_CONNECTIONS), options.perSecond)
}
