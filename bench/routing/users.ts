// The challenge's users in virtual time: each posts, waits for its answer, thinks, and posts again.

import { correlationIdOf } from '../../spec/simulation/postings.ts'
import type { World } from '../../spec/simulation/world.ts'

export interface UsersParts {
  readonly world: World
  /** At the end of the ramp, which is linear from one. */
  readonly users: number
  /** Length of the ramp and of the load, ms. */
  readonly durationMs: number
  readonly amountCents: number
}

/** From an answer to the same user's next payment, ms. */
export const THINK_MS = 1000

/** When a user gives up waiting, ms. */
const TIMEOUT_MS = 1500

/** Between a user and an instance, one way, ms. */
const TRAVEL_MS = [0.05, 1] as const

export class RoutingUsers {
  /** When each payment was posted that was answered with a 202, ms from the start of the load. */
  readonly accepted: number[] = []
  requested = 0
  readonly #parts: UsersParts
  #startedAt = 0

  constructor(parts: UsersParts) {
    this.#parts = parts
  }

  start(): void {
    const { world, users, durationMs } = this.#parts
    this.#startedAt = world.virtualTime.now()
    for (let user = 0; user < users; user += 1) {
      const startMs = users === 1 ? 0 : (user * durationMs) / (users - 1)
      world.virtualTime.after(startMs, () => this.#post())
    }
  }

  #post(): void {
    const { world, durationMs, amountCents } = this.#parts
    const { virtualTime, postings, places, chance } = world
    const postedMs = virtualTime.now() - this.#startedAt
    if (postedMs >= durationMs) return
    this.requested += 1
    const correlationId = correlationIdOf(this.requested)
    postings.post(correlationId, amountCents)
    // As nginx does it: one instance after the other.
    const instance = world.at(this.requested % places.length)
    let isOver = false
    const thinkThenPost = (): void => {
      if (isOver) return
      isOver = true
      virtualTime.after(THINK_MS, () => this.#post())
    }
    virtualTime.after(chance.between(TRAVEL_MS), () =>
      instance.send({
        type: 'payment.received',
        correlationId,
        amountCents,
        replyTo: (answer) =>
          virtualTime.after(chance.between(TRAVEL_MS), () => {
            if (answer === 'accepted') this.accepted.push(postedMs)
            thinkThenPost()
          }),
      }),
    )
    virtualTime.after(TIMEOUT_MS, thinkThenPost)
  }
}
