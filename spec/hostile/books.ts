// Every payment that a valid request asked for, and whether exactly these exist after the attack.

import { findPaymentFaults } from '../chaos/books.ts'
import type { Posted } from '../chaos/clients.ts'
import type { Ledgers, PitPayment } from '../chaos/ledgers.ts'
import type { Payment } from './payload.ts'

/** Accepted payments that are asked for again, the latest ones. */
const KNOWN_MAX = 1000

export class AskedPayments {
  readonly payments = new Map<string, Posted>()
  readonly #startedAt = performance.now()
  readonly #known: Payment[] = []
  #accepted = 0

  get accepted(): number {
    return this.#accepted
  }

  /** Before it is posted. */
  add({ id, cents }: Payment): void {
    const atMs = performance.now() - this.#startedAt
    this.payments.set(id, { amountCents: cents, atMs, accepted: false })
  }

  /** Once a 202 was seen for it. */
  accept(payment: Payment): void {
    const posted = this.payments.get(payment.id)
    if (posted === undefined || posted.accepted) return
    posted.accepted = true
    this.#known[this.#accepted % KNOWN_MAX] = payment
    this.#accepted += 1
  }

  /** One of the latest, by a number from 0 to below 1. */
  known(at: number): Payment | undefined {
    return this.#known[Math.floor(at * this.#known.length)]
  }
}

/** A sentence for each payment that should not exist, is lost, or differs between the books. */
export function findBookFaults(books: {
  readonly posted: ReadonlyMap<string, Posted>
  readonly ledgers: Ledgers
  readonly pit: ReadonlyMap<string, PitPayment>
}): readonly string[] {
  const { posted, pit } = books
  const unasked = [...pit].flatMap(([id, { amountCents, state }]) => {
    const asked = posted.get(id)
    if (asked?.amountCents === amountCents) return []
    const by = asked === undefined ? 'by nobody' : `with ${asked.amountCents} cents`
    return [`${id} is ${state} with ${amountCents} cents and was asked for ${by}`]
  })
  const missing = [...posted].flatMap(([id, { accepted }]) =>
    accepted && !pit.has(id) ? [`${id} was answered 202, and Pit does not know it`] : [],
  )
  const differing = findPaymentFaults(books).map(
    ({ kind, correlationId, detail }) => `${correlationId} ${kind}: ${detail}`,
  )
  return [...unasked, ...missing, ...differing]
}
