// Everything in one simulation: the seed's world before anything has happened in it.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { CacheStore } from './board-store.ts'
import type { Chance } from './chance.ts'
import { History } from './history.ts'
import { EPOCH_MS, Instance, type DevStack } from './instance.ts'
import { LedgerStore } from './ledger-store.ts'
import type { Planted } from './planted-world.ts'
import { HEALTHY } from './phase.ts'
import { Postings } from './postings.ts'
import { ProcessorServer } from './processor-server.ts'
import { Scheduler } from './scheduler.ts'
import { SimulatedServer } from './simulated-server.ts'
import type { Settings } from './settings.ts'
import type { Rule, Violation } from './rules.ts'
import { Watch } from './watch.ts'

export interface WorldParts {
  readonly chance: Chance
  readonly settings: Settings
  readonly planted: Planted
  /** Processes that Pit runs as. */
  readonly instances: number
  /** Rules that may break without an end to the simulation; absent: none. */
  readonly tolerated?: ReadonlySet<Rule>
  /** Takes the history's lines. */
  readonly print?: (line: string) => void
}

/** Kept for so long by the caches, ms. */
const BOARD_BOUNDS = { keptMs: 60_000, retryEntriesMax: 20_000 }

export class World implements DevStack {
  readonly scheduler: Scheduler
  readonly chance: Chance
  readonly settings: Settings
  readonly planted: Planted
  readonly history: History
  readonly postings = new Postings()
  readonly ledgerStore: LedgerStore
  readonly ledgerService: SimulatedServer
  readonly cacheStore: CacheStore
  readonly cacheService: SimulatedServer
  readonly servers: Readonly<Record<ProcessorName, ProcessorServer>>
  readonly observer: Watch
  /** One place per process; another instance takes a dead one's place. */
  readonly places: Instance[]
  #started = 0

  constructor({ chance, settings, planted, instances, print, tolerated }: WorldParts) {
    this.chance = chance
    this.settings = settings
    this.planted = planted
    const scheduler = new Scheduler(chance.branch(1))
    const network = chance.branch(2)
    this.scheduler = scheduler
    this.history = new History(scheduler.now, print)
    this.ledgerStore = new LedgerStore(() => EPOCH_MS + scheduler.now())
    this.ledgerService = new SimulatedServer(scheduler, network)
    this.cacheStore = new CacheStore(scheduler.now, BOARD_BOUNDS)
    this.cacheService = new SimulatedServer(scheduler, network)
    const { history, postings, ledgerStore: store } = this
    const { leaseTtlMs } = settings.configured
    this.observer = new Watch({
      scheduler,
      history,
      store,
      postings,
      leaseTtlMs,
      tolerated: tolerated ?? new Set(),
    })
    this.servers = { default: this.#server('default'), fallback: this.#server('fallback') }
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

  /** Ends every fault; who was stopped is started again. */
  heal(): void {
    this.history.note('world', 'heals')
    this.ledgerService.heal()
    this.cacheService.heal()
    for (const server of Object.values(this.servers)) server.phase = HEALTHY
    for (const instance of this.places) instance.gate.resume()
    this.replaceDead()
  }

  /** As whatever runs the processes does with one that has ended. */
  replaceDead(): void {
    for (const place of this.places.keys()) this.replace(place)
  }

  #begin(): Instance {
    this.#started += 1
    const instance = new Instance(`i${this.#started}`, this)
    this.history.note(instance.id, 'starts')
    instance.start()
    return instance
  }

  #server(name: ProcessorName): ProcessorServer {
    const { settings, scheduler, chance, observer } = this
    return new ProcessorServer({
      name,
      scheduler,
      chance: chance.branch(name.length),
      lookUpLagMs: settings.lookUpLagMs,
      landingMaxMs: settings.landingMaxMs,
      probeWindowMs: settings.configured.probeIntervalMs,
      onRecorded: (payment) => observer.onRecorded(name, payment),
    })
  }
}
