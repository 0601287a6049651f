// Keeps the settled cache: what this instance has settled goes on it a few at a time, and off it
// once it is committed. A cache that fails costs nothing but the other instances' view.

import type { SharedPorts } from '../model/shared-ports.ts'
import { cacheFailureOf } from '../model/ledger-failure.ts'
import type { SettledPayment } from '../model/payment.ts'

export interface SettledPublisher {
  /** To be put on the cache within the window. */
  add(settled: SettledPayment): void
  /** To be taken off it, as late: a reader is told by the ledger that it is committed. */
  remove(correlationIds: readonly string[]): void
  /** Does at once what waits. */
  announce(): void
}

/** How long changes gather before they are made together, ms. Each change by itself is a wakeup. */
export const ANNOUNCE_WINDOW_MS = 10

export function createSettledPublisher({
  clock,
  settledSet,
}: Pick<SharedPorts, 'clock' | 'settledSet'>): SettledPublisher {
  let settled: SettledPayment[] = []
  let committed: string[] = []
  let timer: unknown = undefined

  const change = (): void => {
    timer = undefined
    const [entries, ids] = [settled, committed]
    settled = []
    committed = []
    // In this order: what is committed already may still wait to be put on.
    if (entries.length > 0) settledSet.add(entries).catch(cacheFailureOf)
    if (ids.length > 0) settledSet.remove(ids).catch(cacheFailureOf)
  }
  const arm = (): void => {
    timer ??= clock.setTimeout(change, ANNOUNCE_WINDOW_MS)
  }

  return {
    add(payment) {
      settled.push(payment)
      arm()
    },
    remove(correlationIds) {
      if (correlationIds.length === 0) return
      for (const correlationId of correlationIds) committed.push(correlationId)
      arm()
    },
    announce() {
      if (timer === undefined) return
      clock.clearTimeout(timer)
      change()
    },
  }
}
