// The lease as the rest of the process sees it: one object, renewed in place by the lease actor,
// asked by everything that sends or writes.

import assert from 'node:assert'
import type { Clock, Lease } from '../model/ports.ts'

type Times = Pick<Clock, 'now' | 'wallNow'>

/**
 * Closes by itself when nobody extends it, so a paused or cut-off instance stops sending. It also
 * closes when the time of day and the monotonic clock part: one of them was set, or the machine was
 * suspended, which stops the monotonic clock alone.
 */
export class LeaseFence implements Lease {
  id: number | null = null
  #validUntil = Number.NEGATIVE_INFINITY
  #wallAheadMs = 0
  #strayMs = 0
  readonly #clock: Times

  constructor(clock: Times) {
    this.#clock = clock
  }

  holds(now: number): boolean {
    if (now >= this.#validUntil) return false
    return Math.abs(wallAheadMs(this.#clock) - this.#wallAheadMs) <= this.#strayMs
  }

  /**
   * Opens until `validUntil` (monotonic ms) while the time of day is ahead of the monotonic clock by
   * `wallAheadMs`, give or take `strayMs`. Both are reckoned from before the renewal was asked for.
   */
  extend(lease: { id: number; validUntil: number; wallAheadMs: number; strayMs: number }): void {
    this.id = lease.id
    this.#validUntil = lease.validUntil
    this.#wallAheadMs = lease.wallAheadMs
    this.#strayMs = lease.strayMs
  }

  /** Closes at once. */
  close(): void {
    this.#validUntil = Number.NEGATIVE_INFINITY
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
