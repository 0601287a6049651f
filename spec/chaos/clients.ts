// The load of a chaos run: a steady rate of payments, some posted twice, some again after a 503, some
// later with another amount; and what was posted and answered.

import assert from 'node:assert'
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { HttpClient } from '../../bench/load/client.ts'
import type { Answer } from '../../bench/load/connection.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'

export interface Posted {
  readonly amountCents: number
  /** When it was posted first, ms from the start of the load. */
  readonly atMs: number
  /** Whether a 202 was seen for it. */
  accepted: boolean
}

/** Most sentences that are kept. */
const VIOLATIONS_MAX = 50

export class ClientRecords {
  readonly payments = new Map<string, Posted>()
  /** By status, or by what went wrong. */
  readonly answers = new Map<string, number>()
  /** Sentences about answers that no fault excuses. */
  readonly violations: string[] = []
  accepted = 0
  slowestMs = 0

  add(correlationId: string, posted: Omit<Posted, 'accepted'>): void {
    this.payments.set(correlationId, { ...posted, accepted: false })
  }

  /** @param expected `conflict`: the id was accepted before with another amount. */
  note(
    correlationId: string,
    answer: Answer,
    request: { readonly expected: 'accepted' | 'conflict'; readonly tookMs: number },
  ): void {
    const key = answer.kind === 'answered' ? String(answer.status) : answer.cause
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1)
    this.slowestMs = Math.max(this.slowestMs, request.tookMs)
    const isFine = key === '503' || key === (request.expected === 'conflict' ? '409' : '202')
    if (!isFine && key !== 'closed' && this.violations.length < VIOLATIONS_MAX) {
      this.violations.push(`${correlationId} was answered ${key}, expected ${request.expected}`)
    }
    const posted = this.payments.get(correlationId)
    if (key !== '202' || request.expected !== 'accepted' || posted?.accepted !== false) return
    posted.accepted = true
    this.accepted += 1
  }
}

export interface ClientsOptions {
  /** Where they call. */
  readonly url: string
  readonly records: ClientRecords
  readonly chance: Chance
  /** New payments per second. */
  readonly rate: number
  /** Monotonic start of the load, ms. */
  readonly startedAt: number
  /** Whether some post an id again with another amount, which only a ledger that has it refuses. */
  readonly contradict?: boolean
}

/** Bound on one request, ms: longer than any answer may take, so that a late one is seen as late. */
const TIMEOUT_MS = 5000
const TICK_MS = 10
const TRIES_MAX = 6
const AMOUNT_CENTS_MAX = 20_000

export class Clients {
  readonly #options: ClientsOptions
  readonly #http: HttpClient
  readonly #open = new Set<Promise<unknown>>()
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

  /** What was posted before; whether it was answered with a 202 at last. */
  async postAgain(id: string): Promise<boolean> {
    const posted = this.#options.records.payments.get(id)
    assert(posted !== undefined, `${id} was posted before`)
    return await this.#insist(id, posted.amountCents, TRIES_MAX)
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

  #follow(act: Promise<unknown>): void {
    const open = act.finally(() => this.#open.delete(open))
    this.#open.add(open)
  }

  /** One client with one payment. */
  async #act(): Promise<void> {
    const { chance, records } = this.#options
    const id = drawId(chance)
    const amountCents = 1 + chance.below(AMOUNT_CENTS_MAX)
    const habit = chance.next()
    const patience = chance.happens(0.7) ? 1 + chance.below(TRIES_MAX) : 1
    const laterMs = chance.between([200, 5000])
    records.add(id, { amountCents, atMs: this.#elapsedMs() })
    if (habit < 0.06) this.#follow(this.#insist(id, amountCents, patience))
    await this.#insist(id, amountCents, patience)
    const isAccepted = records.payments.get(id)?.accepted === true
    if (habit < 0.9 || !isAccepted || this.#stopping) return
    await pause(laterMs)
    if (habit < 0.95 || this.#options.contradict === false) await this.#insist(id, amountCents, 1)
    else await this.#post(id, amountCents + 1, 'conflict')
  }

  /** Whether one of the tries was answered with a 202. */
  async #insist(id: string, amountCents: number, tries: number): Promise<boolean> {
    for (let left = tries; left > 0; left -= 1) {
      if (await this.#post(id, amountCents, 'accepted')) return true
      if (this.#stopping) return false
      await pause(300 * (1 + tries - left))
    }
    return false
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
    this.#options.records.note(id, answer, { expected, tookMs: performance.now() - sentAt })
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
