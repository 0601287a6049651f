// In which order the faults of a place come.

import type { Chance } from '../simulation/chance.ts'
import { FAULT_KINDS, type FaultName } from './fault-kinds.ts'

/** Faults that last for minutes come in one round of so many. */
const LONG_EVERY = 5
const LONG_MS = 60_000

/** A long fault is dealt only when this many of its length are left of the load. */
const ROOM_FOR_LONG = 3

/** Deals all of its faults, in an order of the seed's, before it deals one again. */
export class Deck {
  readonly #names: readonly FaultName[]
  readonly #brief: readonly FaultName[]
  readonly #durationMs: number
  readonly #chance: Chance
  #left: FaultName[] = []
  #rounds = 0

  /** @param load.durationMs of the load, ms. */
  constructor(names: readonly FaultName[], load: { durationMs: number; chance: Chance }) {
    this.#names = names
    this.#brief = names.filter((name) => longest(name) <= LONG_MS)
    this.#durationMs = load.durationMs
    this.#chance = load.chance
  }

  /** @param atMs when the fault begins, from the start of the load. */
  deal(atMs: number): FaultName {
    for (;;) {
      if (this.#left.length === 0) this.#shuffle()
      const [name] = this.#left.splice(this.#chance.below(this.#left.length), 1)
      if (name === undefined) throw new Error('there is no fault to deal')
      const room = longest(name) <= LONG_MS ? 0 : ROOM_FOR_LONG * longest(name)
      if (this.#brief.length === 0 || atMs + room <= this.#durationMs || room === 0) return name
    }
  }

  #shuffle(): void {
    const isLong = this.#brief.length === 0 || this.#rounds % LONG_EVERY === 1
    this.#left = [...(isLong ? this.#names : this.#brief)]
    this.#rounds += 1
  }
}

function longest(name: FaultName): number {
  return FAULT_KINDS[name].lastsMs[1]
}
