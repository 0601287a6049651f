// Settlements that were answered after their payments had left this instance. One that comes back
// before its settlement is written would be worked on here as if nobody knew: an operator may have
// said meanwhile that it was never settled.

import assert from 'node:assert'
import type { AnyActorRef } from 'xstate'
import type { ClaimedPayment } from '../model/payment.ts'
import type { LateSettlement } from '../payment/effects.ts'
import type { PaymentsInMemory } from './queries.ts'
import { LATE_MAX_MS } from './records.ts'
import { reportLateSettlement, tellLateSettlement, type ReportParts } from './reports.ts'
import { isIdle, type UsedSlot } from './slots.ts'

interface LateSettlementsParts {
  readonly inMemory: PaymentsInMemory
  readonly reports: ReportParts
  readonly stopChild: (child: AnyActorRef) => void
  /** A payment that was in work has left memory. */
  readonly onLeft: () => void
}

interface Known {
  readonly settlement: LateSettlement
  /** Monotonic, ms. */
  readonly answeredAt: number
}

export class LateSettlements {
  readonly #parts: LateSettlementsParts
  /** By id, oldest first. */
  readonly #known = new Map<string, Known>()

  constructor(parts: LateSettlementsParts) {
    this.#parts = parts
  }

  /**
   * Has it written, and its payment out of memory where that is back. One being charged stays until
   * that is answered.
   */
  take(settlement: LateSettlement): void {
    const { inMemory, reports } = this.#parts
    if (!reportLateSettlement(reports, settlement)) return
    const now = inMemory.dependencies.clock.now()
    for (const [id, { answeredAt }] of this.#known) {
      if (now - answeredAt < LATE_MAX_MS) break
      this.#known.delete(id)
    }
    const { correlationId } = settlement.context.record
    this.#known.delete(correlationId)
    this.#known.set(correlationId, { settlement, answeredAt: now })
    if (this.#takeOut(correlationId)) tellLateSettlement(reports, settlement)
  }

  /**
   * Takes a payment in work out of memory whose charge has ended without a settlement, where an
   * earlier one of it has settled meanwhile. False: none has.
   */
  endsCharge(correlationId: string): boolean {
    const known = this.#known.get(correlationId)
    if (known === undefined) return false
    const found = this.#parts.inMemory.slots.find(correlationId)
    assert(found !== undefined, 'a payment that is being charged has a slot')
    this.#release(found)
    this.#known.delete(correlationId)
    tellLateSettlement(this.#parts.reports, known.settlement)
    return true
  }

  /** Without those that are known to be settled: what is to be written of them ends them. */
  unsettled(batch: readonly ClaimedPayment[]): readonly ClaimedPayment[] {
    if (this.#known.size === 0) return batch
    return batch.filter(({ correlationId, purges }) => {
      const known = this.#known.get(correlationId)
      if (known === undefined || known.settlement.purges !== purges) return true
      this.#known.delete(correlationId)
      tellLateSettlement(this.#parts.reports, known.settlement)
      return false
    })
  }

  /** After a purge an id may be posted again, as another payment. */
  forget(): void {
    this.#known.clear()
  }

  #takeOut(correlationId: string): boolean {
    const { slots, waiting } = this.#parts.inMemory
    if (waiting.take(correlationId) !== undefined) return true
    const found = slots.find(correlationId)
    if (found === undefined || !isIdle(found)) return false
    this.#release(found)
    return true
  }

  #release(slot: UsedSlot): void {
    const { inMemory, stopChild, onLeft } = this.#parts
    stopChild(slot.actor)
    inMemory.slots.release(slot)
    onLeft()
  }
}
