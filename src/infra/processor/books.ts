// A processor's books: its admin summary, which takes a token, and single payments, which take
// none. They are for people who compare books; no payment depends on them.

import type { LookupFunction } from 'node:net'
import { Agent, getGlobalDispatcher, request, type Dispatcher } from 'undici'
import type { ProcessorName, ProcessorTotal } from '../../actors/model/payment.ts'
import { readCents, readInstant, readObject, readTotal } from './wire.ts'

/** A payment as the processor has it. */
export interface ProcessorPayment {
  /** Epoch ms, finer fractions cut off. */
  readonly requestedAt: number
  /** Undefined when the processor's amount is no whole number of cents. */
  readonly amountCents: number | undefined
}

/** `silent`: it is down, the token is wrong, or the answer has another form. */
export type BooksAnswer<Value> =
  | { readonly kind: 'answered'; readonly value: Value }
  | { readonly kind: 'silent'; readonly why: unknown }

export interface ProcessorBooksOptions {
  readonly name: ProcessorName
  /** Base, without a slash at its end. */
  readonly url: string
  /** For `X-Rinha-Token`. */
  readonly token: string
  /** Bound on one question, ms. */
  readonly timeoutMs: number
  /** Resolves the host's name; absent: Node's own. */
  readonly lookup?: LookupFunction
}

interface Answer {
  readonly status: number
  readonly body: string
}

export class ProcessorBooks {
  readonly name: ProcessorName
  readonly #options: ProcessorBooksOptions
  /** Its idle connections keep no process alive. */
  readonly #dispatcher: Dispatcher

  constructor(options: ProcessorBooksOptions) {
    this.name = options.name
    this.#options = options
    const { lookup } = options
    this.#dispatcher =
      lookup === undefined ? getGlobalDispatcher() : new Agent({ connect: { lookup } })
  }

  /**
   * Both ends inclusive, epoch ms. The last millisecond counts whole: processors keep instants to
   * the microsecond.
   */
  total({ from, to }: { from: number; to: number }): Promise<BooksAnswer<ProcessorTotal>> {
    const last = new Date(to).toISOString().replace('Z', '999Z')
    const query = `from=${new Date(from).toISOString()}&to=${last}`
    return this.#ask(`/admin/payments-summary?${query}`, readSummary)
  }

  /** Undefined when the processor does not know the payment. */
  find(correlationId: string): Promise<BooksAnswer<ProcessorPayment | undefined>> {
    return this.#ask(`/payments/${correlationId}`, readPayment)
  }

  async #ask<Value>(
    path: string,
    read: (answer: Answer) => BooksAnswer<Value>,
  ): Promise<BooksAnswer<Value>> {
    const { url, token, timeoutMs } = this.#options
    try {
      const { statusCode: status, body } = await request(`${url}${path}`, {
        headers: { 'X-Rinha-Token': token },
        signal: AbortSignal.timeout(timeoutMs),
        dispatcher: this.#dispatcher,
      })
      return read({ status, body: await body.text() })
    } catch (why) {
      return { kind: 'silent', why }
    }
  }
}

function readSummary({ status, body }: Answer): BooksAnswer<ProcessorTotal> {
  const total = status === 200 ? readTotal(readObject(body)) : undefined
  return total === undefined
    ? { kind: 'silent', why: `its admin summary was answered ${status}` }
    : answered(total)
}

function readPayment({ status, body }: Answer): BooksAnswer<ProcessorPayment | undefined> {
  if (status === 404) return answered(undefined)
  const payment = (status === 200 ? readObject(body) : undefined) ?? {}
  const requestedAt = readInstant(payment['requestedAt'])
  if (requestedAt === undefined) return { kind: 'silent', why: `a payment was answered ${status}` }
  return answered({ requestedAt, amountCents: readCents(payment['amount']) })
}

function answered<Value>(value: Value): BooksAnswer<Value> {
  return { kind: 'answered', value }
}
