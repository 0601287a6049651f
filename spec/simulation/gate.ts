// Where everything enters an instance: a paused one holds it back, a dead one never sees it.

import type { Chance } from './chance.ts'
import type { Scheduler } from './scheduler.ts'

/** A resumed process gets at what piled up within this time, ms, in any order. */
const CATCH_UP_MS = 4

export class Gate {
  state: 'running' | 'paused' | 'dead' = 'running'
  readonly #held: (() => void)[] = []
  readonly #scheduler: Scheduler
  readonly #chance: Chance

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler
    this.#chance = chance
  }

  enter(run: () => void): void {
    if (this.state === 'running') run()
    else if (this.state === 'paused') this.#held.push(run)
  }

  /** After `delayMs`, as soon as the process runs. */
  after(delayMs: number, run: () => void): void {
    this.#scheduler.after(delayMs, () => this.enter(run))
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
