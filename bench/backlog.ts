// npm run bench:backlog: payments accepted while both processors are down, then both are back.

import { checkWindow } from './challenge/checks.ts'
import { waitUntil } from './layout/wait.ts'
import { runBench, type Note } from './measure/command.ts'
import { oneOf, whole } from './measure/flags.ts'
import { watchMemory } from './measure/memory-watch.ts'
import { loadFully } from './measure/payment-load.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf, sumOf, usageBetween, withLimits } from './measure/usage.ts'
import { sharesFor, startWorld, type World } from './measure/world.ts'

interface Options {
  readonly payments: number
  readonly connections: number
  readonly acceptSecondsMax: number
  readonly drainSecondsMax: number
  readonly sampleSeconds: number
  readonly limits: 'compose' | 'none'
}

/** Between two readings of how much is stored, and between two reports of it, ms. */
const READ_EVERY_MS = 250
const TELL_EVERY_MS = 10_000
/** For the last answers of the processors to be in both books, ms. */
const BOOKS_WITHIN_MS = 30_000

await runBench({
  name: 'backlog',
  purpose:
    'Payments accepted by the whole layout while both processors answer 500 to everything, then both\n' +
    'work again: memory of each service over time, time to settle all of it, books compared. A run of\n' +
    'a million takes some ten minutes; --runs 3 gives medians.',
  runs: 1,
  flags: {
    payments: whole({ fallback: 1_000_000, min: 1, max: 4_000_000, meaning: 'payments' }),
    connections: whole({ fallback: 128, min: 1, max: 1000, meaning: 'connections of the load' }),
    acceptSecondsMax: whole({ fallback: 3600, min: 1, max: 36_000, meaning: 'bound, s' }),
    drainSecondsMax: whole({ fallback: 3600, min: 1, max: 36_000, meaning: 'bound, s' }),
    sampleSeconds: whole({ fallback: 5, min: 1, max: 600, meaning: 'between two samples, s' }),
    limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  },
  variants: (options) => [
    { name: `${options.payments} payments`, measure: (note) => measure(options, note) },
  ],
})

async function measure(options: Options, note: Note): Promise<Measured> {
  const shares = sharesFor(options.limits)
  const world = await startWorld({ limits: shares })
  const services = servicesOf(world.layout)
  const count = { accepted: 0, stored: 0 }
  const everyMs = options.sampleSeconds * 1000
  const watch = watchMemory({ services, everyMs, extra: () => ({ ...count }) })
  const tell = setInterval(() => note(describe(count)), TELL_EVERY_MS)
  try {
    const start = readUsage(services)
    await setFailing(world, { failing: true })
    const accept = await acceptAll(world, options, count)
    note(`${describe(count)} in ${accept.seconds.toFixed(1)} s`)
    const storedBefore = await world.stored()
    const middle = readUsage(services)
    await setFailing(world, { failing: false })
    const drainSeconds = await drainAll(world, options, count)
    const end = readUsage(services)
    const booksEqual = await booksAgree(world)
    const { samples, highest } = watch.stop()
    const drained = count.stored - storedBefore
    const drain = usageBetween({ start: middle, end, payments: drained })
    const whole = usageBetween({ start, end, payments: count.stored })
    return {
      figures: {
        accepted: count.accepted,
        failed: accept.failed,
        acceptedPerSecond: count.accepted / accept.seconds,
        acceptP99Ms: accept.p99Ms,
        storedBefore,
        drainSeconds,
        drainedPerSecond: drained / drainSeconds,
        drainCpuUsPerPayment: sumOf(drain, 'cpuUsPerPayment'),
        drainCpus: sumOf(drain, 'cpus'),
        drainThrottledPeriods: sumOf(drain, 'throttledPeriods'),
        lost: Math.max(0, count.accepted - count.stored),
        booksEqual: booksEqual ? 1 : 0,
        oomKills: sumOf(whole, 'oomKills'),
      },
      services: withLimits(
        Object.fromEntries(
          Object.entries(whole).map(([name, used]) => [name, { ...used, ...highest[name] }]),
        ),
        shares,
      ),
      series: samples,
    }
  } finally {
    clearInterval(tell)
    watch.stop()
    await world.stop()
  }
}

interface Count {
  accepted: number
  stored: number
}

async function acceptAll(
  world: World,
  options: Options,
  count: Count,
): Promise<{ readonly seconds: number; readonly failed: number; readonly p99Ms: number }> {
  const { payments, connections, acceptSecondsMax } = options
  const { tally, elapsedMs } = await loadFully(
    {
      target: world.front,
      seconds: acceptSecondsMax,
      connections,
      onAccepted: () => (count.accepted += 1),
    },
    { isOver: () => count.accepted >= payments },
  )
  const p99Ms = tally.latency.percentileMs(99)
  return { seconds: elapsedMs / 1000, failed: tally.failed, p99Ms }
}

/** Seconds until everything is settled in the ledger; the bound when it is not. */
async function drainAll(world: World, options: Options, count: Count): Promise<number> {
  const startedAt = performance.now()
  const deadline = startedAt + options.drainSecondsMax * 1000
  while (performance.now() < deadline) {
    count.stored = await world.stored()
    if (count.stored >= count.accepted) break
    await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS))
  }
  return (performance.now() - startedAt) / 1000
}

async function setFailing(world: World, to: { readonly failing: boolean }): Promise<void> {
  const { default: one, fallback: other } = world.parties
  for (const processor of [one, other]) await processor.setConditions({ delayMs: 0, ...to })
}

async function booksAgree(world: World): Promise<boolean> {
  const agreement = { what: 'equal books', withinMs: BOOKS_WITHIN_MS }
  return waitUntil(agreement, async () => (await checkWindow(world.parties, {})).agree)
    .then(() => true)
    .catch(() => false)
}

function describe({ accepted, stored }: Count): string {
  return `${accepted} accepted, ${stored} settled and stored`
}
