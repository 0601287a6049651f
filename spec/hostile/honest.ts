// Honest clients beside the hostile ones: payments at a steady rate, each of which has to be taken.

import { setTimeout as pause } from 'node:timers/promises'
import { describeAnswer, HttpClient } from '../../bench/load/client.ts'
import { LatencyHistogram, type LatencyReport } from '../../bench/load/histogram.ts'
import type { Target } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'
import type { AskedPayments } from './books.ts'
import { drawPayment, plain } from './payload.ts'

export interface HonestReport {
  readonly payments: number
  /** By status, or by what went wrong. */
  readonly answers: Readonly<Record<string, number>>
  /** Payments that were not taken in the end. */
  readonly unserved: number
  /** Latency of each answer, ms. */
  readonly latency: LatencyReport
}

const TIMEOUT_MS = 5000
/** Longest that a payment is tried again, ms. */
const PATIENCE_MS = 15_000
/** As a 503 says; twice as long each time, or those who ask again would be an attack too. */
const RETRY_AFTER_MS = 1000
const TICK_MS = 20

export class HonestClients {
  readonly #http: HttpClient
  readonly #options: {
    readonly rate: number
    readonly chance: Chance
    readonly asked: AskedPayments
  }
  readonly #answers = new Map<string, number>()
  readonly #latency = new LatencyHistogram()
  readonly #open = new Set<Promise<void>>()
  readonly #startedAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #posted = 0
  #unserved = 0

  /** @param options.rate payments per second. */
  constructor(options: {
    readonly target: Target
    readonly rate: number
    readonly chance: Chance
    readonly asked: AskedPayments
  }) {
    this.#options = options
    this.#http = new HttpClient({ target: options.target, timeoutMs: TIMEOUT_MS })
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Resolves once every answer is in. */
  async stop(): Promise<HonestReport> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    this.#http.close()
    return {
      payments: this.#posted,
      unserved: this.#unserved,
      answers: Object.fromEntries(this.#answers),
      latency: this.#latency.report(),
    }
  }

  #tick(): void {
    const due = ((performance.now() - this.#startedAt) / 1000) * this.#options.rate
    while (this.#posted < due) {
      this.#posted += 1
      const open = this.#pay().finally(() => this.#open.delete(open))
      this.#open.add(open)
    }
  }

  /** Posts again after a 503, as any client does. */
  async #pay(): Promise<void> {
    const payment = drawPayment(this.#options)
    this.#options.asked.add(payment)
    const startedAt = performance.now()
    const body = plain(payment)
    for (let tries = 1; ; tries += 1) {
      const sentAt = performance.now()
      const answer = await this.#http.request({ method: 'POST', path: '/payments', body })
      this.#latency.record(performance.now() - sentAt)
      const key = answer.kind === 'answered' ? String(answer.status) : describeAnswer(answer)
      this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1)
      if (key === '202') break
      // A connection that was idle may be closed for others at any time: no answer to anything.
      const isAskedAgain = key === '503' || key.startsWith('reset')
      if (!isAskedAgain || performance.now() - startedAt > PATIENCE_MS) {
        this.#unserved += 1
        return
      }
      await pause(RETRY_AFTER_MS * 2 ** (tries - 1))
    }
    this.#options.asked.accept(payment)
  }
}
