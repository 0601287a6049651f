// Random numbers from a seed (mulberry32), so that a failing run can be run again.

export interface Random {
  /** Whole number from 0 to below `bound`. */
  below(bound: number): number
  /** True once in `times`. */
  onceIn(times: number): boolean
  pick<Item>(items: readonly Item[]): Item
}

export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  const pick = <Item>(items: readonly Item[]): Item => {
    if (items.length === 0) throw new Error('there is nothing to pick from')
    return items.at(below(items.length)) as Item
  }
  return {
    below,
    onceIn: (times) => below(times) === 0,
    pick,
  }
}
