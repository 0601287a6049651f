// What payments wait for, by due time: a binary heap over one timer, instead of a timer each.

import type { Clock } from '../model/ports.ts'

export interface TimerQueue<Item> {
  /** Hands `item` over once `delayMs` have passed, in order of due times. */
  push(item: Item, delayMs: number): void
  /** Monotonic instant, ms, at which the item is due; searches all, for rare readers. */
  dueAtOf(matches: (item: Item) => boolean): number | undefined
}

interface Entry<Item> {
  readonly dueAt: number
  readonly item: Item
}

/** `onDue` must not throw; it may push. Bounded by its users, one entry per payment at most. */
export function createTimerQueue<Item>(
  clock: Clock,
  onDue: (item: Item) => void,
): TimerQueue<Item> {
  const heap: Entry<Item>[] = []
  let timer: unknown = null
  let timerDueAt = Number.POSITIVE_INFINITY

  const arm = (): void => {
    const first = heap[0]
    if (first === undefined || first.dueAt >= timerDueAt) return
    if (timer !== null) clock.clearTimeout(timer)
    timerDueAt = first.dueAt
    timer = clock.setTimeout(fire, Math.max(0, first.dueAt - clock.now()))
  }

  const fire = (): void => {
    timer = null
    timerDueAt = Number.POSITIVE_INFINITY
    const now = clock.now()
    for (let first = heap[0]; first !== undefined && first.dueAt <= now; first = heap[0]) {
      removeFirst(heap)
      onDue(first.item)
    }
    arm()
  }

  return {
    push(item, delayMs) {
      insert(heap, { dueAt: clock.now() + delayMs, item })
      arm()
    },
    dueAtOf: (matches) => heap.find(({ item }) => matches(item))?.dueAt,
  }
}

function insert<Item>(heap: Entry<Item>[], entry: Entry<Item>): void {
  let index = heap.length
  while (index > 0) {
    const parentIndex = (index - 1) >> 1
    const parent = heap[parentIndex]
    if (parent === undefined || parent.dueAt <= entry.dueAt) break
    heap[index] = parent
    index = parentIndex
  }
  heap[index] = entry
}

function removeFirst<Item>(heap: Entry<Item>[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let index = 0
  for (;;) {
    const child = smallerChild(heap, index)
    const entry = heap[child]
    if (entry === undefined || entry.dueAt >= last.dueAt) break
    heap[index] = entry
    index = child
  }
  heap[index] = last
}

function smallerChild<Item>(heap: readonly Entry<Item>[], index: number): number {
  const left = heap[2 * index + 1]
  const right = heap[2 * index + 2]
  if (right !== undefined && left !== undefined && right.dueAt < left.dueAt) return 2 * index + 2
  return 2 * index + 1
}
