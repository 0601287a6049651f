// Ledgers that watch which history their PostgreSQL has, at a clock that stands still.

import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import type { HistoryChange } from '../../src/actors/model/facts.ts'
import { HistoryWatch } from '../../src/actors/model/ledger-history.ts'
import type { KnownRenewal, Ledger, RenewalCache } from '../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { TTL_MS } from '../contracts/ledger-words.ts'
import { LEDGER } from './postgres.ts'

export const ASK_MS = 1_000_000
export const LANDS_FOR_MS = 45_000
export const NOW = 5_000

interface Opened {
  readonly ledger: Ledger
  readonly watch: HistoryWatch
  readonly changes: readonly HistoryChange[]
  readonly unread: readonly string[]
}

/** What Redis has: shared by the ledgers that are given the same one. */
export function sharedRenewals(): RenewalCache {
  let known: KnownRenewal | undefined
  return {
    read: () => Promise.resolve(known),
    publish: (renewal) => {
      known = renewal
      return Promise.resolve()
    },
  }
}

export async function openWatched(
  t: Test,
  connectionString: string,
  {
    renewals = sharedRenewals(),
    timeOfDay,
  }: { readonly renewals?: RenewalCache; readonly timeOfDay?: () => number } = {},
): Promise<Opened> {
  const changes: HistoryChange[] = []
  const unread: string[] = []
  const watch = new HistoryWatch({
    clock: { now: () => NOW },
    run: randomUUID(),
    askMs: ASK_MS,
    landsForMs: LANDS_FOR_MS,
    onChanged: (change) => changes.push(change),
  })
  const onUnread = (what: string): void => void unread.push(what)
  const histories = { watch, renewals, onUnread, ...(timeOfDay && { timeOfDay }) }
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString, histories })
  t.teardown(() => ledger.close())
  return { ledger, watch, changes, unread }
}

/** Until a session stands again. */
export async function renewed(ledger: Ledger, mine: { leaseId: number }) {
  for (;;) {
    const answer = await ledger.renewLease({ ...mine, ttlMs: TTL_MS }).catch(() => undefined)
    if (answer !== undefined) return answer
    await new Promise((resolve) => setImmediate(resolve))
  }
}
