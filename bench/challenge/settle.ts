// After the challenge's own result: does every accepted payment settle, and do the books agree?

import { setTimeout as wait } from 'node:timers/promises'
import type { TimeWindow } from '../../src/actors/model/payment.ts'
import { countPayments } from './books.ts'
import { checkWindow } from './checks.ts'
import type { Check, Parties } from './checks.ts'

export interface SettleInput {
  readonly parties: Parties
  /** Payments that Pit answered with a 2xx. */
  readonly accepted: number
  /** All payments posted: those not answered with a 2xx may have been accepted all the same. */
  readonly requested: number
  /** Bound on the waiting, ms. */
  readonly waitMs: number
  /** Windows checked during the load, to be asked for again. */
  readonly windows: readonly TimeWindow[]
}

export interface Settlement {
  /** Per processor, in count and in cents, over everything. */
  readonly booksEqual: boolean
  /** The last comparison of everything. */
  readonly books: Check
  readonly accepted: number
  readonly settled: number
  /** Accepted, but settled nowhere in the time given. */
  readonly lost: number
  /** Settled, but never requested. */
  readonly surplus: number
  /** From the end of the load until nothing was waiting any more, or the waiting ended, ms. */
  readonly tookMs: number
  /** Windows of the load asked for again, and those in which the books still differ. */
  readonly windows: number
  readonly differingWindows: readonly Check[]
}

/**
 * Waits until the books agree over everything and hold at least what was accepted, in two readings
 * running (one could fall between two late settlements), or until the time is up.
 */
export async function awaitSettlement(input: SettleInput): Promise<Settlement> {
  const startedAt = performance.now()
  const deadline = startedAt + input.waitMs
  let books = await checkWindow(input.parties, {})
  let emptyReads = isSettled(books, input) ? 1 : 0
  while (emptyReads < EMPTY_READS && performance.now() < deadline) {
    await wait(READ_INTERVAL_MS)
    const previous = books
    books = await checkWindow(input.parties, {})
    const isSame = countPayments(books.pit) === countPayments(previous.pit)
    emptyReads = isSettled(books, input) ? (isSame ? emptyReads + 1 : 1) : 0
  }
  const tookMs = performance.now() - startedAt
  const again: Check[] = []
  for (const window of input.windows) again.push(await checkWindow(input.parties, window))
  const settled = countPayments(books.pit)
  return {
    booksEqual: books.agree,
    books,
    accepted: input.accepted,
    settled,
    lost: Math.max(0, input.accepted - settled),
    surplus: Math.max(0, settled - input.requested),
    tookMs: Math.round(tookMs),
    windows: again.length,
    differingWindows: again.filter((check) => !check.agree),
  }
}

function isSettled(books: Check, input: SettleInput): boolean {
  return books.agree && countPayments(books.pit) >= input.accepted
}

const EMPTY_READS = 2
const READ_INTERVAL_MS = 500
