// Look-ups that hide what their processor has recorded, and may be believed: by RELIABILITY.md those
// between two controls, and those that no control can be asked about. Nobody may fall for the others.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Instance } from '../instance.ts'
import type { LedgerStore } from '../simulated-postgres.ts'
import type { RecordedPayment } from '../simulated-processor.ts'
import type { HttpEnd } from './http-ends.ts'
import type { Oracle } from './oracle.ts'
import { readLookUp } from './translation.ts'

export interface HiddenPaymentsParts {
  readonly now: () => number
  readonly store: LedgerStore
  readonly oracle: Oracle
  /** How far look-ups lag behind records at most, ms. */
  readonly lookUpLagMs: number
  /** How long nothing is believed after an answer about another payment, ms. */
  readonly mixedUpMs: number
}

/** From a control to the look-ups that it backs, by the instance's own clock, ms. */
const CONTROLS_APART_MAX_MS = 5000

/** The look-ups of one instance at one processor. */
interface Path {
  /** How many were sent. */
  sent: number
  /** When a control was last found, by the instance's own clock, ms. */
  foundAt: number
  /** When an answer was last about another payment than was asked for, by the same clock, ms. */
  mixedUpAt: number
  /** Other payments that answers were about, by the payment that was asked for. */
  readonly foreign: Map<string, string>
  /** Hidden behind a control; how many were sent by then. */
  readonly hidden: Map<string, number>
  /** Settled there by this instance. */
  readonly settled: Set<string>
}

export class HiddenPayments {
  readonly #recordedAt: Readonly<Record<ProcessorName, Map<string, number>>> = {
    default: new Map(),
    fallback: new Map(),
  }
  readonly #paths: Readonly<Record<ProcessorName, Map<Instance, Path>>> = {
    default: new Map(),
    fallback: new Map(),
  }
  readonly #parts: HiddenPaymentsParts

  constructor(parts: HiddenPaymentsParts) {
    this.#parts = parts
  }

  onRecorded(processor: ProcessorName, { correlationId, at }: RecordedPayment): void {
    this.#recordedAt[processor].set(correlationId, at)
  }

  onSettled(instance: Instance, processor: ProcessorName, correlationId: string): void {
    this.#pathOf(instance, processor).settled.add(correlationId)
  }

  /** A look-up is sent; what is returned takes its end, as the instance learns of it. */
  onLookUp(instance: Instance, processor: ProcessorName, id: string): (end: HttpEnd) => void {
    const path = this.#pathOf(instance, processor)
    path.sent += 1
    const number = path.sent
    const isRecorded = this.#isRecorded(processor, id)
    const isBacked = instance.clock.now() - path.foundAt <= CONTROLS_APART_MAX_MS
    return (end) => {
      if (end.kind !== 'answered') return
      this.#noteForeign(path, { end, id, now: instance.clock.now() })
      const isMixedUp = instance.clock.now() - path.mixedUpAt < this.#parts.mixedUpMs
      if (end.status === 200 && this.#isControl(path, processor, id)) {
        path.foundAt = instance.clock.now()
        this.#excuseBetween(path, number)
      } else if (end.status === 404 && end.text === '' && isRecorded) {
        if (!this.#knowsControl(processor)) {
          this.#parts.oracle.goesBeyond(id, 'hidden where no control is known')
        } else if (isBacked && !isMixedUp) path.hidden.set(id, path.sent)
      }
    }
  }

  /** An answer about another payment than the last time proves that answers are mixed up. */
  #noteForeign(path: Path, { end, id, now }: { end: HttpEnd; id: string; now: number }): void {
    const answer = readLookUp(end, id)
    if (answer.kind !== 'found' || answer.foreignId === undefined) return
    if (path.foreign.get(id) === answer.foreignId) return
    path.foreign.set(id, answer.foreignId)
    path.mixedUpAt = now
    path.hidden.clear()
  }

  /** Whether each look-up that is sent now and tells the truth finds it. */
  #isRecorded(processor: ProcessorName, id: string): boolean {
    const recordedAt = this.#recordedAt[processor].get(id)
    const { now, lookUpLagMs } = this.#parts
    return recordedAt !== undefined && now() - recordedAt >= lookUpLagMs
  }

  #isControl(path: Path, processor: ProcessorName, id: string): boolean {
    return path.settled.has(id) || this.#parts.store.rows.get(id)?.processor === processor
  }

  #knowsControl(processor: ProcessorName): boolean {
    return [...this.#parts.store.rows.values()].some((row) => row.processor === processor)
  }

  /** A control was found that was sent as the look-up of this number. */
  #excuseBetween({ hidden }: Path, number: number): void {
    for (const [id, sentBefore] of hidden) {
      if (sentBefore >= number) continue
      hidden.delete(id)
      this.#parts.oracle.goesBeyond(id, 'hidden between two controls')
    }
  }

  #pathOf(instance: Instance, processor: ProcessorName): Path {
    const paths = this.#paths[processor]
    const known = paths.get(instance)
    if (known !== undefined) return known
    const settled = new Set<string>()
    const never = Number.NEGATIVE_INFINITY
    const noted = { hidden: new Map(), foreign: new Map(), settled }
    const path = { sent: 0, foundAt: never, mixedUpAt: never, ...noted }
    paths.set(instance, path)
    return path
  }
}
