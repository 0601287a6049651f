// The load of a chaos run: a steady rate of payments, some posted twice, some asked for again after
// a 503, some sent later with another amount.

import { createHash } from 'node:crypto'
import { HttpClient } from '../../bench/load/client.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'
import type { Register } from './register.ts'

export interface ClientsOptions {
  /** Where they call. */
  readonly url: string
  readonly register: Register
  readonly chance: Chance
  /** New payments per second. */
  readonly rate: number
  /** Monotonic start of the load, ms. */
  readonly startedAt: number
}

/** Bound on one request, ms: longer than any answer may take, so that a late one is seen as late. */
const TIMEOUT_MS = 5000
const TICK_MS = 10
const TRIES_MAX = 6
const AMOUNT_CENTS_MAX = 20_000

export class Clients {
  readonly #options: ClientsOptions
  readonly #http: HttpClient
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #posted = 0
  #stopping = false

  constructor(options: ClientsOptions) {
    this.#options = options
    this.#http = new HttpClient({ target: parseTarget(options.url), timeoutMs: TIMEOUT_MS })
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Posts nothing new; resolves once every answer is in. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping = true
    await Promise.all(this.#open)
    this.#http.close()
  }

  #tick(): void {
    const due = (this.#elapsedMs() / 1000) * this.#options.rate
    // A generator that was held up does not make up for it with a burst of more than a second.
    this.#posted = Math.max(this.#posted, due - this.#options.rate)
    while (this.#posted < due) {
      this.#posted += 1
      this.#follow(this.#act())
    }
  }

  #follow(act: Promise<void>): void {
    const open = act.finally(() => this.#open.delete(open))
    this.#open.add(open)
  }

  /** One client with one payment. */
  async #act(): Promise<void> {
    const { chance, register } = this.#options
    const id = drawId(chance)
    const amountCents = 1 + chance.below(AMOUNT_CENTS_MAX)
    const habit = chance.next()
    const patience = chance.happens(0.7) ? 1 + chance.below(TRIES_MAX) : 1
    const laterMs = chance.between([200, 5000])
    register.add(id, { amountCents, atMs: this.#elapsedMs() })
    if (habit < 0.06) this.#follow(this.#insist(id, amountCents, patience))
    await this.#insist(id, amountCents, patience)
    const isAccepted = register.payments.get(id)?.accepted === true
    if (habit < 0.9 || !isAccepted || this.#stopping) return
    await pause(laterMs)
    if (habit < 0.95) await this.#insist(id, amountCents, 1)
    else await this.#post(id, amountCents + 1, 'conflict')
  }

  async #insist(id: string, amountCents: number, tries: number): Promise<void> {
    for (let left = tries; left > 0; left -= 1) {
      if (await this.#post(id, amountCents, 'accepted')) return
      if (this.#stopping) return
      await pause(300 * (1 + tries - left))
    }
  }

  /** Whether it was answered with a 202. */
  async #post(
    id: string,
    amountCents: number,
    expected: 'accepted' | 'conflict',
  ): Promise<boolean> {
    const body = JSON.stringify({ correlationId: id, amount: amountCents / 100 })
    const sentAt = performance.now()
    const answer = await this.#http.request({ method: 'POST', path: '/payments', body })
    this.#options.register.note(id, answer, { expected, tookMs: performance.now() - sentAt })
    return answer.kind === 'answered' && answer.status === 202
  }

  #elapsedMs(): number {
    return performance.now() - this.#options.startedAt
  }
}

/** A UUID of version 4 that the seed reproduces. */
function drawId(chance: Chance): string {
  const hash = createHash('sha256').update(`${chance.next()} ${chance.next()} ${chance.next()}`)
  const hex = hash.digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
