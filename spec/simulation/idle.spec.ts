// What an instance does in a minute in which nobody posts: counted, so that it stays little.

import t from 'tap'
import type { PitParts } from '../../src/actors/supervisor/supervisor.ts'
import { Chance } from './chance.ts'
import { drawSettings, type Settings } from './settings.ts'
import { World } from './world.ts'

const MINUTE_MS = 60_000

/** For clocks that run fast, and for what is about to happen as the minute begins. */
const MARGIN = 1.1

/** Calls to each port in a minute, at most; what is not named is not called. */
const CALLS_MAX: Readonly<Record<string, number>> = {
  renewLease: 60,
  listOwned: 60,
  takeOver: 120,
  claimDue: 120,
  probe: 24,
  takeProbeLease: 24,
  publishHealth: 24,
  readHealth: 24,
}

/** Timers that its actors set in a minute, at most: 240 are ticks. */
const TIMERS_MAX = 540

t.test('an instance does little while nobody posts', async (t) => {
  for (const instances of [1, 2]) {
    const counts = new Map<string, number>()
    const parts = (all: PitParts): PitParts => withCounts(all, counts)
    const world = new World({
      chance: new Chance(1),
      settings: unhurried(drawSettings(new Chance(3).branch(1))),
      planted: { parts },
      instances,
      print: () => undefined,
    })
    // Until nothing of what was before can be due.
    await world.virtualTime.run(MINUTE_MS)
    counts.clear()

    await world.virtualTime.run(2 * MINUTE_MS)

    const { setTimeout: timers = 0, ...calls } = Object.fromEntries(counts)
    const told = `${instances} instances: ${JSON.stringify({ timers, ...calls })}`
    const tooMany = Object.entries(calls).filter(([name, count]) => {
      return count > (CALLS_MAX[name] ?? 0) * MARGIN * instances
    })
    t.same(tooMany, [], told)
    t.ok(timers <= TIMERS_MAX * MARGIN * instances, told)
    t.ok(calls['claimDue'] !== undefined && calls['probe'] !== undefined, told)
  }
})

/** Lease and probes as they are by default. */
function unhurried({ configured, ...others }: Settings): Settings {
  return { ...others, configured: { ...configured, leaseTtlMs: 3000, probeIntervalMs: 5000 } }
}

function withCounts(parts: PitParts, counts: Map<string, number>): PitParts {
  const { ports, processors } = parts
  const { ledger, settledSet, clock } = ports
  const counted = <Port extends object>(port: Port): Port => countingCalls(port, counts)
  return {
    ...parts,
    ports: {
      ...ports,
      ledger: counted(ledger),
      settledSet: counted(settledSet),
      clock: countingCalls(clock, counts, ['setTimeout']),
    },
    processors: { default: counted(processors.default), fallback: counted(processors.fallback) },
    circuitCache: counted(parts.circuitCache),
    delayedQueue: counted(parts.delayedQueue),
  }
}

/** The same port; each call of a method, or of one of these, is counted under its name. */
function countingCalls<Port extends object>(
  port: Port,
  counts: Map<string, number>,
  only?: readonly string[],
): Port {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        if (only === undefined || only.includes(String(name))) {
          counts.set(String(name), (counts.get(String(name)) ?? 0) + 1)
        }
        return Reflect.apply(value, target, args)
      }
    },
  })
}
