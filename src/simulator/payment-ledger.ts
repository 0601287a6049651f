// What a processor has recorded, in columns off the heap: some 50 bytes a payment, and a window
// over a million of them is summed in a few ms by going through two columns.

import assert from 'node:assert'

/** Payments that a ledger takes before it answers `full`: some 400 MB, and 256 MB of its file. */
const LEDGER_PAYMENTS_MAX = 8_000_000

/** Rows that a new ledger has place for; it doubles when they are full. */
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

/** Where a ledger is kept over restarts. */
interface Keeping {
  /** All that it holds; called once, first. */
  read(): Iterable<LedgerEntry>
  /** False when there is no place left for it. */
  append(entry: LedgerEntry): boolean
  clear(): void
}

export class PaymentLedger {
  #ids = new UuidTable()
  #cents = new Float64Array(CAPACITY_FIRST)
  #micros = new Float64Array(CAPACITY_FIRST)
  /** Monotonic instant of recording, ms: what a stale look-up goes by. */
  #recordedAt = new Float64Array(CAPACITY_FIRST)
  #centsTotal = 0
  readonly #file: Keeping | undefined

  /** With a file it begins with what that one holds, and writes each payment and purge there. */
  constructor(file?: Keeping) {
    for (const entry of file?.read() ?? []) this.insert(entry, Number.NEGATIVE_INFINITY)
    this.#file = file
  }

  get size(): number {
    return this.#ids.size
  }

  /**
   * Records a payment once. `full` beyond `LEDGER_PAYMENTS_MAX`, where the sum of all amounts would
   * no longer be exact, and where its file takes no more.
   */
  insert(entry: LedgerEntry, recordedAt: number): 'recorded' | 'known' | 'full' {
    const centsTotal = this.#centsTotal + Math.abs(entry.amountCents)
    if (this.size >= LEDGER_PAYMENTS_MAX || centsTotal > Number.MAX_SAFE_INTEGER) return 'full'
    if (this.#file !== undefined && this.#ids.find(entry.correlationId) < 0) {
      if (!this.#file.append(entry)) return 'full'
    }
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
    if (row < 0 || cell(this.#recordedAt, row) > asOf) return undefined
    return {
      correlationId: correlationId.toLowerCase(),
      amountCents: cell(this.#cents, row),
      requestedAtMicros: cell(this.#micros, row),
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
      const at = cell(micros, row)
      if (at >= from && at <= to) {
        payments += 1
        cents += cell(amounts, row)
      }
    }
    return { payments, cents }
  }

  /**
   * The payments of a window in the order of their recording, as they stand now: what is recorded
   * or purged while the caller iterates is not seen.
   */
  entries(window: MicrosWindow): Generator<LedgerEntry, void> {
    const columns = { micros: this.#micros, cents: this.#cents, idAt: this.#ids.reader() }
    return walk({ ...columns, size: this.size, ...bounds(window) })
  }

  /** Forgets everything. The columns are new, because a reader may still iterate the old ones. */
  purge(): void {
    this.#file?.clear()
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
    const at = cell(micros, row)
    if (at < from || at > to) continue
    yield { correlationId: idAt(row), amountCents: cell(cents, row), requestedAtMicros: at }
  }
}

function bounds({ from, to }: MicrosWindow): { from: number; to: number } {
  return from === undefined || to === undefined ? { from: -Infinity, to: Infinity } : { from, to }
}

/** What a column has in a row; `assert.fail` only where there is none, since sums go through all. */
function cell(column: Float64Array | Int32Array | Uint32Array, row: number): number {
  const value = column[row]
  if (value === undefined) assert.fail('a row of the ledger lies within its columns')
  return value
}

function doubled(column: Float64Array) {
  const larger = new Float64Array(column.length * 2)
  larger.set(column)
  return larger
}

/**
 * A set of UUIDs, numbered in the order of their arrival, in 24 bytes each and off the heap: a Map
 * of a million strings would cost several times that, and pauses while it grows.
 */
export class UuidTable {
  #size = 0
  #words = new Uint32Array(CAPACITY_FIRST * 4)
  /** Open addressing, twice the capacity, a power of two; row + 1, or 0 where it is free. */
  #slots = new Int32Array(CAPACITY_FIRST * 2)
  readonly #wanted = new Uint32Array(4)

  get size(): number {
    return this.#size
  }

  /** Row of a UUID in any case, -1 when it is not there. */
  find(uuid: string): number {
    this.#read(uuid)
    return cell(this.#slots, this.#probe()) - 1
  }

  /** Row of a new UUID, -1 when it was there before. */
  add(uuid: string): number {
    this.#read(uuid)
    if (this.#slots[this.#probe()] !== 0) return -1
    if (this.#size * 4 === this.#words.length) this.#grow()
    this.#words.set(this.#wanted, this.#size * 4)
    this.#size += 1
    this.#slots[this.#probe()] = this.#size
    return this.#size - 1
  }

  /** Reads rows as they stand now; later additions and purges do not change what it reads. */
  reader(): (row: number) => string {
    const words = this.#words
    return (row) => printUuid(words.subarray(row * 4, row * 4 + 4))
  }

  #read(uuid: string): void {
    this.#wanted[0] = parseInt(uuid.slice(0, 8), 16)
    this.#wanted[1] = parseInt(uuid.slice(9, 13) + uuid.slice(14, 18), 16)
    this.#wanted[2] = parseInt(uuid.slice(19, 23) + uuid.slice(24, 28), 16)
    this.#wanted[3] = parseInt(uuid.slice(28, 36), 16)
  }

  /** The slot that holds `#wanted`, or the free one where it belongs. */
  #probe(): number {
    const mask = this.#slots.length - 1
    let slot = hash(this.#wanted, 0) & mask
    for (;;) {
      const row = cell(this.#slots, slot) - 1
      if (row < 0 || this.#holds(row)) return slot
      slot = (slot + 1) & mask
    }
  }

  #holds(row: number): boolean {
    const at = row * 4
    for (let i = 0; i < 4; i += 1) {
      if (this.#words[at + i] !== this.#wanted[i]) return false
    }
    return true
  }

  /** Takes some 20 ms per million rows. */
  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2)
    words.set(this.#words)
    const slots = new Int32Array(this.#slots.length * 2)
    const mask = slots.length - 1
    for (let row = 0; row < this.#size; row += 1) {
      let slot = hash(words, row * 4) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = row + 1
    }
    this.#words = words
    this.#slots = slots
  }
}

/** Mixes all four words: ids that specs count up differ in the last one only. */
function hash(words: Uint32Array, at: number): number {
  let mixed = 0
  for (let i = 0; i < 4; i += 1) {
    mixed = Math.imul(mixed ^ cell(words, at + i), 0x9e37_79b1)
    mixed ^= mixed >>> 15
  }
  return mixed
}

function printUuid(words: Uint32Array): string {
  let hex = ''
  for (const word of words) hex += word.toString(16).padStart(8, '0')
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
  return `${parts.join('-')}-${hex.slice(20)}`
}
