// Every payment that a valid request asked for, hostile clients' and honest ones'.

import type { Posted } from '../chaos/register.ts'
import type { Payment } from './script.ts'

/** Accepted payments that are asked for again, the latest ones. */
const KNOWN_MAX = 1000

export class Asked {
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
