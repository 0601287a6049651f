// A queue as a value: adding shares the old one, so a machine's context can hold it unmutated at
// constant cost per item.

export interface PendingQueue<Item> {
  readonly size: number
  readonly newest: Cell<Item> | null
}

interface Cell<Item> {
  readonly item: Item
  readonly older: Cell<Item> | null
}

const EMPTY = { size: 0, newest: null } as const

export function emptyQueue<Item>(): PendingQueue<Item> {
  return EMPTY
}

export function withItem<Item>(queue: PendingQueue<Item>, item: Item): PendingQueue<Item> {
  return { size: queue.size + 1, newest: { item, older: queue.newest } }
}

/** All items, oldest first. */
export function itemsOf<Item>(queue: PendingQueue<Item>): readonly Item[] {
  const items: Item[] = []
  for (let cell = queue.newest; cell !== null; cell = cell.older) items.push(cell.item)
  return items.reverse()
}

/** The oldest `max` items, and the queue without them. */
export function takeOldest<Item>(
  queue: PendingQueue<Item>,
  max: number,
): { readonly taken: readonly Item[]; readonly rest: PendingQueue<Item> } {
  const items = itemsOf(queue)
  const rest = items.slice(max).reduce<PendingQueue<Item>>(withItem, EMPTY)
  return { taken: items.slice(0, max), rest }
}
