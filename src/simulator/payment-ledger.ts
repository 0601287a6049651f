// What a processor has recorded, in columns off the heap: some 50 bytes a payment, and a window
// over a million of them is summed in a few ms by going through two columns.

import { UuidTable } from './uuid-table.ts'

/** Payments that a ledger takes before it answers `full`: some 400 MB. */
export const LEDGER_PAYMENTS_MAX = 8_000_000

const CAPACITY_FIRST = 65_536

export interface LedgerEntry {
  /** Lower-case UUID. */
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch microseconds. */
  readonly requestedAtMicros: number
}

/** Both ends inclusive, epoch microseconds. With either one missing it is everything. */
export interface MicrosWindow {
  readonly from?: number | undefined
  readonly to?: number | undefined
}

export interface LedgerTotal {
  readonly payments: number
  readonly cents: number
}

export class PaymentLedger {
  #ids = new UuidTable()
  #cents = new Float64Array(CAPACITY_FIRST)
  #micros = new Float64Array(CAPACITY_FIRST)
  /** Monotonic instant of recording, ms: what a stale look-up goes by. */
  #recordedAt = new Float64Array(CAPACITY_FIRST)
  #centsTotal = 0

  get size(): number {
    return this.#ids.size
  }

  /**
   * Records a payment once. `full` beyond `LEDGER_PAYMENTS_MAX`, and where the sum of all amounts
   * would no longer be exact.
   */
  insert(entry: LedgerEntry, recordedAt: number): 'recorded' | 'known' | 'full' {
    const centsTotal = this.#centsTotal + Math.abs(entry.amountCents)
    if (this.size >= LEDGER_PAYMENTS_MAX || centsTotal > Number.MAX_SAFE_INTEGER) return 'full'
    const row = this.#ids.add(entry.correlationId)
    if (row < 0) return 'known'
    if (row === this.#cents.length) this.#grow()
    this.#cents[row] = entry.amountCents
    this.#micros[row] = entry.requestedAtMicros
    this.#recordedAt[row] = recordedAt
    this.#centsTotal = centsTotal
    return 'recorded'
  }

  /** The payment of an id in any case, as the ledger stood at a monotonic instant (ms). */
  find(correlationId: string, asOf: number): LedgerEntry | undefined {
    const row = this.#ids.find(correlationId)
    if (row < 0 || (this.#recordedAt[row] ?? 0) > asOf) return undefined
    return {
      correlationId: correlationId.toLowerCase(),
      amountCents: this.#cents[row] ?? 0,
      requestedAtMicros: this.#micros[row] ?? 0,
    }
  }

  /** Count and sum of a window. */
  summarize(window: MicrosWindow): LedgerTotal {
    const { from, to } = bounds(window)
    const micros = this.#micros
    const amounts = this.#cents
    const size = this.size
    let payments = 0
    let cents = 0
    for (let row = 0; row < size; row += 1) {
      const at = micros[row] ?? 0
      if (at >= from && at <= to) {
        payments += 1
        cents += amounts[row] ?? 0
      }
    }
    return { payments, cents }
  }

  /**
   * The payments of a window in the order of their recording, as they stand now: what is recorded
   * or purged while the caller goes through them does not show.
   */
  entries(window: MicrosWindow): Generator<LedgerEntry, void> {
    const columns = { micros: this.#micros, cents: this.#cents, idAt: this.#ids.reader() }
    return walk({ ...columns, size: this.size, ...bounds(window) })
  }

  /** Forgets everything. Fresh columns, since a reader may still be going through the old ones. */
  purge(): void {
    this.#ids = new UuidTable()
    this.#cents = new Float64Array(CAPACITY_FIRST)
    this.#micros = new Float64Array(CAPACITY_FIRST)
    this.#recordedAt = new Float64Array(CAPACITY_FIRST)
    this.#centsTotal = 0
  }

  #grow(): void {
    this.#cents = doubled(this.#cents)
    this.#micros = doubled(this.#micros)
    this.#recordedAt = doubled(this.#recordedAt)
  }
}

interface Walk {
  readonly micros: Float64Array
  readonly cents: Float64Array
  readonly idAt: (row: number) => string
  readonly size: number
  readonly from: number
  readonly to: number
}

function* walk({ micros, cents, idAt, size, from, to }: Walk): Generator<LedgerEntry, void> {
  for (let row = 0; row < size; row += 1) {
    const at = micros[row] ?? 0
    if (at < from || at > to) continue
    yield { correlationId: idAt(row), amountCents: cents[row] ?? 0, requestedAtMicros: at }
  }
}

function bounds({ from, to }: MicrosWindow): { from: number; to: number } {
  return from === undefined || to === undefined ? { from: -Infinity, to: Infinity } : { from, to }
}

function doubled(column: Float64Array) {
  const larger = new Float64Array(column.length * 2)
  larger.set(column)
  return larger
}
