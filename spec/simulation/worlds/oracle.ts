// Knows from what happened in a world, and from nothing that Pit says, which promises must hold for
// each payment: all of them, unless the world went beyond a bound that RELIABILITY.md names.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import { type HttpEnd, meaningOf } from './http-ends.ts'

/** Why nobody on this side can know what became of a payment. */
export type Beyond =
  | 'recorded though it was refused'
  | 'recorded after the settle-by deadline'
  | 'recorded after a 500'
  | 'answered 200 and not recorded'
  | 'hidden between two controls'
  | 'hidden where no control is known'
  | 'refused by PostgreSQL itself'
  | 'never there, said operators'

export class Oracle {
  /** Payments for which the books cannot be held to account, by id. */
  readonly beyond = new Map<string, Beyond>()
  /** Payments that somebody else had recorded under the same id before; where. */
  readonly foreign = new Map<string, ProcessorName>()
  /** Payments that have been taken over from an instance that may have sent anything. */
  readonly takenOver = new Set<string>()
  /** Payments whose owner may not know each instant that was sent: they were claimed. */
  readonly claimed = new Set<string>()
  /** Whether charges were forgotten whose ids may be posted again. */
  hasPurged = false
  /** Payments about which a look-up told another amount, id or instant, in good form. */
  readonly contradicted = new Set<string>()
  readonly #badRequests: Readonly<Record<ProcessorName, Set<string>>> = {
    default: new Set(),
    fallback: new Set(),
  }
  /** Charges sent and not refused, by id. */
  readonly #unrefused: Readonly<Record<ProcessorName, Map<string, number>>> = {
    default: new Map(),
    fallback: new Map(),
  }
  /** Those that were handed over meanwhile. */
  readonly #handedOver: Readonly<Record<ProcessorName, Set<string>>> = {
    default: new Set(),
    fallback: new Set(),
  }
  readonly #isStrict: boolean

  /** A strict one excuses nothing. */
  constructor(kind: 'fair' | 'strict') {
    this.#isStrict = kind === 'strict'
  }

  goesBeyond(correlationId: string, bound: Beyond): void {
    if (!this.#isStrict) this.beyond.set(correlationId, bound)
  }

  onSent(processor: ProcessorName, correlationId: string): void {
    const unrefused = this.#unrefused[processor]
    unrefused.set(correlationId, (unrefused.get(correlationId) ?? 0) + 1)
  }

  onEnded(processor: ProcessorName, correlationId: string, end: HttpEnd): void {
    const meaning = meaningOf(end)
    if (meaning === 'badRequest') this.#badRequests[processor].add(correlationId)
    if (meaning !== 'badRequest' && meaning !== 'notDone') return
    const unrefused = this.#unrefused[processor]
    unrefused.set(correlationId, (unrefused.get(correlationId) ?? 1) - 1)
  }

  onHandedOver(correlationId: string): void {
    for (const processor of ['default', 'fallback'] as const) {
      if (this.#isUnrefused(processor, correlationId))
        this.#handedOver[processor].add(correlationId)
    }
  }

  /** Only what both processors refuse with a 400 may be given up. */
  mayBeRejected(correlationId: string): boolean {
    const { default: one, fallback: other } = this.#badRequests
    return one.has(correlationId) && other.has(correlationId)
  }

  /**
   * Whether a charge there may have been recorded, by what its ends said while its instance had the
   * payment: what comes of one that is out when it hands that over comes too late.
   */
  isInDoubtAt(processor: ProcessorName, correlationId: string): boolean {
    const wasOut = this.#handedOver[processor].has(correlationId)
    return wasOut || this.#isUnrefused(processor, correlationId)
  }

  #isUnrefused(processor: ProcessorName, correlationId: string): boolean {
    return (this.#unrefused[processor].get(correlationId) ?? 0) > 0
  }
}
