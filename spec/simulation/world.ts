// Everything in one simulation: the world of a seed, and faults as they begin and end in it.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { Chance } from './chance.ts'
import { Postings } from './postings.ts'
import { type SharedWorld, Instance, type Planted } from './instance.ts'
import { Trace, Observer } from './observer.ts'
import { Operators } from './operators.ts'
import { type Fault, type Plan, type Rewind, withinBounds } from './plan.ts'
import type { Rule, Violation } from './rules.ts'
import { longestLeaseMs, type Settings } from './settings.ts'
import { LedgerStore } from './simulated-postgres.ts'
import { HEALTHY, ProcessorServer } from './simulated-processor.ts'
import { CacheStore } from './simulated-redis.ts'
import { SimulatedServer } from './simulated-server.ts'
import { VirtualTime } from './virtual-time.ts'
import { WallClock } from './wall-clock.ts'
import { beginFault, type FaultyWorld } from './worlds/begin.ts'
import { type CutOff, describeCutOff } from './worlds/cut-off.ts'
import { describeFault, type Lasting } from './worlds/faults.ts'
import type { Reply } from './worlds/http-ends.ts'
import { Oracle } from './worlds/oracle.ts'
import { describeOrder, isOrder } from './worlds/orders.ts'
import { ProcessorProxy } from './worlds/proxy.ts'

export interface WorldParts {
  readonly chance: Chance
  readonly settings: Settings
  readonly planted: Planted
  /** Processes that Pit runs as. */
  readonly instances: number
  /** Rules that may break without an end to the simulation; absent: none. */
  readonly tolerated?: ReadonlySet<Rule>
  /** Absent: a fair one. */
  readonly oracle?: Oracle
  /** Draws what proxies do; absent: they are as good as any. */
  readonly proxyChance?: Chance
  /** Draws over which instance operators give an order. */
  readonly operatorsChance?: Chance
  /** Draws of which payments they say that they are settled nowhere. */
  readonly resolvesChance?: Chance
  /** Is told the lines of the trace. */
  readonly print?: (line: string) => void
}

const CACHE_BOUNDS = { keptMs: 60_000, retryEntriesMax: 20_000 }

export class World implements SharedWorld, FaultyWorld {
  readonly virtualTime: VirtualTime
  readonly chance: Chance
  readonly settings: Settings
  readonly planted: Planted
  readonly trace: Trace
  readonly postings = new Postings()
  /** PostgreSQL's. */
  readonly ledgerClock: WallClock
  readonly ledgerStore: LedgerStore
  readonly ledgerService: SimulatedServer
  readonly cacheStore: CacheStore
  readonly cacheService: SimulatedServer
  readonly servers: Readonly<Record<ProcessorName, ProcessorServer>>
  readonly proxies: Readonly<Record<ProcessorName, ProcessorProxy>>
  /** Payments whose outcomes PostgreSQL refuses. */
  readonly poisoned = new Set<string>()
  readonly oracle: Oracle
  readonly observer: Observer
  readonly operators: Operators
  /** What comes back for requests of a machine that is cut off; absent: none is. */
  cutOff: CutOff | undefined
  /** One place per process; another instance takes a dead one's place. */
  readonly places: Instance[]
  /** Told which payments the ledger has lost. */
  onLost: (correlationIds: readonly string[]) => void = () => undefined
  #started = 0

  constructor(parts: WorldParts) {
    const { chance, settings, planted, instances, print, tolerated } = parts
    this.chance = chance
    this.settings = settings
    this.planted = planted
    const virtualTime = new VirtualTime(chance.branch(1))
    const network = chance.branch(2)
    this.virtualTime = virtualTime
    this.trace = new Trace(virtualTime.now, print)
    this.oracle = parts.oracle ?? new Oracle('fair')
    this.ledgerClock = new WallClock(virtualTime.now)
    this.ledgerStore = new LedgerStore(this.ledgerClock.now, virtualTime.now)
    this.ledgerService = new SimulatedServer(virtualTime, network)
    this.cacheStore = new CacheStore(virtualTime.now, CACHE_BOUNDS)
    this.cacheService = new SimulatedServer(virtualTime, network)
    const { trace, postings, ledgerStore: store, oracle } = this
    const { lookUpLagMs } = settings
    const { work } = settings.configured
    this.observer = new Observer({
      virtualTime,
      trace,
      store,
      postings,
      leaseTtlMs: longestLeaseMs(settings),
      lookUpLagMs,
      mixedUpMs: work.settleByMs,
      oracle,
      tolerated: tolerated ?? new Set(),
    })
    const { saidNever } = this.observer
    this.ledgerStore.commands.onNever = (id, processors) => saidNever.onSaid(id, processors)
    this.servers = { default: this.#server('default'), fallback: this.#server('fallback') }
    const proxyChance = parts.proxyChance ?? new Chance(0)
    this.proxies = {
      default: this.#proxy('default', proxyChance),
      fallback: this.#proxy('fallback', proxyChance),
    }
    this.operators = new Operators(this, {
      chance: parts.operatorsChance ?? new Chance(0),
      resolvesChance: parts.resolvesChance ?? new Chance(0),
    })
    this.places = Array.from({ length: instances }, () => this.#begin())
  }

  /** The first rule that did not hold. */
  get violation(): Violation | undefined {
    return this.observer.violations[0]
  }

  at(place: number): Instance {
    const instance = this.places[place]
    if (instance === undefined) throw new Error(`there is no place ${place}`)
    return instance
  }

  /** Starts another instance where one has died. */
  replace(place: number): void {
    if (this.at(place).gate.state === 'dead') this.places[place] = this.#begin()
  }

  /**
   * Ends every fault except for one that lasts, whose processor operators leave paused or held open;
   * stopped instances are started again.
   */
  heal(lasting?: Lasting): void {
    this.trace.note('world', 'heals')
    this.ledgerService.heal()
    this.cacheService.heal()
    this.ledgerClock.drift(1)
    for (const server of Object.values(this.servers)) server.phase = HEALTHY
    for (const proxy of Object.values(this.proxies)) proxy.conduct = null
    if (lasting !== undefined) this.proxies[lasting.processor].conduct = lasting.conduct
    for (const instance of this.places) instance.gate.resume()
    this.operators.leftAlone = lasting?.processor ?? null
    this.keepUp()
  }

  /** What people and a process supervisor do while nothing else happens. */
  keepUp(): void {
    this.replaceDead()
    this.operators.resumeHeld()
  }

  /** Starts ended processes again, as a process supervisor does. */
  replaceDead(): void {
    for (const place of this.places.keys()) this.replace(place)
  }

  cutNow(instance: Instance, name: ProcessorName): Reply | undefined {
    const { cutOff } = this
    if (cutOff === undefined || this.places[cutOff.place] !== instance) return undefined
    return cutOff.processors.includes(name) ? cutOff.reply : undefined
  }

  hasLongLease(id: string): boolean {
    return Number(id.slice(1)) % 2 === 1
  }

  #begin(): Instance {
    this.#started += 1
    const instance = new Instance(`i${this.#started}`, this)
    this.trace.note(instance.id, 'starts')
    instance.start()
    return instance
  }

  #proxy(name: ProcessorName, chance: Chance): ProcessorProxy {
    const { settings, virtualTime, oracle } = this
    const { attemptTimeoutMs, landingMaxMs } = settings
    return new ProcessorProxy({
      name,
      virtualTime,
      chance,
      oracle,
      server: this.servers[name],
      attemptTimeoutMs,
      landingMaxMs,
    })
  }

  #server(name: ProcessorName): ProcessorServer {
    const { settings, virtualTime, chance, observer } = this
    return new ProcessorServer({
      name,
      virtualTime,
      chance: chance.branch(name.length),
      lookUpLagMs: settings.lookUpLagMs,
      landingMaxMs: settings.landingMaxMs,
      probeWindowMs: settings.configured.probeIntervalMs,
      onRecorded: (payment) => observer.onRecorded(name, payment),
    })
  }
}

/** Lets every fault of the plan begin and end at its time; all are over at `healAt`, virtual ms. */
export function planFaults(
  world: World,
  { faults, lasting, cutOff }: Pick<Plan, 'faults' | 'lasting' | 'cutOff'>,
  healAt: number,
): void {
  if (cutOff !== undefined) {
    world.virtualTime.after(cutOff.at, () => {
      world.trace.note('world', describeCutOff(cutOff))
      world.cutOff = cutOff
    })
  }
  for (const { at, lastsMs, fault } of withinBounds(faults, world.settings)) {
    if (fault.kind === 'rewind') {
      planRewind(world, { at, lastsMs, fault, healAt })
      continue
    }
    world.virtualTime.after(at, () => {
      world.trace.note('world', `${describe(fault)} for ${lastsMs.toFixed(0)} ms`)
      const end = begin(world, fault, healAt)
      if (at + lastsMs < healAt) world.virtualTime.after(lastsMs, end)
    })
  }
  world.virtualTime.after(healAt, () => world.heal(lasting))
}

interface PlannedRewind {
  readonly at: number
  readonly lastsMs: number
  readonly fault: Rewind
  readonly healAt: number
}

/** What it comes back with is saved when the time comes. */
function planRewind(world: World, { at, lastsMs, fault, healAt }: PlannedRewind): void {
  const { virtualTime, ledgerStore, ledgerService, cacheStore, postings, observer } = world
  virtualTime.after(Math.max(0, at - fault.lostMs), () => {
    const saved = ledgerStore.save()
    // Before its first history was written down nobody could know that there is another one.
    if (saved.history.rows.length === 0) return
    virtualTime.after(Math.max(0, at - virtualTime.now()), () => {
      world.trace.note('world', `rewinds ${fault.lostMs.toFixed(0)} ms, ${fault.how}`)
      if (fault.how !== 'reload') ledgerService.goDown()
      if (fault.allDie) for (const { gate } of world.places) gate.kill()
      if (fault.cachesEmptied) cacheStore.lose()
      const known = [...ledgerStore.rows.keys()]
      ledgerStore.rewindTo(saved, fault.how)
      const lost = known.filter((id) => !ledgerStore.rows.has(id))
      const now = virtualTime.now()
      for (const id of lost) postings.lose(id, now)
      observer.onRewound()
      world.onLost(lost)
      const endsAt = Math.min(now + lastsMs, healAt)
      virtualTime.after(Math.max(0, endsAt - now), () => {
        ledgerService.heal()
        world.replaceDead()
      })
    })
  })
}

function begin(world: World, fault: Exclude<Fault, Rewind>, healAt: number): () => void {
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
    default:
      if (isOrder(fault)) return world.operators.begin(fault)
      return beginFault(world, fault)
  }
}

/** One after the other: the next one is stopped when the one before has had time to come back. */
function restartInTurn(world: World, everyMs: number, healAt: number): void {
  for (const place of world.places.keys()) {
    const delayMs = place * everyMs
    if (world.virtualTime.now() + delayMs >= healAt) return
    world.virtualTime.after(delayMs, () => world.at(place).stop())
    world.virtualTime.after(delayMs + everyMs * BACK_SHARE, () => world.replace(place))
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

function purge({ chance, places, trace }: World): void {
  chance.pick(places).send({
    type: 'purge.requested',
    replyTo: ({ kind }) => trace.note('client', `purge ${kind}`),
  })
}

function nothing(): void {
  // It is over as soon as it has begun.
}

function describe(fault: Exclude<Fault, Rewind>): string {
  switch (fault.kind) {
    case 'phase':
      return `${fault.processor} ${fault.phase.name}`
    case 'crash':
    case 'pause':
    case 'stop':
      return `${fault.kind} place ${fault.instance}`
    case 'rolling':
    case 'purge':
    case 'ledgerDown':
    case 'ledgerHung':
    case 'ledgerSlow':
    case 'ledgerLoses':
    case 'ledgerRefuses':
    case 'cachesDown':
    case 'cachesHung':
    case 'cachesSlow':
    case 'cachesEmptied':
      return fault.kind
    default:
      return isOrder(fault) ? describeOrder(fault) : describeFault(fault)
  }
}
