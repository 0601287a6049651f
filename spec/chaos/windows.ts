// Windows over the books: drawn with exact edges and open ends, summed up from the ledgers.

import type { ProcessorTotal, Summary, TimeWindow } from '../../src/actors/model/payment.ts'
import { subtractBooks, type BooksDifference } from '../../bench/challenge/books.ts'
import type { Chance } from '../simulation/chance.ts'
import type { Ledgers, Recorded } from './processor-ledger.ts'

export interface WindowCheck {
  readonly window: TimeWindow
  /** Pit's figure minus the ledger's; undefined when Pit gave none. */
  readonly difference: BooksDifference | undefined
  /** Sum over both processors of how far Pit's amount is off, cents. */
  readonly centsOff: number
  readonly paymentsOff: number
}

/** Draws windows whose edges are instants of payments, a millisecond beside them, or anywhere. */
export function drawWindows(
  ledgers: Ledgers,
  count: number,
  chance: Chance,
): readonly TimeWindow[] {
  const instants = [...ledgers.default, ...ledgers.fallback].map((entry) => entry.requestedAt)
  if (instants.length === 0) return [{}]
  const edge = (): number => {
    const instant = Math.floor(chance.pick(instants))
    const kind = chance.next()
    if (kind < 0.4) return instant
    if (kind < 0.6) return instant + chance.pick([-1, 1])
    if (kind < 0.8) return Math.floor(instant / 1000) * 1000 - chance.pick([0, 1])
    return Math.round(instant + chance.between([-5000, 5000]))
  }
  return Array.from({ length: count }, (_, index) => {
    const [one, other] = [edge(), edge()]
    const [from, to] = [Math.min(one, other), Math.max(one, other)]
    if (index === 0) return {}
    if (chance.happens(0.1)) return { from }
    return chance.happens(0.1) ? { to } : { from, to }
  })
}

/** Answers sums of windows over ledgers that change no more. */
export class LedgerSums {
  readonly #default: SortedLedger
  readonly #fallback: SortedLedger

  constructor(ledgers: Ledgers) {
    this.#default = new SortedLedger(ledgers.default)
    this.#fallback = new SortedLedger(ledgers.fallback)
  }

  of(window: TimeWindow): Summary {
    return { default: this.#default.sum(window), fallback: this.#fallback.sum(window) }
  }

  compare(window: TimeWindow, pit: Summary | undefined): WindowCheck {
    if (pit === undefined) return { window, difference: undefined, centsOff: 0, paymentsOff: 0 }
    const difference = subtractBooks(pit, this.of(window))
    const { default: one, fallback: other } = difference
    return {
      window,
      difference,
      centsOff: Math.abs(one.cents) + Math.abs(other.cents),
      paymentsOff: Math.abs(one.payments) + Math.abs(other.payments),
    }
  }
}

/** Whether Pit answered and agreed per processor, in count and in cents. */
export function isEqual({ difference, centsOff, paymentsOff }: WindowCheck): boolean {
  return difference !== undefined && centsOff === 0 && paymentsOff === 0
}

class SortedLedger {
  readonly #instants: readonly number[]
  /** Cents of all payments before the index. */
  readonly #centsBefore: readonly number[]

  constructor(entries: readonly Recorded[]) {
    const sorted = entries.toSorted((one, other) => one.requestedAt - other.requestedAt)
    this.#instants = sorted.map((entry) => entry.requestedAt)
    const centsBefore = [0]
    for (const { amountCents } of sorted) centsBefore.push((centsBefore.at(-1) ?? 0) + amountCents)
    this.#centsBefore = centsBefore
  }

  sum({ from = -Infinity, to = Infinity }: TimeWindow): ProcessorTotal {
    const first = this.#countBelow((instant) => instant < from)
    const end = Math.max(
      first,
      this.#countBelow((instant) => instant <= to),
    )
    const cents = (this.#centsBefore[end] ?? 0) - (this.#centsBefore[first] ?? 0)
    return { payments: end - first, cents }
  }

  /** How many of the sorted instants are below an edge, by bisection. */
  #countBelow(isBelow: (instant: number) => boolean): number {
    let low = 0
    let high = this.#instants.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBelow(this.#instants[middle] ?? Infinity)) low = middle + 1
      else high = middle
    }
    return low
  }
}
