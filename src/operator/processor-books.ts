// A processor's books: its admin summary, and single payments as anybody may ask for them.

import type { ProcessorName, ProcessorTotal } from '../actors/payment.ts'
import { readCents, readInstant, readObject } from '../infra/processor-wire.ts'
import type { Span } from './books.ts'
import { BooksUnreachable } from './failures.ts'

/** A payment as the processor has it. */
export interface ProcessorPayment {
  /** Epoch ms, finer fractions cut off. */
  readonly requestedAt: number
  /** Undefined when the processor's amount is no whole number of cents. */
  readonly amountCents: number | undefined
}

export interface ProcessorBooksOptions {
  readonly name: ProcessorName
  /** Base, without a slash at its end. */
  readonly url: string
  /** For `X-Rinha-Token`. */
  readonly token: string
}

/** Bound on one question, ms. */
const TIMEOUT_MS = 10_000

/** All methods reject with `BooksUnreachable` when the processor does not answer as it has to. */
export class ProcessorBooks {
  readonly name: ProcessorName
  readonly #options: ProcessorBooksOptions

  constructor(options: ProcessorBooksOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Its last millisecond counts whole: processors keep instants to the microsecond. */
  async total({ from, to }: Span): Promise<ProcessorTotal> {
    const last = new Date(to).toISOString().replace('Z', '999Z')
    const query = `from=${new Date(from).toISOString()}&to=${last}`
    const { status, body } = await this.#ask(`/admin/payments-summary?${query}`)
    const { totalRequests, totalAmount } = (status === 200 ? readObject(body) : undefined) ?? {}
    if (typeof totalRequests !== 'number' || typeof totalAmount !== 'number') {
      throw new BooksUnreachable(this.#whose, `its admin summary was answered ${status}`)
    }
    return { payments: totalRequests, cents: Math.round(totalAmount * 100) }
  }

  /** Undefined when the processor does not know the payment. */
  async find(correlationId: string): Promise<ProcessorPayment | undefined> {
    const { status, body } = await this.#ask(`/payments/${correlationId}`)
    if (status === 404) return undefined
    const payment = (status === 200 ? readObject(body) : undefined) ?? {}
    const requestedAt = readInstant(payment['requestedAt'])
    if (requestedAt === undefined) {
      throw new BooksUnreachable(this.#whose, `a payment was answered ${status}`)
    }
    return { requestedAt, amountCents: readCents(payment['amount']) }
  }

  async #ask(path: string): Promise<{ readonly status: number; readonly body: string }> {
    try {
      const answer = await fetch(`${this.#options.url}${path}`, {
        headers: { 'X-Rinha-Token': this.#options.token },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return { status: answer.status, body: await answer.text() }
    } catch (cause) {
      throw new BooksUnreachable(this.#whose, cause)
    }
  }

  get #whose(): string {
    return `processor ${this.name}`
  }
}
