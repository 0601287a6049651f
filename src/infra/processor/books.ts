// A processor's books: its admin summary, which takes a token, and single payments, which take
// none. They are for people who compare books; no payment depends on them.

import type { LookupFunction } from 'node:net'
import { Agent, request, type Dispatcher } from 'undici'
import type { ProcessorName } from '../../actors/model/payment.ts'
import { isKept } from './in-flight-requests.ts'
import { createLookUpPaths, NOT_FROM_A_CACHE } from './wire.ts'
import { readCents, readInstant, readObject } from './wire.ts'

/** Count and amount of a window, exact however many they are. */
export interface RecordedTotal {
  readonly payments: bigint
  readonly cents: bigint
}

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
  /** The header `X-Rinha-Token`. */
  readonly token: string
  /** Bound on one question, ms. */
  readonly timeoutMs: number
  /** Resolves the host's name; absent: Node's own. */
  readonly lookup?: LookupFunction
}

interface Answer {
  readonly status: number
  readonly body: string
  /** It says of itself that a cache had it. */
  readonly isCached: boolean
}

export class ProcessorBooks {
  readonly name: ProcessorName
  readonly #options: ProcessorBooksOptions
  /**
   * Its own: the global one may be of another undici, that of Node 26, which does not take this
   * one's requests. Its idle connections keep no process alive.
   */
  readonly #dispatcher: Dispatcher
  readonly #lookUpPath = createLookUpPaths()

  constructor(options: ProcessorBooksOptions) {
    this.name = options.name
    this.#options = options
    const { lookup } = options
    this.#dispatcher = new Agent(lookup === undefined ? {} : { connect: { lookup } })
  }

  /**
   * Both ends inclusive, epoch ms. The last millisecond counts whole: processors keep instants to
   * the microsecond.
   */
  total({ from, to }: { from: number; to: number }): Promise<BooksAnswer<RecordedTotal>> {
    const last = new Date(to).toISOString().replace('Z', '999Z')
    const query = `from=${new Date(from).toISOString()}&to=${last}`
    return this.#ask(`/admin/payments-summary?${query}`, readSummary)
  }

  /** Undefined when the processor does not know the payment. */
  find(correlationId: string): Promise<BooksAnswer<ProcessorPayment | undefined>> {
    return this.#ask(this.#lookUpPath(correlationId), readPayment)
  }

  async #ask<Value>(
    path: string,
    read: (answer: Answer) => BooksAnswer<Value>,
  ): Promise<BooksAnswer<Value>> {
    const { url, token, timeoutMs } = this.#options
    try {
      const { statusCode, headers, body } = await request(`${url}${path}`, {
        headers: { 'X-Rinha-Token': token, ...NOT_FROM_A_CACHE },
        signal: AbortSignal.timeout(timeoutMs),
        dispatcher: this.#dispatcher,
      })
      const isCached = isKept(headers['age'])
      return read({ status: statusCode, body: await body.text(), isCached })
    } catch (why) {
      return { kind: 'silent', why }
    }
  }
}

function readSummary({ status, body }: Answer): BooksAnswer<RecordedTotal> {
  const total = status === 200 ? readRecordedTotal(readTotals(body)) : undefined
  return total === undefined
    ? { kind: 'silent', why: `its admin summary was answered ${status}` }
    : answered(total)
}

/**
 * An answer with totals in it. Its amounts become texts, because a number that JSON is parsed to
 * has lost digits beyond 2^53.
 */
export function readTotals(body: string): Readonly<Record<string, unknown>> | undefined {
  return readObject(body.replace(AMOUNTS, '$1"$2"'))
}

const AMOUNTS = /("totalAmount"\s*:\s*)(-?\d[\d.eE+-]*)/g

/** One total in what `readTotals` read; undefined unless it is a count and an amount. */
export function readRecordedTotal(value: unknown): RecordedTotal | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { totalRequests, totalAmount }: { totalRequests?: unknown; totalAmount?: unknown } = value
  const cents = typeof totalAmount === 'string' ? readSumOfCents(totalAmount) : undefined
  if (!Number.isSafeInteger(totalRequests) || Number(totalRequests) < 0) return undefined
  return cents === undefined ? undefined : { payments: BigInt(Number(totalRequests)), cents }
}

/** Sums are often added up in floating point: what is left of a cent is rounded. */
function readSumOfCents(decimal: string): bigint | undefined {
  const [, whole = '', decimals = ''] = DECIMAL.exec(decimal) ?? []
  if (whole !== '') {
    const mills = BigInt(whole + decimals.slice(0, 3).padEnd(3, '0'))
    return (mills + 5n) / 10n
  }
  // The number has an exponent. What is not exactly a whole number of cents is no sum.
  const cents = Math.round(Number(decimal) * 100)
  return Number.isSafeInteger(cents) && cents >= 0 ? BigInt(cents) : undefined
}

const DECIMAL = /^(\d+)(?:\.(\d+))?$/

function readPayment(answer: Answer): BooksAnswer<ProcessorPayment | undefined> {
  const { status, body, isCached } = answer
  if (isCached) return { kind: 'silent', why: 'a payment was answered from a cache' }
  if (status === 404 && body === '') return answered(undefined)
  // By contract a 404 has no body: pages of others say nothing of the processor's books.
  if (status === 404) return { kind: 'silent', why: 'a payment was answered 404 with a body' }
  const payment = (status === 200 ? readObject(body) : undefined) ?? {}
  const requestedAt = readInstant(payment['requestedAt'])
  if (requestedAt === undefined) return { kind: 'silent', why: `a payment was answered ${status}` }
  return answered({ requestedAt, amountCents: readCents(payment['amount']) })
}

function answered<Value>(value: Value): BooksAnswer<Value> {
  return { kind: 'answered', value }
}
