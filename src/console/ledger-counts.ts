// What the ledger has, counted while somebody watches: the page's totals outlive an instance.

import { ledgerFailureOf } from '../actors/model/errors.ts'
import type { Summary } from '../actors/model/payment.ts'
import type { Clock, OpenCount } from '../actors/model/ports.ts'

/** Payments that are final, whenever they came. */
export interface FinalCount {
  readonly settled: Summary
  readonly rejected: number
}

export interface LedgerCounts {
  /** Null while the ledger does not answer, or was not asked. */
  readonly open: Pick<OpenCount, 'parked' | 'owned'> | null
  /** As they were last read; null: never yet. */
  readonly totals: LedgerTotals | null
  /** When they were read last, epoch ms, while they cannot be; null: they can be, or never were. */
  readonly staleSince: number | null
}

export interface LedgerTotals extends FinalCount {
  /** All payments: final ones, and those that were open then. */
  readonly payments: number
}

export interface LedgerReads {
  readonly clock: Pick<Clock, 'now' | 'wallNow'>
  readonly countOpen: () => Promise<OpenCount>
  readonly countFinal: () => Promise<FinalCount>
}

/** Final payments are counted for at most a twentieth of the time. */
const PAUSE_FACTOR = 19

/** Never rejects as long as its reads fail as ledgers do. */
export function createLedgerCounts(reads: LedgerReads): () => Promise<LedgerCounts> {
  const { clock } = reads
  let totals: LedgerTotals | null = null
  let readAt: number | null = null
  let isFailing = false
  let nextAt = -Infinity
  const countFinal = async (): Promise<FinalCount | undefined> => {
    const startedAt = clock.now()
    if (startedAt < nextAt) return undefined
    const final = await reads.countFinal().catch(outOfReach)
    isFailing = final === undefined
    nextAt = clock.now() + PAUSE_FACTOR * (clock.now() - startedAt)
    return final
  }
  return async () => {
    const [open, final] = await Promise.all([reads.countOpen().catch(outOfReach), countFinal()])
    if (open !== undefined && final !== undefined) {
      const { settled, rejected } = final
      const isFinal = settled.default.payments + settled.fallback.payments + rejected
      totals = { ...final, payments: isFinal + open.parked + open.owned }
      readAt = clock.wallNow()
    }
    // Whatever it took to fail, the next count is due once the ledger answers.
    if (open === undefined) nextAt = -Infinity
    const staleSince = open === undefined || isFailing ? readAt : null
    return { open: open ?? null, totals, staleSince }
  }
}

/** A bug is thrown on. */
function outOfReach(error: unknown): undefined {
  ledgerFailureOf(error)
}
