// First in, first out, in a fixed array: constant insert and delete in a Map or a growing array
// would keep young garbage alive (see ARCHITECTURE.md, "Memory").

export interface Ring<Item> {
  readonly size: number
  readonly capacity: number
  /** False, and nothing taken, when full. */
  push(item: Item): boolean
  peek(): Item | undefined
  shift(): Item | undefined
  clear(): void
  /** Oldest first; must not be changed meanwhile. */
  find(matches: (item: Item) => boolean): Item | undefined
}

export function createRing<Item>(capacity: number): Ring<Item> {
  const items = Array.from<Item | undefined>({ length: capacity }).fill(undefined)
  let head = 0
  let size = 0
  return {
    capacity,
    get size() {
      return size
    },
    push(item) {
      if (size === capacity) return false
      items[(head + size) % capacity] = item
      size += 1
      return true
    },
    peek: () => items[head],
    shift() {
      const item = items[head]
      if (size === 0) return undefined
      items[head] = undefined
      head = (head + 1) % capacity
      size -= 1
      return item
    },
    clear() {
      items.fill(undefined)
      head = 0
      size = 0
    },
    find(matches) {
      for (let offset = 0; offset < size; offset += 1) {
        const item = items[(head + offset) % capacity]
        if (item !== undefined && matches(item)) return item
      }
      return undefined
    },
  }
}
