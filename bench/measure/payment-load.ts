// Posts payments and nothing else: at a steady rate whatever the answers do, or one after the other
// on a number of connections, which is as fast as they come.

import { randomUUID } from 'node:crypto'
import { Connection } from '../load/connection.ts'
import type { Answer } from '../load/connection.ts'
import { paymentFormatter } from '../load/request.ts'
import { SelfWatch, type SelfReport } from '../load/self-watch.ts'
import { AnswerTally } from '../load/tally.ts'
import type { Target } from '../load/target.ts'

export interface LoadPlan {
  readonly target: Target
  /** Length of the load, s; what is under way then is still awaited. */
  readonly seconds: number
  /** Requests under way at once, at most. */
  readonly connections: number
  /** Hears of each payment that was answered with a 2xx. */
  readonly onAccepted?: () => void
}

export interface LoadResult {
  readonly tally: AnswerTally
  /** Payments that were due while every connection was busy, and so were not sent. */
  readonly unsent: number
  readonly elapsedMs: number
  readonly generator: SelfReport
}

/** Sends `perSecond` payments a second, evenly; a late timer catches up at once. */
export async function loadSteadily(plan: LoadPlan, perSecond: number): Promise<LoadResult> {
  const poster = new Poster(plan)
  let due = 0
  let unsent = 0
  const startedAt = performance.now()
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      const elapsedMs = performance.now() - startedAt
      const wanted = Math.floor((Math.min(elapsedMs, plan.seconds * 1000) * perSecond) / 1000)
      for (; due < wanted; due += 1) if (!poster.post()) unsent += 1
      if (elapsedMs >= plan.seconds * 1000) resolve()
      else setTimeout(wake, WAKE_MS)
    }
    wake()
  })
  return { ...(await poster.finish()), unsent }
}

/**
 * Keeps every connection busy while `may` says so; asked before each payment. Ends before its time
 * once `isOver`.
 */
export async function loadFully(
  plan: LoadPlan,
  gate: { readonly may?: () => boolean; readonly isOver?: () => boolean } = {},
): Promise<LoadResult> {
  const { may = () => true, isOver = () => false } = gate
  const poster = new Poster(plan)
  const endAt = performance.now() + plan.seconds * 1000
  const goesOn = (): boolean => performance.now() < endAt && !isOver()
  const refill = (): void => {
    while (goesOn() && may() && poster.post()) continue
  }
  // Only a payment that was taken calls for the next at once: a refusal must not make a storm.
  poster.onAccepted = refill
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      refill()
      if (goesOn()) setTimeout(wake, REFILL_MS)
      else resolve()
    }
    wake()
  })
  return { ...(await poster.finish()), unsent: 0 }
}

/** The same while no more than `backlogMax` payments are accepted and not yet recorded. */
export async function loadWithinBacklog(
  plan: LoadPlan,
  backlog: {
    readonly backlogMax: number
    /** Payments that both processors have recorded. */
    readonly recorded: () => Promise<number>
  },
): Promise<LoadResult> {
  const { backlogMax, recorded } = backlog
  let accepted = 0
  let since = 0
  const before = await recorded()
  const timer = setInterval(() => {
    void recorded().then((count) => (since = count - before))
  }, READ_EVERY_MS)
  const onAccepted = (): void => void (accepted += 1)
  try {
    const may = (): boolean => accepted - since < backlogMax
    return await loadFully({ ...plan, onAccepted }, { may })
  } finally {
    clearInterval(timer)
  }
}

/** Connections that are opened as they are needed, and the tally of their answers. */
class Poster {
  onAccepted: () => void = () => undefined
  readonly #plan: LoadPlan
  readonly #format: (correlationId: string) => string
  readonly #tally = new AnswerTally()
  readonly #watch = new SelfWatch()
  readonly #startedAt = performance.now()
  readonly #all: Connection[] = []
  readonly #idle: Connection[] = []
  #onIdle: (() => void) | undefined

  constructor(plan: LoadPlan) {
    this.#plan = plan
    this.#format = paymentFormatter(plan.target, AMOUNT_CENTS)
  }

  /** False, and nothing sent, when every connection is busy. */
  post(): boolean {
    const connection = this.#idle.pop() ?? this.#open()
    if (connection === undefined) return false
    connection.send(this.#format(randomUUID()), (answer) => this.#take(connection, answer))
    return true
  }

  /** Awaits what is under way; each request is bounded by its own timeout. */
  async finish(): Promise<Omit<LoadResult, 'unsent'>> {
    const elapsedMs = performance.now() - this.#startedAt
    const generator = this.#watch.stop()
    this.onAccepted = () => undefined
    await new Promise<void>((resolve) => {
      if (this.#idle.length === this.#all.length) resolve()
      else this.#onIdle = resolve
    })
    for (const connection of this.#all) connection.close()
    return { tally: this.#tally, elapsedMs, generator }
  }

  #open(): Connection | undefined {
    if (this.#all.length >= this.#plan.connections) return undefined
    const { target } = this.#plan
    const connection = new Connection({ target, timeoutMs: TIMEOUT_MS })
    this.#all.push(connection)
    return connection
  }

  #take(connection: Connection, answer: Answer): void {
    this.#idle.push(connection)
    this.#tally.record(answer)
    if (answer.kind === 'answered' && answer.status < 300) {
      this.#plan.onAccepted?.()
      this.onAccepted()
    }
    if (this.#idle.length === this.#all.length) this.#onIdle?.()
  }
}

/** 19.90 */
const AMOUNT_CENTS = 1_990
/** Bound on each request, as in the challenge. */
const TIMEOUT_MS = 1_500
/** Between two checks of what is due, ms. */
const WAKE_MS = 1
const REFILL_MS = 5
/** Between two readings of what the processors have recorded, ms. */
const READ_EVERY_MS = 50
