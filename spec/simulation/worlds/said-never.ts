// Payments of which operators have said that a processor never recorded them, and never will; and
// whether that was true.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Charge } from '../../../src/actors/model/ports.ts'
import type { SentCharge } from '../instance.ts'
import type { LedgerStore } from '../simulated-postgres.ts'
import { type HttpEnd, meaningOf } from './http-ends.ts'
import type { Oracle } from './oracle.ts'
import { readLookUp } from './translation.ts'

/** The charges of a payment at one processor, by their `requestedAt`. */
interface Charges {
  readonly sent: Set<number>
  /** Sent before operators said that none of them is settled. */
  readonly denied: Set<number>
  recordedAt: number | null
}

export class SaidNever {
  /** Payments of which it was said in error. */
  readonly wrong = new Set<string>()
  readonly #charges = new Map<string, Charges>()
  readonly #settled = new Map<string, SentCharge[]>()
  /** Who has found a payment by a look-up. */
  readonly #found = new Map<string, Set<SentCharge['instance']>>()
  /** Told to an instance that had stopped, without PostgreSQL, before operators said anything. */
  readonly #gone = new Set<SentCharge>()
  readonly #oracle: Pick<Oracle, 'goesBeyond'>
  readonly #hasLeft: (instance: SentCharge['instance']) => boolean

  constructor(
    oracle: Pick<Oracle, 'goesBeyond'>,
    hasLeft: (instance: SentCharge['instance']) => boolean,
  ) {
    this.#oracle = oracle
    this.#hasLeft = hasLeft
  }

  onSent(processor: ProcessorName, { correlationId, requestedAt }: Charge): void {
    this.#at(processor, correlationId).sent.add(requestedAt)
  }

  /** Operators have said it, and the ledger goes by it. */
  onSaid(correlationId: string, processors: readonly ProcessorName[]): void {
    for (const told of this.#settled.get(correlationId) ?? []) {
      if (this.#hasLeft(told.instance)) this.#gone.add(told)
    }
    for (const processor of processors) {
      const charges = this.#at(processor, correlationId)
      for (const requestedAt of charges.sent) charges.denied.add(requestedAt)
      this.#judge(correlationId, charges)
    }
  }

  onRecorded(processor: ProcessorName, { correlationId, requestedAt }: Charge): void {
    const charges = this.#at(processor, correlationId)
    charges.recordedAt = requestedAt
    this.#judge(correlationId, charges)
  }

  onEnded(told: SentCharge, end: HttpEnd): void {
    if (meaningOf(end) !== 'settled') return
    const { correlationId } = told.charge
    this.#settled.set(correlationId, [...(this.#settled.get(correlationId) ?? []), told])
  }

  onLookedUp(instance: SentCharge['instance'], correlationId: string, end: HttpEnd): void {
    const answer = readLookUp(end, correlationId)
    if (answer.kind !== 'found' || answer.foreignId !== undefined) return
    this.#found.set(correlationId, (this.#found.get(correlationId) ?? new Set()).add(instance))
  }

  /** Whether only others were told that a payment is settled of which that was ruled out in error. */
  isToldToOthers(correlationId: string, instance: SentCharge['instance']): boolean {
    if (!this.wrong.has(correlationId)) return false
    const told = (this.#settled.get(correlationId) ?? []).map((each) => each.instance)
    const all = [...told, ...(this.#found.get(correlationId) ?? [])]
    return all.length > 0 && !all.includes(instance)
  }

  /**
   * What instances were told of payments of which it was said in error, and is not what the ledger has
   * of them: whoever was told has to say so.
   */
  contradictions(store: Pick<LedgerStore, 'rows'>): readonly SentCharge[] {
    return [...this.wrong].flatMap((id) => {
      const row = store.rows.get(id)
      if (row?.state !== 'settled') return []
      const told = (this.#settled.get(id) ?? []).filter((each) => !this.#gone.has(each))
      return told.filter(
        ({ processor, charge }) =>
          row.processor !== processor || row.requestedAt !== charge.requestedAt,
      )
    })
  }

  #judge(correlationId: string, { denied, recordedAt }: Charges): void {
    if (recordedAt === null || !denied.has(recordedAt)) return
    this.wrong.add(correlationId)
    this.#oracle.goesBeyond(correlationId, 'never there, said operators')
  }

  #at(processor: ProcessorName, correlationId: string): Charges {
    const key = `${processor} ${correlationId}`
    const known = this.#charges.get(key)
    if (known !== undefined) return known
    const charges: Charges = { sent: new Set(), denied: new Set(), recordedAt: null }
    this.#charges.set(key, charges)
    return charges
  }
}
