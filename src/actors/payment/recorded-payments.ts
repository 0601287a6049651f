// Payments that one processor is known to have recorded, for controls to ask for: a few, of which each
// control takes one by chance. A path that hands an answer on to another request would answer a
// control for the same payment again and again rightly.

import type { Clock } from '../model/ports.ts'
import { outlasting } from '../model/settings.ts'

/** Payments that controls choose from, at most. */
const KEPT_MAX = 4

export interface RecordedPaymentsInput {
  readonly clock: Clock
  /** 0 to 1. */
  readonly random: () => number
  /** How long look-ups may lag behind records, ms. */
  readonly lookUpLagMs: number
}

export class RecordedPayments {
  readonly #input: RecordedPaymentsInput
  /** Ids of those that every look-up has by now, oldest first. */
  #old: readonly string[] = []
  /** The one to come, or that has come, and since when it is known to be recorded, monotonic ms. */
  #next: { readonly correlationId: string; readonly at: number } | null = null

  constructor(input: RecordedPaymentsInput) {
    this.#input = input
  }

  /** This payment was recorded there: it was settled, or found, at this monotonic instant, ms. */
  note(correlationId: string, at: number): void {
    if (this.#next !== null && !this.#isOld(this.#next.at, at)) return
    this.#grow(at)
    this.#next = { correlationId, at }
  }

  /** Whether there is none, however young. */
  isEmpty(): boolean {
    return this.#next === null
  }

  /** Whether every look-up has one by now. */
  hasOld(): boolean {
    this.#grow(this.#input.clock.now())
    return this.#old.length > 0
  }

  /** One that every look-up has by now; null without one. */
  pick(): string | null {
    this.#grow(this.#input.clock.now())
    return this.#old[Math.floor(this.#input.random() * this.#old.length)] ?? null
  }

  /**
   * It is not found there: neither are those before it, since an emptied processor has lost them all.
   * The newest one stays, until something is recorded later.
   */
  drop(correlationId: string): void {
    this.#grow(this.#input.clock.now())
    this.#old = this.#old.slice(this.#old.indexOf(correlationId) + 1)
  }

  /** A purge has deleted them. */
  forget(): void {
    this.#old = []
    this.#next = null
  }

  #grow(now: number): void {
    const next = this.#next
    if (next === null || !this.#isOld(next.at, now) || next.correlationId === this.#old.at(-1))
      return
    this.#old = [...this.#old, next.correlationId].slice(-KEPT_MAX)
  }

  #isOld(at: number, now: number): boolean {
    return now - at >= outlasting(this.#input.lookUpLagMs)
  }
}
