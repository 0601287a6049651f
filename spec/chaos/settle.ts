// After the last fault: how long until nothing is open any more.

import { pause } from './pause.ts'
import type { PitLedger } from './pit-ledger.ts'

/** Time from the last fault in which the backlog has to be empty, ms. */
export const SETTLE_WITHIN_MS = 30_000

/** Whoever is late is waited for up to this, to tell late from lost, ms. */
const GIVE_UP_MS = 90_000
const LOOK_EVERY_MS = 250

/** From `since`, monotonic ms, until nothing is open; undefined when that does not happen. */
export async function awaitEmpty(ledger: PitLedger, since: number): Promise<number | undefined> {
  while (performance.now() - since < GIVE_UP_MS) {
    const open = await ledger.countOpen().catch(() => undefined)
    if (open === 0) return Math.round(performance.now() - since)
    await pause(LOOK_EVERY_MS)
  }
  return undefined
}
