// Lets the faults of a plan happen, each at its time; those of one place one after the other.

import type { Part } from '../../bench/layout/part.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import type { FaultName, Place } from './fault-kinds.ts'
import { killDraining, killFor, pauseFor, restartInTurn } from './instance-faults.ts'
import { pause } from './pause.ts'
import type { PlannedFault } from './plan.ts'
import type { Recoveries } from './recoveries.ts'
import type { Stage } from './stage.ts'
import { injectPostgres, injectProcessors, injectRedis } from './outer-faults.ts'
import type { Takeovers } from './takeovers.ts'

/** A fault that happened, with its real times, ms from the start of the load. */
export interface Dose {
  readonly name: FaultName
  readonly place: Place
  /** What it hit. */
  readonly target: string
  readonly beganMs: number
  endedMs: number
}

export interface InjectorOptions {
  readonly stage: Stage
  readonly takeovers: Takeovers
  readonly recoveries: Recoveries
  /** Monotonic start of the load, ms. */
  readonly startedAt: number
  readonly note: (text: string) => void
}

/** Between two faults of a place when the first took longer than planned, ms. */
const REST_MS_MIN = 500

export class Injector {
  readonly doses: Dose[] = []
  /** Sentences about faults that could not be injected or ended as they have to. */
  readonly failures: string[] = []
  /** Processes that are down or stopped on purpose. */
  readonly inHand = new Set<Part>()
  readonly #options: InjectorOptions

  constructor(options: InjectorOptions) {
    this.#options = options
  }

  /** Resolves once all faults are over and everything runs again. Never rejects. */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const batchers = new Map<string, PlannedFault[]>()
    for (const fault of plan) {
      const lane = fault.processors.length === 1 ? fault.processors.join() : fault.place
      batchers.set(lane, [...(batchers.get(lane) ?? []), fault])
    }
    await Promise.all([...batchers.values()].map((faults) => this.#runPool(faults)))
    await this.#calm().catch((error: unknown) => this.failures.push(String(error)))
  }

  async #runPool(faults: readonly PlannedFault[]): Promise<void> {
    for (const fault of faults) {
      // Those of processors take as long as planned: late ones would meet the other processor's next.
      const restMs = fault.place === 'processors' ? 0 : REST_MS_MIN
      await pause(Math.max(restMs, fault.atMs - this.#elapsedMs()))
      const target = this.#targetOf(fault)
      const beganMs = this.#elapsedMs()
      const dose: Dose = { ...pick(fault), target, beganMs, endedMs: Infinity }
      this.doses.push(dose)
      this.#options.note(`${fault.name} at ${target} for ${fault.lastsMs} ms`)
      await this.#inject(fault).catch((error: unknown) => {
        this.failures.push(`${fault.name} at ${target}: ${String(error)}`)
      })
      dose.endedMs = this.#elapsedMs()
      this.#options.note(`${fault.name} at ${target} is over`)
    }
  }

  #inject(fault: PlannedFault): Promise<void> {
    switch (fault.place) {
      case 'instances':
        return this.#injectInstances(fault)
      case 'postgres':
        return this.#options.takeovers.whileDisturbed(() =>
          injectPostgres(this.#options.stage, fault),
        )
      case 'redis':
        return injectRedis(this.#options.stage, fault)
      case 'processors':
        return injectProcessors(this.#options.stage, fault, this.#options.recoveries)
    }
  }

  async #injectInstances(fault: PlannedFault): Promise<void> {
    const { pits } = this.#options.stage.layout
    const one = pits[fault.instance % pits.length]
    if (one === undefined) return
    const hit: readonly PitPart[] = hitsAll(fault.name) ? pits : [one]
    for (const pit of hit) this.inHand.add(pit)
    try {
      if (fault.name === 'rolling') await this.#restartInTurn(pits)
      else await this.#hitAtOnce(hit, fault)
    } finally {
      for (const pit of hit) this.inHand.delete(pit)
    }
  }

  async #hitAtOnce(hit: readonly PitPart[], { name, lastsMs }: PlannedFault): Promise<void> {
    const { stage, takeovers } = this.#options
    const [one] = hit
    // With nobody left there is nobody to take over.
    const isAlone = hit.length === stage.layout.pits.length
    const watch = isAlone || one === undefined ? undefined : await takeovers.expect(name, one.name)
    // Whoever dozes may wake up in time and keep its payments.
    if (name !== 'doze') watch?.begin()
    if (name === 'kill-draining' && one !== undefined) await killDraining(one, lastsMs)
    else if (name.startsWith('kill')) await killFor(hit, lastsMs)
    else await pauseFor(hit, lastsMs)
  }

  /** What a stopping instance has not finished it hands over before it ends. */
  async #restartInTurn(pits: readonly PitPart[]): Promise<void> {
    const { takeovers } = this.#options
    const watches = new Map<PitPart, { begin(): void } | undefined>()
    for (const pit of pits) watches.set(pit, await takeovers.expect('rolling', pit.name))
    await restartInTurn(pits, (pit) => watches.get(pit)?.begin())
  }

  async #calm(): Promise<void> {
    const { default: byDefault, fallback } = this.#options.stage.ledgers
    await Promise.all([byDefault.setFaults({}), fallback.setFaults({})])
  }

  #targetOf({ name, place, instance, processors }: PlannedFault): string {
    if (place === 'processors') return processors.join(' and ')
    if (place !== 'instances') return place
    if (hitsAll(name)) return 'all instances'
    return this.#options.stage.layout.pits[instance]?.name ?? place
  }

  #elapsedMs(): number {
    return performance.now() - this.#options.startedAt
  }
}

function hitsAll(name: FaultName): boolean {
  return name.endsWith('-all') || name === 'rolling'
}

function pick({ name, place }: PlannedFault): Pick<Dose, 'name' | 'place'> {
  return { name, place }
}
