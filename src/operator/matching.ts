// The payments of a filter about which an operator may order something: counted before it is ordered,
// and named once it is.

import type { FoundPayment, PaymentFilter, PaymentFinder } from '../actors/model/found-payments.ts'
import type { PacedKind } from '../actors/model/operator.ts'

export interface MatchRequest {
  readonly kind: PacedKind
  readonly filter: PaymentFilter
  /** Payments, from 1 up. */
  readonly limit: number
}

export interface Matching {
  /** The last ones of the list come first, as they have waited longest. */
  readonly ids: readonly string[]
  readonly cents: bigint
  /** Whether there may be more: the limit was met, or the time was over. */
  readonly isCut: boolean
}

/** Payments of one page of the search, and how long all pages together may take, ms. */
const PAGE_MAX = 500
const SEARCH_MS_MAX = 10_000

/**
 * Those that can be looked up now, or redriven. Rejects with `LedgerUnavailable`.
 *
 * @param now monotonic, ms.
 */
export async function findMatching(
  finder: PaymentFinder,
  { kind, filter, limit }: MatchRequest,
  now: () => number = () => performance.now(),
): Promise<Matching> {
  const endsAt = now() + SEARCH_MS_MAX
  const found = new Map<string, number>()
  let page = await finder.find({ filter, limit: PAGE_MAX })
  for (;;) {
    for (const { correlationId, amountCents } of page.payments.filter(FITS[kind])) {
      found.set(correlationId, amountCents)
    }
    const { older: place } = page
    if (place === undefined || found.size >= limit || now() > endsAt) {
      const taken = [...found].slice(0, limit)
      const ids = taken.map(([id]) => id).toReversed()
      const cents = taken.reduce((sum, [, each]) => sum + BigInt(each), 0n)
      return { ids, cents, isCut: place !== undefined || found.size > limit }
    }
    page = await finder.find({ filter, limit: PAGE_MAX, place })
  }
}

const FITS: Readonly<Record<PacedKind, (payment: FoundPayment) => boolean>> = {
  lookUp: ({ state, inDoubtAt }) => state === 'parked' && inDoubtAt.length > 0,
  redrive: ({ state }) => state === 'rejected',
}
