// The simulated PostgreSQL and Redis keep the contracts of the real ones.

import t from 'tap'
import { HistoryWatch } from '../../src/actors/model/ledger-history.ts'
import { createCachesWithoutRedis } from '../../src/infra/redis/without-redis.ts'
import { CacheStore, createSimulatedCaches } from './simulated-redis.ts'
import { Chance } from './chance.ts'
import { Gate, VirtualTime } from './virtual-time.ts'
import { WallClock } from './wall-clock.ts'
import { createSimulatedLedger } from './simulated-ledger.ts'
import { LedgerStore } from './simulated-postgres.ts'
import { SimulatedServer } from './simulated-server.ts'
import { cacheContracts, type Caches } from '../contracts/redis.ts'
import { ledgerContract } from '../contracts/ledger.ts'

const BOUNDS = { acceptTimeoutMs: 900, leaseTimeoutMs: 500, statementTimeoutMs: 3000 }
const CACHE_BOUNDS = { keptMs: 2_000, retryEntriesMax: 200 }

/** Virtual time goes on by itself while a call is awaited, this much at once, ms. */
const PUMP_MS = 2

interface Background {
  readonly virtualTime: VirtualTime
  readonly service: SimulatedServer
  readonly gate: Gate
  /** The same object, whose calls come to their answers by themselves. */
  readonly pumped: <Port extends object>(port: Port) => Port
}

function createBackground(): Background {
  const chance = new Chance(1)
  const virtualTime = new VirtualTime(chance)
  const gate = new Gate(virtualTime, chance)
  let pumping: Promise<void> | undefined
  const pump = (): Promise<void> => {
    pumping ??= virtualTime.run(virtualTime.now() + PUMP_MS).finally(() => {
      pumping = undefined
    })
    return pumping
  }
  const settled = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    promise.then(end, end)
    while (!isOver) await pump()
    return promise
  }
  const pumped = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...args: readonly unknown[]) =>
          settled(Reflect.apply(method, target, args) as Promise<unknown>)
      },
    })
  return { virtualTime, service: new SimulatedServer(virtualTime, chance), gate, pumped }
}

t.test('the simulated ledger keeps the contract', async (t) => {
  await ledgerContract(t, async () => {
    const { virtualTime, service, gate, pumped } = createBackground()
    const clock = new WallClock(virtualTime.now)
    const store = new LedgerStore(clock.now, virtualTime.now)
    const ignore = (): void => undefined
    const told = { note: ignore, onRecord: ignore }
    const { renewals } = createCachesWithoutRedis()
    const open = () => {
      const watch = new HistoryWatch({
        clock: { now: virtualTime.now },
        run: 'spec',
        askMs: 60_000,
        landsForMs: 1,
        onChanged: ignore,
      })
      const history = { watch, wallNow: clock.now, renewals, sharedRenewal: () => undefined }
      return pumped(
        createSimulatedLedger({ store, service, gate, bounds: BOUNDS, ...told, ...history }),
      )
    }
    const passTime = (durationMs: number) => virtualTime.run(virtualTime.now() + durationMs)
    const stepClock = async (byMs: number): Promise<void> => clock.step(byMs)
    return { first: open(), second: open(), passTime, stepClock }
  })
})

t.test('the simulated caches keep the contracts', async (t) => {
  await cacheContracts(t, async () => {
    const { virtualTime, service, gate, pumped } = createBackground()
    const store = new CacheStore(virtualTime.now, CACHE_BOUNDS)
    const known = new Map<string, Caches>()
    return {
      ...CACHE_BOUNDS,
      as: (instanceId) => {
        const caches = known.get(instanceId) ?? openCaches(instanceId)
        known.set(instanceId, caches)
        return caches
      },
      pass: (ms) => virtualTime.run(virtualTime.now() + ms),
      lose: async () => store.lose(),
    }

    function openCaches(instanceId: string): Caches {
      const caches = createSimulatedCaches({ store, service, gate, instanceId })
      return {
        health: pumped(caches.health),
        retry: pumped(caches.retry),
        settled: pumped(caches.settled),
        renewals: pumped(caches.renewals),
      }
    }
  })
})
