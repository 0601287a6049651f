// A server that instances call: up, down, hung or slow, and answers that get lost on their way.

import type { Chance, Span } from './chance.ts'
import type { Gate, VirtualTime } from './virtual-time.ts'
import { concerns, type StoreTrouble } from './worlds/store-troubles.ts'

/** What became of a call that was not answered. */
export type LostCall = 'none' | 'unknown'

export interface ServerCall<Value> {
  readonly operation: string
  readonly effect: 'reads' | 'writes'
  readonly timeoutMs: number
  /** Calls over one connection are done in their order; without one, in any. */
  readonly connection?: Connection
  /** Does the work at one instant; what it throws is the answer. */
  readonly apply: () => Value
  /** `code`: the server's own word for it, if it said one. */
  readonly failure: (lost: LostCall, code?: string) => Error
}

export interface Connection {
  /** Virtual instant at which the last call arrives, ms. */
  lastAt: number
}

/** Between two arrivals over one connection, ms. */
const SPACING_MS = 0.001

const USUAL_MS: Span = [0.1, 1.5]

/** Share of its timeout after which a server gives a statement up, 0 to 1. */
const SERVER_SHARE = 0.8

/** Share of the statements that a hang held up too long which are executed all the same, 0 to 1. */
const EXECUTED_LATE = 0.3

/** How late an answer comes, as a part of the bound on it. */
const LATE_SHARE: Span = [0.3, 1.4]

export class SimulatedServer {
  /** One way, ms. */
  latencyMs: Span = USUAL_MS
  /** Share of the answers that are lost after the work was done, 0 to 1. */
  answersLost = 0
  /** Share of the writes that are rolled back, and the caller told so, 0 to 1. */
  rolledBack = 0
  /** What goes wrong with some of the calls. */
  readonly troubles = new Set<StoreTrouble>()
  #state: 'up' | 'down' | 'hung' = 'up'
  /** Counts breakdowns: answers under way do not outlive one. */
  #breakdowns = 0
  #waiting: (() => void)[] = []
  readonly #virtualTime: VirtualTime
  readonly #chance: Chance

  constructor(virtualTime: VirtualTime, chance: Chance) {
    this.#virtualTime = virtualTime
    this.#chance = chance
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Whether a call may be lost or come late at this moment. */
  get isTroubled(): boolean {
    const isUsual = this.latencyMs === USUAL_MS && this.answersLost + this.rolledBack === 0
    return !this.isUp || !isUsual || this.troubles.size > 0
  }

  /** Connections break; what had arrived is done or not, and nobody is told. */
  goDown(): void {
    this.#breakdowns += 1
    this.#state = 'down'
    this.#release()
  }

  hang(): void {
    this.#state = 'hung'
  }

  /** All is as usual again. */
  heal(): void {
    this.#state = 'up'
    this.latencyMs = USUAL_MS
    this.answersLost = 0
    this.rolledBack = 0
    this.troubles.clear()
    this.#release()
  }

  /** Resolves or rejects as the caller behind the gate gets the answer, within its bound. */
  call<Value>(gate: Gate, call: ServerCall<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const finish = (settle: () => void): void => {
        if (isOver) return
        isOver = true
        settle()
      }
      const lose = (lost: LostCall, code?: string): void =>
        finish(() => reject(call.failure(call.effect === 'reads' ? 'none' : lost, code)))
      gate.after(call.timeoutMs, () => lose('unknown'))
      const back: Back<Value> = {
        answer: (value) => gate.enter(() => finish(() => resolve(value))),
        fail: (error) => gate.enter(() => finish(() => reject(error))),
        lose: (lost, code) => gate.enter(() => lose(lost, code)),
      }
      this.#travel(() => this.#arrive(call, back), call.connection)
    })
  }

  #travel(arrive: () => void, connection?: Connection): void {
    const now = this.#virtualTime.now()
    let at = now + this.#chance.between(this.latencyMs)
    if (connection !== undefined) {
      at = Math.max(at, connection.lastAt + SPACING_MS)
      connection.lastAt = at
    }
    this.#virtualTime.after(at - now, arrive)
  }

  #arrive<Value>(call: ServerCall<Value>, back: Back<Value>): void {
    if (this.#state === 'hung') {
      const since = this.#virtualTime.now()
      this.#waiting.push(() => {
        const waitedMs = this.#virtualTime.now() - since
        const isGivenUp = waitedMs > call.timeoutMs * SERVER_SHARE
        if (isGivenUp && !this.#chance.happens(EXECUTED_LATE)) back.lose('unknown')
        else this.#travel(() => this.#arrive(call, back), call.connection)
      })
      return
    }
    if (this.#state === 'down') {
      this.#travel(() => back.lose(this.#chance.happens(0.5) ? 'none' : 'unknown'))
      return
    }
    for (const trouble of this.troubles) {
      if (concerns(trouble, call) && this.#chance.happens(trouble.share)) {
        return this.#fail(trouble, call, back)
      }
    }
    if (call.effect === 'writes' && this.#chance.happens(this.rolledBack)) {
      this.#travel(() => back.lose('none'))
      return
    }
    const answer = this.#answerOf(call, back)
    const isLost = this.#chance.happens(this.answersLost)
    this.#travel(() => {
      if (isLost) back.lose('unknown')
      else answer()
    })
  }

  /** Does the work; what it answers does not outlive a breakdown. */
  #answerOf<Value>(call: ServerCall<Value>, back: Back<Value>): () => void {
    const breakdown = this.#breakdowns
    const answer = answerOf(call, back)
    return () => {
      if (breakdown === this.#breakdowns) answer()
      else back.lose('unknown')
    }
  }

  /** What a trouble does to a call that has arrived. */
  #fail<Value>({ end, code }: StoreTrouble, call: ServerCall<Value>, back: Back<Value>): void {
    switch (end) {
      case 'refused':
        return this.#travel(() => back.lose('none', code))
      case 'cutBefore':
        return this.#travel(() => back.lose('unknown', code))
      case 'cutAfter':
        answerOf(call, back)
        return this.#travel(() => back.lose('unknown', code))
      case 'silentBefore':
        return
      case 'silentAfter':
        answerOf(call, back)
        return
      case 'late': {
        const lateMs = call.timeoutMs * this.#chance.between(LATE_SHARE)
        return this.#virtualTime.after(lateMs, this.#answerOf(call, back))
      }
    }
  }

  #release(): void {
    for (const run of this.#waiting.splice(0)) run()
  }
}

interface Back<Value> {
  answer(value: Value): void
  fail(error: unknown): void
  lose(lost: LostCall, code?: string): void
}

function answerOf<Value>(call: ServerCall<Value>, back: Back<Value>): () => void {
  try {
    const value = call.apply()
    return () => back.answer(value)
  } catch (error) {
    return () => back.fail(error)
  }
}
