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
  readonly #held: (() => void)[] = []
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

  /** After `delayMs`, as soon as the process runs. */
  after(delayMs: number, run: () => void): void {
    this.#virtualTime.after(delayMs, () => this.enter(run))
  }

  /** As SIGSTOP does. */
  pause(): void {
    if (this.state === 'running') this.state = 'paused'
  }

  /** As SIGCONT does. */
  resume(): void {
    if (this.state !== 'paused') return
    this.state = 'running'
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
