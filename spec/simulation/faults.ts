// Faults as they begin and end in a simulated world.

import type { Fault, PlannedFault } from './plan.ts'
import { HEALTHY } from './phase.ts'
import type { SimulatedServer } from './simulated-server.ts'
import type { World } from './world.ts'

/** Lets every fault of the plan begin and end at its time; all are over at `healAt`, virtual ms. */
export function planFaults(world: World, faults: readonly PlannedFault[], healAt: number): void {
  for (const { at, lastsMs, fault } of faults) {
    world.scheduler.after(at, () => {
      world.history.note('world', `${describe(fault)} for ${lastsMs.toFixed(0)} ms`)
      const end = begin(world, fault, healAt)
      if (at + lastsMs < healAt) world.scheduler.after(lastsMs, end)
    })
  }
  world.scheduler.after(healAt, () => world.heal())
}

function begin(world: World, fault: Fault, healAt: number): () => void {
  switch (fault.kind) {
    case 'crash':
      world.at(fault.instance).gate.kill()
      return () => world.replace(fault.instance)
    case 'stop':
      world.at(fault.instance).stop()
      return () => world.replace(fault.instance)
    case 'rolling':
      restartInTurn(world, fault.everyMs, healAt)
      return nothing
    case 'pause': {
      const { gate } = world.at(fault.instance)
      gate.pause()
      return () => gate.resume()
    }
    case 'phase':
      world.servers[fault.processor].phase = fault.phase
      return () => {
        world.servers[fault.processor].phase = HEALTHY
      }
    case 'purge':
      purge(world)
      return nothing
    case 'cachesEmptied':
      world.cacheStore.lose()
      return nothing
    case 'ledgerDown':
    case 'ledgerHung':
    case 'ledgerSlow':
    case 'ledgerLoses':
    case 'ledgerRefuses':
      return trouble(world, world.ledgerService, fault.kind)
    case 'cachesDown':
    case 'cachesHung':
    case 'cachesSlow':
      return trouble(world, world.cacheService, fault.kind)
  }
}

/** One after the other: the next one is stopped when the one before has had time to come back. */
function restartInTurn(world: World, everyMs: number, healAt: number): void {
  for (const place of world.places.keys()) {
    const delayMs = place * everyMs
    if (world.scheduler.now() + delayMs >= healAt) return
    world.scheduler.after(delayMs, () => world.at(place).stop())
    world.scheduler.after(delayMs + everyMs * BACK_SHARE, () => world.replace(place))
  }
}

/** Share of the interval of a rolling restart after which an instance is started again, 0 to 1. */
const BACK_SHARE = 0.7

function trouble({ chance }: World, service: SimulatedServer, kind: string): () => void {
  if (kind.endsWith('Down')) service.goDown()
  else if (kind.endsWith('Hung')) service.hang()
  else if (kind.endsWith('Slow')) service.latencyMs = [1, chance.pick([100, 1000])]
  else if (kind.endsWith('Refuses')) service.rolledBack = chance.between([0.1, 0.8])
  else service.answersLost = chance.between([0.1, 0.8])
  return () => service.heal()
}

function purge({ chance, places, history }: World): void {
  chance.pick(places).send({
    type: 'purge.requested',
    replyTo: ({ kind }) => history.note('client', `purge ${kind}`),
  })
}

function nothing(): void {
  // It is over as soon as it has begun.
}

function describe(fault: Fault): string {
  if (fault.kind === 'phase') return `${fault.processor} ${fault.phase.name}`
  return 'instance' in fault ? `${fault.kind} place ${fault.instance}` : fault.kind
}
