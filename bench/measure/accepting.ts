// Payments posted to one server over its unix socket: a Pit, or the floor in its place.

import type { Part } from '../layout/part.ts'
import type { LayoutOptions } from '../layout/plan.ts'
import type { Shares } from '../limits/shares.ts'
import type { Target } from '../load/target.ts'
import { startFloor } from './floor.ts'
import { loadFully, loadSteadily, type LoadPlan, type LoadResult } from './payment-load.ts'
import type { Measured } from './report.ts'
import { readUsage, sumOf, usageBetween } from './usage.ts'
import { startWorld } from './world.ts'

export interface AcceptLoad {
  /** Length of the load, s. */
  readonly seconds: number
  /** Load before it, s. */
  readonly warmupSeconds: number
  /** Payments a second, or as many as come at saturation. */
  readonly perSecond: number | 'full'
  /** At saturation. */
  readonly connections: number
}

/** A server that is measured. */
export interface Accepting {
  readonly target: Target
  /** What is measured beside the latencies. */
  readonly parts: readonly Part[]
  /** Payments that the ledger has settled; undefined at the floor. */
  readonly stored?: () => Promise<number>
  stop(): Promise<void>
}

/** Enough for 500/s while a throttled process is frozen for a whole period. */
const STEADY_CONNECTIONS = 256

export async function openFloor(shares: Shares | undefined): Promise<Accepting> {
  const floor = await startFloor(shares)
  return { target: floor.target, parts: [floor.part], stop: () => floor.stop() }
}

/** The whole layout with one Pit, which settles what it accepts as always. */
export async function openPit(
  shares: Shares | undefined,
  others: Pick<LayoutOptions, 'env' | 'postgresSettings'> = {},
): Promise<Accepting> {
  const world = await startWorld({ ...others, instances: 1, limits: shares })
  const { socket, layout } = world
  const parts = [...layout.pits, layout.postgres]
  return { target: socket, parts, stored: () => world.stored(), stop: () => world.stop() }
}

/** Opens, loads, measures, and stops it whatever happens. */
export async function measureAccepting(
  open: () => Promise<Accepting>,
  load: AcceptLoad,
): Promise<Measured> {
  const served = await open()
  try {
    return await measure(served, load)
  } finally {
    await served.stop()
  }
}

async function measure({ target, parts, stored }: Accepting, load: AcceptLoad): Promise<Measured> {
  await post(target, load, load.warmupSeconds)
  const storedBefore = await stored?.()
  const start = readUsage(parts)
  const result = await post(target, load, load.seconds)
  const end = readUsage(parts)
  const storedAfter = await stored?.()
  const { tally, unsent, elapsedMs, generator } = result
  const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = tally.latency.report()
  const services = usageBetween({ start, end, payments: tally.succeeded })
  const server = services['floor'] ?? services['pit-1'] ?? {}
  return {
    figures: {
      p50Ms,
      p90Ms,
      p99Ms,
      p999Ms,
      maxMs,
      acceptedPerSecond: (tally.succeeded * 1000) / elapsedMs,
      ...(storedBefore === undefined || storedAfter === undefined
        ? {}
        : { storedPerSecond: ((storedAfter - storedBefore) * 1000) / (end.at - start.at) }),
      failed: tally.failed,
      unsent,
      cpuUsPerPayment: server['cpuUsPerPayment'] ?? 0,
      cpuUsPerPaymentOfAll: sumOf(services, 'cpuUsPerPayment'),
      throttledPeriods: server['throttledPeriods'] ?? 0,
      throttledPeriodsOfAll: sumOf(services, 'throttledPeriods'),
      generatorDelayP99Ms: generator.delayP99Ms,
    },
    services,
  }
}

function post(target: Target, load: AcceptLoad, seconds: number): Promise<LoadResult> {
  const { connections, perSecond } = load
  const plan = (many: number): LoadPlan => ({ target, seconds, connections: many })
  return perSecond === 'full'
    ? loadFully(plan(connections))
    : loadSteadily(plan(STEADY_CONNECTIONS), perSecond)
}
