// A set of UUIDs, numbered in the order of their arrival, in 24 bytes each and off the heap: a Map
// of a million strings would cost several times that, and pauses while it grows.

const CAPACITY_FIRST = 65_536

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function isUuid(text: string): boolean {
  return UUID.test(text)
}

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
    return (this.#slots[this.#probe()] ?? 0) - 1
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

  /** Reads rows as they stand now; rows added and purges made later do not change what it reads. */
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
      const row = (this.#slots[slot] ?? 0) - 1
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
    mixed = Math.imul(mixed ^ (words[at + i] ?? 0), 0x9e37_79b1)
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
