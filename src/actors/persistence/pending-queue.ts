// A queue as a value: adding shares the old one, so a machine's context can hold it unmutated at
// constant cost per item.

export interface Backlog<Item> {
  readonly size: number
  readonly newest: Cell<Item> | null
}

interface Cell<Item> {
  readonly item: Item
  readonly older: Cell<Item> | null
}

const EMPTY = { size: 0, newest: null } as const

export function emptyBacklog<Item>(): Backlog<Item> {
  return EMPTY
}

export function withItem<Item>(backlog: Backlog<Item>, item: Item): Backlog<Item> {
  return { size: backlog.size + 1, newest: { item, older: backlog.newest } }
}

/** All items, oldest first. */
export function itemsOf<Item>(backlog: Backlog<Item>): readonly Item[] {
  const items: Item[] = []
  for (let cell = backlog.newest; cell !== null; cell = cell.older) items.push(cell.item)
  return items.reverse()
}

/** The oldest `max` items, and the backlog without them. */
export function takeOldest<Item>(
  backlog: Backlog<Item>,
  max: number,
): { readonly taken: readonly Item[]; readonly rest: Backlog<Item> } {
  const items = itemsOf(backlog)
  if (items.length <= max) return { taken: items, rest: EMPTY }
  const rest = items.slice(max).reduce<Backlog<Item>>(withItem, EMPTY)
  return { taken: items.slice(0, max), rest }
}
