// Lets what a drawn world does begin and end.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { CircuitReport, ProbedHealth } from '../../../src/actors/model/ports.ts'
import { correlationIdOf } from '../postings.ts'
import type { ProcessorServer } from '../simulated-processor.ts'
import type { CacheStore } from '../simulated-redis.ts'
import type { SimulatedServer } from '../simulated-server.ts'
import type { Gate } from '../virtual-time.ts'
import { EPOCH_MS, type MachineClock, type WallClock } from '../wall-clock.ts'
import type { WorldFault } from './faults.ts'
import type { Oracle } from './oracle.ts'
import type { ProcessorProxy } from './proxy.ts'
import type { StoreTrouble } from './store-troubles.ts'

/** The parts of a world that can go wrong. */
export interface FaultyWorld {
  readonly servers: Readonly<Record<ProcessorName, ProcessorServer>>
  readonly proxies: Readonly<Record<ProcessorName, ProcessorProxy>>
  readonly ledgerService: SimulatedServer
  readonly ledgerClock: WallClock
  readonly poisoned: Set<string>
  readonly cacheService: SimulatedServer
  readonly cacheStore: CacheStore
  readonly oracle: Oracle
  at(place: number): { readonly gate: Gate; readonly clock: MachineClock }
}

/** Begins a fault; returns its end. */
export function beginFault(world: FaultyWorld, fault: WorldFault): () => void {
  switch (fault.kind) {
    case 'conduct':
      return behave(world, fault)
    case 'foreignRecord':
      record(world, fault)
      return nothing
    case 'ledgerTrouble':
      return trouble(world.ledgerService, fault.trouble)
    case 'poison':
      world.poisoned.add(correlationIdOf(fault.number))
      world.oracle.goesBeyond(correlationIdOf(fault.number), 'refused by PostgreSQL itself')
      return nothing
    case 'ledgerClockStep':
      world.ledgerClock.step(fault.byMs)
      return nothing
    case 'ledgerClockDrift':
      world.ledgerClock.drift(fault.rate)
      return () => world.ledgerClock.drift(1)
    case 'suspend': {
      const { gate } = world.at(fault.instance)
      gate.suspend()
      return () => gate.resume()
    }
    case 'instanceClockStep':
      world.at(fault.instance).clock.wall.step(fault.byMs)
      return nothing
    case 'cacheTrouble':
      return trouble(world.cacheService, fault.trouble)
    case 'cacheStrangers':
      visit(world.cacheStore)
      return nothing
  }
}

function behave(
  { proxies }: FaultyWorld,
  { processors, conduct }: Extract<WorldFault, { kind: 'conduct' }>,
): () => void {
  for (const each of processors) proxies[each].conduct = conduct
  return () => {
    for (const each of processors) {
      // Another conduct may have begun meanwhile.
      if (proxies[each].conduct === conduct) proxies[each].conduct = null
    }
  }
}

function record(
  { servers, oracle }: FaultyWorld,
  { processor, number, amountCents }: Extract<WorldFault, { kind: 'foreignRecord' }>,
): void {
  const correlationId = correlationIdOf(number)
  const foreign = { correlationId, amountCents, requestedAt: EPOCH_MS - amountCents }
  servers[processor].foreign.set(correlationId, foreign)
  oracle.foreign.set(correlationId, processor)
}

function trouble(service: SimulatedServer, what: StoreTrouble): () => void {
  service.troubles.add(what)
  return () => void service.troubles.delete(what)
}

/** Payments of nobody here, and an instance of nobody here that finds both processors failing. */
function visit(store: CacheStore): void {
  const ids = [1, 2, 3].map((number) => correlationIdOf(STRANGERS_FROM + number))
  const stranger = { amountCents: 7, requestedAt: EPOCH_MS, processor: 'default' } as const
  store.addSettled(ids.map((correlationId) => ({ ...stranger, correlationId })))
  store.schedule(ids.map((correlationId) => ({ correlationId, dueInMs: 0 })))
  const failing: Omit<ProbedHealth, 'ageMs'> = { failing: true, minResponseMs: 9000 }
  for (const processor of ['default', 'fallback'] as const) {
    const report: CircuitReport = { processor, state: 'open', since: EPOCH_MS }
    store.publishCircuit('stranger', report)
    store.publishHealth(processor, failing)
  }
}

/** Beyond every payment that is posted. */
const STRANGERS_FROM = 1_000_000

function nothing(): void {
  // It is over as soon as it has begun.
}
