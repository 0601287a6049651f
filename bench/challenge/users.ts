// The virtual users: each posts a payment, waits for the answer, thinks, and posts the next.

import { randomUUID } from 'node:crypto'
import { Connection } from '../load/connection.ts'
import { paymentFormatter } from '../load/request.ts'
import type { Outcome } from '../load/tally.ts'
import type { Target } from '../load/target.ts'

export interface UsersOptions {
  readonly target: Target
  /** Users at the end of the ramp, which is linear from one. */
  readonly users: number
  /** Length of the ramp and of the load, ms. */
  readonly durationMs: number
  /** From an answer to the same user's next payment, ms. */
  readonly thinkMs: number
  /** Bound on one request, ms. */
  readonly timeoutMs: number
  /** Amount of every payment, whole cents. */
  readonly amountCents: number
  /** Those that act here, where others act elsewhere: user `index` and each `of`-th after it. */
  readonly share?: { readonly index: number; readonly of: number }
  /** Called before each request is made. */
  readonly beforeRequest?: () => void
  /** Also told when the request was sent, ms since the start of the load. */
  readonly onAnswer: (outcome: Outcome, sentAtMs: number) => void
}

/**
 * All users over one timer. They all think equally long, so those thinking stand in a ring in the
 * order of their answers, and only its head and the next user to start can be due.
 */
export class Users {
  readonly #options: UsersOptions
  readonly #format: (correlationId: string) => string
  readonly #connections: Connection[] = []
  /** Ring of thinking users: who, and when due (monotonic ms). */
  readonly #thinking: Int32Array
  readonly #dueAt: Float64Array
  #head = 0
  #waiting = 0
  #inFlight = 0
  #startedAt = 0
  #timer: NodeJS.Timeout | undefined
  #timerDueAt = Number.POSITIVE_INFINITY
  #finish: (() => void) | undefined

  constructor(options: UsersOptions) {
    this.#options = options
    this.#format = paymentFormatter(options.target, options.amountCents)
    this.#thinking = new Int32Array(options.users)
    this.#dueAt = new Float64Array(options.users)
  }

  /** Users that have started so far. */
  get started(): number {
    return this.#connections.length
  }

  /**
   * Resolves once the load is over, every answer is in and every user has thought its last: about
   * one think time after `durationMs`.
   */
  run(): Promise<void> {
    this.#startedAt = performance.now()
    return new Promise((resolve) => {
      this.#finish = resolve
      this.#wake()
    })
  }

  /** Ends the load at once; requests under way are dropped and not counted. */
  stop(): void {
    clearTimeout(this.#timer)
    const finish = this.#finish
    this.#finish = undefined
    for (const connection of this.#connections) connection.close()
    finish?.()
  }

  #wake(): void {
    this.#timerDueAt = Number.POSITIVE_INFINITY
    const now = performance.now() + EARLY_MS_MAX
    const endAt = this.#startedAt + this.#options.durationMs
    while (this.#nextStartAt() <= now) this.#startUser()
    while (this.#waiting > 0 && (this.#dueAt[this.#head] ?? 0) <= now) {
      const user = this.#thinking[this.#head] ?? 0
      this.#head = (this.#head + 1) % this.#options.users
      this.#waiting -= 1
      if (now < endAt) this.#post(user)
    }
    if (this.#isOver()) this.stop()
    else this.#arm()
  }

  #startUser(): void {
    const { target, timeoutMs } = this.#options
    this.#post(this.#connections.push(new Connection({ target, timeoutMs })) - 1)
  }

  #post(user: number): void {
    this.#options.beforeRequest?.()
    this.#inFlight += 1
    const sentAtMs = performance.now() - this.#startedAt
    this.#connections[user]?.send(this.#format(randomUUID()), (answer) => {
      this.#inFlight -= 1
      if (this.#finish === undefined) return
      this.#options.onAnswer(answer, sentAtMs)
      const at = (this.#head + this.#waiting) % this.#options.users
      this.#thinking[at] = user
      this.#dueAt[at] = performance.now() + this.#options.thinkMs
      this.#waiting += 1
      this.#arm()
    })
  }

  /** When the next user starts, monotonic ms; infinite once none is left to start. */
  #nextStartAt(): number {
    const { users, durationMs, share = { index: 0, of: 1 } } = this.#options
    const next = share.index + this.started * share.of
    if (next >= users) return Number.POSITIVE_INFINITY
    // The last of several users would start exactly when the load is over, and so never does.
    const offset = users === 1 ? 0 : (next * durationMs) / (users - 1)
    return offset < durationMs ? this.#startedAt + offset : Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const headDueAt = this.#waiting > 0 ? (this.#dueAt[this.#head] ?? 0) : Number.POSITIVE_INFINITY
    const dueAt = Math.min(headDueAt, this.#nextStartAt())
    if (dueAt >= this.#timerDueAt) return
    clearTimeout(this.#timer)
    this.#timerDueAt = dueAt
    const delayMs = Math.ceil(dueAt - performance.now() - EARLY_MS_MAX)
    this.#timer = setTimeout(() => this.#wake(), Math.max(1, delayMs))
  }

  #isOver(): boolean {
    const nobodyActs = this.#waiting === 0 && this.#inFlight === 0
    return nobodyActs && this.#nextStartAt() === Number.POSITIVE_INFINITY
  }
}

/** Timers count whole ms: one may fire this much early rather than a whole one late. */
const EARLY_MS_MAX = 0.5
