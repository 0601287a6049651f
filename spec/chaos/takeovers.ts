// How long the payments of a dead or hanging instance belong to it, as PostgreSQL tells it.

import type { FaultName } from './fault-kinds.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { PitLedger } from './ledgers.ts'

export interface Takeover {
  readonly fault: FaultName
  readonly instance: string
  /** From the fault until nothing open belongs to the lease, ms. */
  readonly tookMs: number
}

/** Between two queries, ms; a takeover is measured this much too long at most. */
const CHECK_EVERY_MS = 100
const GIVE_UP_MS = 60_000

/** After an outage of PostgreSQL instances wait for a lease's length before they take over, ms. */
const SETTLING_MS = 3500

/**
 * Measures only while PostgreSQL is as it should be: without it nobody can take over, and for some
 * seconds after it living instances let the others renew their leases first.
 */
export class Takeovers {
  readonly measured: Takeover[] = []
  readonly #ledger: PitLedger
  readonly #open = new Set<Promise<void>>()
  #disturbances = 0
  #undisturbedSince = 0

  constructor(ledger: PitLedger) {
    this.#ledger = ledger
  }

  /** Reads the leases before the fault; `begin` starts the clock. Never rejects. */
  async expect(fault: FaultName, instance: string): Promise<{ begin(): void } | undefined> {
    const disturbances = this.#disturbances
    if (disturbances % 2 === 1 || performance.now() < this.#undisturbedSince) return undefined
    const leases = await this.#ledger.leasesOf(instance).catch(() => [])
    if (leases.length === 0) return undefined
    return {
      begin: () => {
        const since = performance.now()
        const observed = this.#observe({ fault, instance, leases, since, disturbances })
        const open = observed.finally(() => this.#open.delete(open))
        this.#open.add(open)
      },
    }
  }

  /** Lets something happen to PostgreSQL; what was being measured meanwhile does not count. */
  async whileDisturbed(act: () => Promise<void>): Promise<void> {
    this.#disturbances += 1
    try {
      await act()
    } finally {
      this.#disturbances += 1
      this.#undisturbedSince = performance.now() + SETTLING_MS
    }
  }

  /** Resolves once every measurement has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#open)
  }

  async #observe(watch: {
    readonly fault: FaultName
    readonly instance: string
    readonly leases: readonly number[]
    readonly since: number
    readonly disturbances: number
  }): Promise<void> {
    for (;;) {
      await pause(CHECK_EVERY_MS)
      const owners = await this.#ledger.ownersAmong(watch.leases).catch(() => undefined)
      const tookMs = Math.round(performance.now() - watch.since)
      if (this.#disturbances !== watch.disturbances || owners === undefined) return
      if (owners.length > 0 && tookMs < GIVE_UP_MS) continue
      this.measured.push({ fault: watch.fault, instance: watch.instance, tookMs })
      return
    }
  }
}
