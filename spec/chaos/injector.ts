// Lets the faults of a plan happen, each at its time; those of one place one after the other.

import type { Part } from '../../bench/layout/part.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import type { FaultName, Place } from './fault-kinds.ts'
import {
  injectPostgres,
  injectProcessors,
  injectRedis,
  killDraining,
  killFor,
  pauseFor,
  restartInTurn,
  startAgain,
} from './faults.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { PlannedFault } from './plan.ts'
import { describeNameTrouble } from './names.ts'
import { orderedProcessor, Orders } from './orders.ts'
import { describeTrouble } from './postgres-troubles.ts'
import { describeProxyConduct } from './proxy.ts'
import type { Recoveries } from './recoveries.ts'
import type { System } from './system.ts'
import type { Takeovers } from './takeovers.ts'

/** A fault that happened, with its real times, ms from the start of the load. */
export interface InjectedFault {
  readonly name: FaultName
  readonly place: Place
  /** What it hit. */
  readonly target: string
  readonly beganMs: number
  endedMs: number
}

export interface InjectorOptions {
  readonly system: System
  readonly takeovers: Takeovers
  readonly recoveries: Recoveries
  /** Monotonic start of the load, ms. */
  readonly startedAt: number
  readonly note: (text: string) => void
}

/** Between two faults of a place when the first took longer than planned, ms. */
const REST_MS_MIN = 500

export class Injector {
  readonly injected: InjectedFault[] = []
  /** Sentences about faults that could not be injected or ended as they have to. */
  readonly failures: string[] = []
  /** Processes that are down or stopped on purpose. */
  readonly downOnPurpose = new Set<Part>()
  readonly #options: InjectorOptions
  readonly #orders: Orders

  constructor(options: InjectorOptions) {
    this.#options = options
    const { system, note } = options
    this.#orders = new Orders({ system, note, downOnPurpose: this.downOnPurpose })
  }

  /** Resolves once all faults are over and everything runs again. Never rejects. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const queues = new Map<string, PlannedFault[]>()
    for (const fault of plan) {
      const queue = fault.processors.length === 1 ? fault.processors.join() : fault.place
      queues.set(queue, [...(queues.get(queue) ?? []), fault])
    }
    await Promise.all([...queues.values()].map((faults) => this.#runQueue(faults)))
    const ends = [this.#endProcessorFaults(), this.#orders.end()]
    for (const end of ends) await end.catch((error: unknown) => this.failures.push(String(error)))
  }

  async #runQueue(faults: readonly PlannedFault[]): Promise<void> {
    for (const fault of faults) {
      // Faults of processors take as long as planned; a late one would overlap the other processor's.
      const restMs = fault.place === 'processors' ? 0 : REST_MS_MIN
      await pause(Math.max(restMs, fault.atMs - this.#elapsedMs()))
      const target = this.#targetOf(fault)
      const beganMs = this.#elapsedMs()
      const happened: InjectedFault = { ...pick(fault), target, beganMs, endedMs: Infinity }
      this.injected.push(happened)
      this.#options.note(`${fault.name} at ${target} for ${fault.lastsMs} ms${detailOf(fault)}`)
      await this.#inject(fault).catch((error: unknown) => {
        this.failures.push(`${fault.name} at ${target}: ${String(error)}`)
      })
      happened.endedMs = this.#elapsedMs()
      this.#options.note(`${fault.name} at ${target} is over`)
    }
  }

  #inject(fault: PlannedFault): Promise<void> {
    switch (fault.place) {
      case 'instances':
        return this.#injectInstances(fault)
      case 'postgres':
        return this.#options.takeovers.whileDisturbed(() =>
          injectPostgres(this.#options.system, fault),
        )
      case 'redis':
        return injectRedis(this.#options.system, fault)
      case 'processors':
        return injectProcessors(this.#options.system, fault, this.#options.recoveries)
      case 'operators':
        return this.#orders.inject(fault)
    }
  }

  async #injectInstances(fault: PlannedFault): Promise<void> {
    const { pits } = this.#options.system.layout
    const one = pits[fault.instance % pits.length]
    if (one === undefined) return
    const hit: readonly PitPart[] = hitsAll(fault.name) ? pits : [one]
    for (const pit of hit) this.downOnPurpose.add(pit)
    try {
      if (fault.name === 'rolling') await this.#restartInTurn(pits)
      else if (fault.name === 'order-drain') await this.#drain(one)
      else if (fault.name === 'clock') await this.#setClock(one, fault)
      else await this.#hitAtOnce(hit, fault)
    } finally {
      for (const pit of hit) this.downOnPurpose.delete(pit)
    }
  }

  async #setClock({ name }: PitPart, { stepMs, lastsMs }: PlannedFault): Promise<void> {
    const { clocks } = this.#options.system
    clocks.set(name, stepMs)
    await pause(lastsMs)
    clocks.set(name, 0)
  }

  async #hitAtOnce(hit: readonly PitPart[], { name, lastsMs }: PlannedFault): Promise<void> {
    const { system, takeovers } = this.#options
    const [one] = hit
    // Without a living instance there is no takeover to measure.
    const isAlone = hit.length === system.layout.pits.length
    const watch = isAlone || one === undefined ? undefined : await takeovers.expect(name, one.name)
    // An instance that is paused briefly may resume in time and keep its payments.
    if (name !== 'doze') watch?.begin()
    if (name === 'kill-draining' && one !== undefined) await killDraining(one, lastsMs)
    else if (name.startsWith('kill')) await killFor(hit, lastsMs)
    else await pauseFor(hit, lastsMs)
  }

  /** A stopping instance hands over what it has not finished before it ends. */
  async #restartInTurn(pits: readonly PitPart[]): Promise<void> {
    const { takeovers } = this.#options
    const watches = new Map<PitPart, { begin(): void } | undefined>()
    for (const pit of pits) watches.set(pit, await takeovers.expect('rolling', pit.name))
    await restartInTurn(pits, (pit) => watches.get(pit)?.begin())
  }

  async #drain(pit: PitPart): Promise<void> {
    const watch = await this.#options.takeovers.expect('order-drain', pit.name)
    await this.#orders.drain(pit)
    watch?.begin()
    await startAgain(pit)
  }

  async #endProcessorFaults(): Promise<void> {
    const { default: byDefault, fallback } = this.#options.system.ledgers
    await Promise.all([byDefault.setFaults({}), fallback.setFaults({})])
  }

  #targetOf(fault: PlannedFault): string {
    const { name, place, instance, processors } = fault
    if (place === 'operators') return orderedProcessor(fault)
    if (place === 'processors') return processors.join(' and ')
    if (place !== 'instances') return place
    if (hitsAll(name)) return 'all instances'
    return this.#options.system.layout.pits[instance]?.name ?? place
  }

  #elapsedMs(): number {
    return performance.now() - this.#options.startedAt
  }
}

function detailOf({ name, conduct, nameTrouble, trouble, stepMs }: PlannedFault): string {
  if (nameTrouble !== undefined) return `: ${describeNameTrouble(nameTrouble)}`
  if (conduct !== undefined) return `: ${describeProxyConduct(conduct)}`
  if (trouble !== undefined) return `: ${describeTrouble(trouble)}`
  return name === 'clock' ? `: set by ${stepMs} ms` : ''
}

function hitsAll(name: FaultName): boolean {
  return name.endsWith('-all') || name === 'rolling'
}

function pick({ name, place }: PlannedFault): Pick<InjectedFault, 'name' | 'place'> {
  return { name, place }
}
