// A processor that an operator's tool asks about its books: at a bounded pace, because payments go
// to it meanwhile, and again when one of many questions fails.

import { setTimeout } from 'node:timers/promises'
import type { ProcessorName } from '../actors/model/payment.ts'
import {
  ProcessorBooks,
  type BooksAnswer,
  type ProcessorBooksOptions,
  type ProcessorPayment,
  type RecordedTotal,
} from '../infra/processor/books.ts'
import { BooksUnreachable } from './failures.ts'
import type { Span } from './pit-books.ts'

/** Bound on one question, ms. */
const TIMEOUT_MS = 10_000

/** Pauses before a question is asked again, ms. */
const RETRY_DELAYS_MS = [200, 400, 800, 1_600] as const

/** Look-ups under way at once. */
const AT_ONCE_MAX = 8

export interface AskedProcessorOptions extends Omit<ProcessorBooksOptions, 'timeoutMs'> {
  /** Look-ups that begin in a second, at most. */
  readonly perSecond: number
  /** For specs; otherwise the time of this process. */
  readonly pace?: Pace
}

/** The time that the pace and the pauses are measured by. */
export interface Pace {
  /** Monotonic, ms. */
  now(): number
  wait(ms: number): Promise<void>
}

const REAL_PACE: Pace = { now: () => performance.now(), wait: (ms) => setTimeout(ms) }

export class AskedProcessor {
  readonly name: ProcessorName
  readonly #books: ProcessorBooks
  readonly #intervalMs: number
  readonly #pace: Pace
  #nextAt = 0
  #hasAnswered = false
  #lookedUp = 0

  constructor({ perSecond, pace = REAL_PACE, ...options }: AskedProcessorOptions) {
    this.name = options.name
    this.#books = new ProcessorBooks({ ...options, timeoutMs: TIMEOUT_MS })
    this.#intervalMs = 1_000 / perSecond
    this.#pace = pace
  }

  /** Payments that it was asked for one by one. */
  get lookedUp(): number {
    return this.#lookedUp
  }

  /** Rejects with `BooksUnreachable`. */
  total(span: Span): Promise<RecordedTotal> {
    return this.#ask(() => this.#books.total(span))
  }

  /** Undefined when it does not know the payment. Rejects with `BooksUnreachable`. */
  find(correlationId: string): Promise<ProcessorPayment | undefined> {
    return this.#ask(async () => {
      await this.#turn()
      return this.#books.find(correlationId)
    })
  }

  /** Looks payments up, several at once; `onAnswer` is called as answers come. */
  async findAll<Payment extends { readonly correlationId: string }>(
    payments: readonly Payment[],
    onAnswer: (payment: Payment, recorded: ProcessorPayment | undefined) => void,
  ): Promise<void> {
    let next = 0
    const work = async (): Promise<void> => {
      for (let payment = payments[next]; payment !== undefined; payment = payments[next]) {
        next += 1
        const recorded = await this.find(payment.correlationId).catch((failure: unknown) => {
          // The others end, too.
          next = payments.length
          throw failure
        })
        onAnswer(payment, recorded)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE_MAX }, work))
    this.#lookedUp += payments.length
  }

  async #turn(): Promise<void> {
    const now = this.#pace.now()
    const at = Math.max(this.#nextAt, now)
    this.#nextAt = at + this.#intervalMs
    if (at - now >= 1) await this.#pace.wait(at - now)
  }

  /** A processor that has never answered is not asked again: it is down, or the token is wrong. */
  async #ask<Value>(question: () => Promise<BooksAnswer<Value>>): Promise<Value> {
    for (let tries = 0; ; tries += 1) {
      const answer = await question()
      if (answer.kind === 'answered') {
        this.#hasAnswered = true
        return answer.value
      }
      const pauseMs = RETRY_DELAYS_MS[tries]
      if (!this.#hasAnswered || pauseMs === undefined) {
        throw new BooksUnreachable(`processor ${this.name}`, answer.why)
      }
      await this.#pace.wait(pauseMs)
    }
  }
}
