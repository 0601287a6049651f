// What is checked while a chaos run goes on: what must hold at every moment, not only at the end.

import { PitEndpoint } from '../../bench/challenge/pit-endpoint.ts'
import { INITIAL_TOKEN, ProcessorAdmin } from '../../bench/challenge/processor-admin.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { ProcessorName, TimeWindow } from '../../src/actors/model/payment.ts'
import type { Chance } from '../simulation/chance.ts'
import { PROCESSORS } from './books.ts'
import { startAgain } from './faults.ts'
import type { Injector } from './injector.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { System } from './system.ts'

const WATCH_EVERY_MS = 1000
const TIMEOUT_MS = 10_000
const REACH_MS = 30_000
const VIOLATIONS_MAX = 50

export interface LiveChecksOptions {
  readonly system: System
  readonly injector: Pick<Injector, 'downOnPurpose'>
  readonly chance: Chance
}

export class LiveChecks {
  /** Sentences about what did not hold, besides payments that were recorded at both. */
  readonly #violations: string[] = []
  /** Sentences by payment. */
  readonly #doubles = new Map<string, string>()
  /** Highest seen of any instance, bytes. */
  memoryPeakBytes = 0
  /** Windows in which Pit had no more than the processor, of those compared. */
  windows = 0
  readonly #options: LiveChecksOptions
  readonly #pit: PitEndpoint
  readonly #admins: Readonly<Record<ProcessorName, ProcessorAdmin>>
  readonly #seenAt = new Map<string, ProcessorName>()
  #readTo = 0
  #running: Promise<void> | undefined
  #stopping = false

  constructor(options: LiveChecksOptions) {
    this.#options = options
    const { system } = options
    this.#pit = new PitEndpoint({
      target: parseTarget(system.layout.url),
      timeoutMs: TIMEOUT_MS,
    })
    const admin = (name: ProcessorName): ProcessorAdmin =>
      new ProcessorAdmin({
        name,
        token: INITIAL_TOKEN,
        target: parseTarget(system.ledgers[name].url),
        timeoutMs: TIMEOUT_MS,
      })
    this.#admins = { default: admin('default'), fallback: admin('fallback') }
  }

  /** How much did not hold, excused or not. */
  get count(): number {
    return this.#violations.length + this.#doubles.size
  }

  /** Sentences about what did not hold, but for payments that are excused. */
  violationsBesides(excused: ReadonlyMap<string, unknown>): readonly string[] {
    const doubles = [...this.#doubles].filter(([id]) => !excused.has(id))
    return [...this.#violations, ...doubles.map(([, text]) => text)].slice(0, VIOLATIONS_MAX)
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    this.#pit.close()
    for (const name of PROCESSORS) this.#admins[name].close()
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#checkProcesses()
      await this.#checkDoubles().catch((error: unknown) => this.#note(String(error)))
      await this.#checkWindow()
      await pause(WATCH_EVERY_MS)
    }
    this.#checkProcesses()
  }

  #checkProcesses(): void {
    const { system, injector } = this.#options
    for (const pit of system.layout.pits) {
      if (injector.downOnPurpose.has(pit)) continue
      if (pit.pid === undefined) {
        this.#note(`${pit.name} ended by itself`)
        // As its container would; until then it is down on purpose.
        injector.downOnPurpose.add(pit)
        void startAgain(pit)
          .catch((error: unknown) => this.#note(String(error)))
          .finally(() => injector.downOnPurpose.delete(pit))
        continue
      }
      this.memoryPeakBytes = Math.max(this.memoryPeakBytes, pit.stat().memoryPeakBytes)
    }
  }

  async #checkDoubles(): Promise<void> {
    const from = this.#readTo
    this.#readTo = Date.now() - REACH_MS
    for (const name of PROCESSORS) {
      for (const { correlationId } of await this.#options.system.ledgers[name].read(from)) {
        const earlier = this.#seenAt.get(correlationId)
        if (earlier !== undefined && earlier !== name) {
          this.#doubles.set(
            correlationId,
            `${correlationId} is recorded at ${earlier} and at ${name}`,
          )
        }
        this.#seenAt.set(correlationId, name)
      }
    }
  }

  /** Asks Pit first: what Pit counts then, the processor must have as well. */
  async #checkWindow(): Promise<void> {
    const now = Date.now()
    const [one, other] = [0, 1].map(() => now - this.#options.chance.below(REACH_MS))
    const window: TimeWindow = {
      from: Math.min(one ?? now, other ?? now),
      to: Math.max(one ?? now, other ?? now),
    }
    const pit = await this.#pit.readSummary(window)
    // What a proxy settled by its own word is in Pit's books alone.
    const isComparable = [...this.#options.system.oracle.beyond.values()].every(
      (bound) => bound !== 'answered 200 and not recorded',
    )
    if (pit === undefined || !isComparable) return
    for (const name of PROCESSORS) {
      const books = await this.#admins[name].readBooks(window)
      if (books === undefined) continue
      this.windows += 1
      if (pit[name].payments <= books.payments && pit[name].cents <= books.cents) continue
      const had = `${books.payments} payments, ${books.cents} cents`
      const told = `${pit[name].payments} payments, ${pit[name].cents} cents`
      this.#note(`Pit told ${told} of ${name} in ${JSON.stringify(window)}, which had ${had}`)
    }
  }

  #note(text: string): void {
    if (this.#violations.length < VIOLATIONS_MAX && !this.#violations.includes(text))
      this.#violations.push(text)
  }
}
