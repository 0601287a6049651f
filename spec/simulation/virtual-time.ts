// Virtual time, and the processes that live in it: running, paused or dead.

import type { Chance } from './chance.ts'

interface Step {
  readonly at: number
  /** Random: decides between steps of the same instant. */
  readonly order: number
  readonly run: () => void
}

/** Turns of the microtask queue after a step: longer than any chain of promises in the actors. */
const TURNS = 24

/** Awaited, it takes one turn. */
const TURN = Promise.resolve()

/** One seed, one order: steps run one at a time, each with all the promises that it settles. */
export class VirtualTime {
  readonly #chance: Chance
  readonly #heap: Step[] = []
  #now = 0
  #isStopped = false
  /** Steps run so far. */
  steps = 0

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** Virtual ms since the start. */
  readonly now = (): number => this.#now

  /** Runs `run` after that many virtual ms. */
  after(delayMs: number, run: () => void): void {
    const at = this.#now + Math.max(0, delayMs)
    insert(this.#heap, { at, order: this.#chance.next(), run })
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Runs until stopped, until nothing is left, or until that instant. */
  async run(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    await drainMicrotasks()
    while (!this.#isStopped) {
      const step = this.#heap[0]
      if (step === undefined || step.at > untilMs) break
      removeFirst(this.#heap)
      this.#now = step.at
      this.steps += 1
      step.run()
      // No loop of its own: a call per step would cost more than its turns.
      for (let turn = 0; turn < TURNS; turn += 1) await TURN
    }
    if (untilMs !== Number.POSITIVE_INFINITY) this.#now = Math.max(this.#now, untilMs)
  }
}

async function drainMicrotasks(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await TURN
}

function isBefore(one: Step, other: Step): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}

function insert(heap: Step[], step: Step): void {
  let index = heap.length
  heap.push(step)
  while (index > 0) {
    const parentIndex = (index - 1) >> 1
    const parent = heap[parentIndex]
    if (parent === undefined || isBefore(parent, step)) break
    heap[index] = parent
    index = parentIndex
  }
  heap[index] = step
}

function removeFirst(heap: Step[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let index = 0
  for (;;) {
    const left = 2 * index + 1
    const [one, other] = [heap[left], heap[left + 1]]
    const child = one !== undefined && other !== undefined && isBefore(other, one) ? left + 1 : left
    const smaller = heap[child]
    if (smaller === undefined || isBefore(last, smaller)) break
    heap[index] = smaller
    index = child
  }
  heap[index] = last
}

/** A resumed process gets at what piled up within this time, ms, in any order. */
const CATCH_UP_MS = 4

export class Gate {
  state: 'running' | 'paused' | 'dead' = 'running'
  /** Virtual instant by which it has caught up with what came while it was last stopped. */
  caughtUpAt = Number.NEGATIVE_INFINITY
  readonly #held: (() => void)[] = []
  #suspendedMs = 0
  /** Virtual instant at which the suspension began that lasts; null: its machine runs. */
  #suspendedAt: number | null = null
  readonly #virtualTime: VirtualTime
  readonly #chance: Chance

  constructor(virtualTime: VirtualTime, chance: Chance) {
    this.#virtualTime = virtualTime
    this.#chance = chance
  }

  enter(run: () => void): void {
    if (this.state === 'running') run()
    else if (this.state === 'paused') this.#held.push(run)
  }

  /** For how long its machine was suspended so far, virtual ms. */
  get suspendedMs(): number {
    if (this.#suspendedAt === null) return this.#suspendedMs
    return this.#suspendedMs + this.#virtualTime.now() - this.#suspendedAt
  }

  /** After `delayMs` in which its machine was awake, as soon as the process runs. */
  after(delayMs: number, run: () => void): void {
    const dueAt = this.#virtualTime.now() + delayMs
    const before = this.suspendedMs
    const enter = (): void =>
      this.enter(() => {
        const missedMs = this.suspendedMs - before
        if (missedMs === 0) run()
        else this.after(dueAt + missedMs - this.#virtualTime.now(), run)
      })
    this.#virtualTime.after(delayMs, enter)
  }

  /** As SIGSTOP does. */
  pause(): void {
    if (this.state === 'running') this.state = 'paused'
  }

  /** As the suspension of its machine does: the monotonic clock stands still, and timers with it. */
  suspend(): void {
    if (this.state !== 'running') return
    this.state = 'paused'
    this.#suspendedAt = this.#virtualTime.now()
  }

  /** As SIGCONT does, or the end of a suspension. */
  resume(): void {
    if (this.state !== 'paused') return
    this.state = 'running'
    this.caughtUpAt = this.#virtualTime.now() + CATCH_UP_MS
    this.#suspendedMs = this.suspendedMs
    this.#suspendedAt = null
    for (const run of this.#held.splice(0)) {
      this.after(this.#chance.between([0, CATCH_UP_MS]), run)
    }
  }

  /** As SIGKILL does. */
  kill(): void {
    this.state = 'dead'
    this.#held.length = 0
  }
}
