// The lease as the rest of the process sees it: one object, renewed in place by the lease actor,
// asked by everything that sends or writes.

import assert from 'node:assert'
import type { Lease } from '../model/ports.ts'

/** Closes by itself when nobody extends it, so a paused or cut-off instance stops sending. */
export class LeaseFence implements Lease {
  id: number | null = null
  #validUntil = Number.NEGATIVE_INFINITY

  holds(now: number): boolean {
    return now < this.#validUntil
  }

  /** Opens until `validUntil` (monotonic ms), reckoned from before the renewal was asked for. */
  extend(lease: { id: number; validUntil: number }): void {
    this.id = lease.id
    this.#validUntil = lease.validUntil
  }

  /** Closes at once. */
  close(): void {
    this.#validUntil = Number.NEGATIVE_INFINITY
  }
}

/** The id of the lease that payments are claimed and written under. */
export function ownerOf({ id }: Lease): number {
  assert(id !== null, 'nothing is claimed or written before a first lease was held')
  return id
}
