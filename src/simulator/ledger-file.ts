// The file in which a simulator keeps its payments over restarts: a head, then 32 bytes for each
// payment in the order of recording. A payment is handed to the system before it is answered, so
// that the death of the process costs none; a crash of the machine may cost the last ones.

import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import type { LedgerEntry } from './payment-ledger.ts'

const HEAD = Buffer.from('payments of a simulator, form 1\n')
const ENTRY_BYTES = 32

/** What is read in one go: 2 MiB. */
const ENTRIES_PER_READ = 65_536

export class LedgerFile {
  readonly #fd: number
  readonly #entry = Buffer.alloc(ENTRY_BYTES)
  #size = 0

  /** Makes it where it is missing. Throws one clear sentence when it cannot be used. */
  constructor(path: string) {
    try {
      this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    } catch (cause) {
      throw new Error(`a simulator cannot keep its payments in ${path}`, { cause })
    }
    const head = Buffer.alloc(HEAD.length)
    const isEmpty = readSync(this.#fd, head, 0, HEAD.length, 0) === 0
    if (isEmpty) writeSync(this.#fd, HEAD, 0, HEAD.length, 0)
    else if (!head.equals(HEAD)) {
      this.close()
      throw new Error(`${path} does not hold the payments of a simulator`)
    }
  }

  /** All that it holds; to be read to its end, once, before anything is appended. */
  *read(): Generator<LedgerEntry, void> {
    const bytes = Buffer.alloc(ENTRIES_PER_READ * ENTRY_BYTES)
    for (;;) {
      const read = readSync(this.#fd, bytes, 0, bytes.length, positionOf(this.#size))
      // What is left of an entry that was written in part is written over.
      const entries = Math.floor(read / ENTRY_BYTES)
      for (let entry = 0; entry < entries; entry += 1) {
        const at = entry * ENTRY_BYTES
        const kept = parse(bytes.subarray(at, at + ENTRY_BYTES))
        if (kept === undefined) return
        this.#size += 1
        yield kept
      }
      if (entries < ENTRIES_PER_READ) return
    }
  }

  /** False when there is no place left for it. */
  append({ correlationId, amountCents, requestedAtMicros }: LedgerEntry): boolean {
    this.#entry.write(correlationId.replaceAll('-', ''), 'hex')
    this.#entry.writeDoubleLE(amountCents, 16)
    this.#entry.writeDoubleLE(requestedAtMicros, 24)
    try {
      const written = writeSync(this.#fd, this.#entry, 0, ENTRY_BYTES, positionOf(this.#size))
      if (written < ENTRY_BYTES) return false
    } catch {
      return false
    }
    this.#size += 1
    return true
  }

  clear(): void {
    ftruncateSync(this.#fd, HEAD.length)
    this.#size = 0
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function positionOf(entry: number): number {
  return HEAD.length + entry * ENTRY_BYTES
}

/** Undefined for the zeros that a crash of the machine may leave at the end. */
function parse(bytes: Buffer): LedgerEntry | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined
  const hex = bytes.toString('hex', 0, 16)
  const correlationId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  return {
    correlationId,
    amountCents: bytes.readDoubleLE(16),
    requestedAtMicros: bytes.readDoubleLE(24),
  }
}
