// All chance in a simulation: one seed, one sequence (mulberry32).

/** A reproducible source of random decisions; not for secrets. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0
    const state = this.#state
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** Whole number from 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  between([low, high]: Span): number {
    return low + this.next() * (high - low)
  }

  /** True in that share of cases, 0 to 1. */
  happens(share: number): boolean {
    return share > 0 && this.next() < share
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new Error('there is nothing to pick from')
    return items.at(this.below(items.length)) as Item
  }

  /** A source of its own, so that what it decides does not shift the decisions made here. */
  branch(salt: number): Chance {
    return new Chance(Math.imul(this.below(2 ** 32) ^ salt, 0x9e37_79b1))
  }
}

/** From, to. */
export type Span = readonly [low: number, high: number]
