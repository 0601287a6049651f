// The lease as the rest of the process sees it: one object, renewed in place by the lease actor,
// asked by everything that sends or writes.

import assert from 'node:assert'
import type { Clock, Lease } from '../model/ports.ts'

type Times = Pick<Clock, 'now' | 'wallNow'>

/** Reckoned from before the renewal was asked for. */
interface Opening {
  /** Monotonic instant at which it closes by itself, ms. */
  readonly validUntil: number
  /** By how much the time of day was ahead of the monotonic clock, ms. */
  readonly wallAheadMs: number
  /** By how much that may change while it is open, ms. */
  readonly strayMs: number
}

/**
 * Closes by itself when nobody extends it, so a paused or cut-off instance stops sending. It also
 * closes when the time of day and the monotonic clock part: one of them was set, or the machine was
 * suspended, which stops the monotonic clock alone.
 */
export class LeaseFence implements Lease {
  id: number | null = null
  /** Until when it is open; null: it is closed. */
  #opening: Opening | null = null
  readonly #clock: Times

  constructor(clock: Times) {
    this.#clock = clock
  }

  holds(now: number): boolean {
    const opening = this.#opening
    if (opening === null || now >= opening.validUntil) return false
    return Math.abs(wallAheadMs(this.#clock) - opening.wallAheadMs) <= opening.strayMs
  }

  /** Opens for a lease that was granted or renewed. */
  extend({ id, ...opening }: Opening & { readonly id: number }): void {
    this.id = id
    this.#opening = opening
  }

  /** Closes at once. */
  close(): void {
    this.#opening = null
  }
}

/** By how much the time of day is ahead of the monotonic clock, ms. */
export function wallAheadMs(clock: Times): number {
  return clock.wallNow() - clock.now()
}

/** The id of the lease that payments are claimed and written under. */
export function ownerOf({ id }: Lease): number {
  assert(id !== null, 'nothing is claimed or written before a first lease was held')
  return id
}
