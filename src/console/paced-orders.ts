// Orders about many payments over the operators' port: counted before they are given, and carried out
// here, one at a time.

import { isLedgerFailure } from '../actors/model/errors.ts'
import type { PaymentFinder } from '../actors/model/found-payments.ts'
import type { PacedKind } from '../actors/model/operator.ts'
import { problem, type Reply } from '../http/problem.ts'
import { printCents } from '../operator/command-line.ts'
import { BooksUnreachable } from '../operator/failures.ts'
import { findMatching } from '../operator/matching.ts'
import { PAYMENTS_MAX, PER_SECOND, type PacedOrder } from '../operator/paced-command.ts'
import { privateJson } from './changes.ts'
import type { OnBug } from './contained.ts'
import type { Matched, PacedAbout } from './order-body.ts'

/** How such an order is noted in the ledger, and carried out; both reject with `BooksUnreachable`. */
export interface Paced {
  /** The id of its command. */
  give(order: PacedOrder): Promise<number>
  carryOut(order: PacedOrder & { readonly command: number }): Promise<number>
}

export interface PacedOrdersOptions {
  readonly finder: PaymentFinder
  readonly paced: Paced
  readonly onBug: OnBug
}

interface Wanted extends Pick<PacedOrder, 'given' | 'reason'> {
  readonly kind: PacedKind
  readonly about: PacedAbout
}

export interface PacedOrders {
  /** How many payments fit. Rejects with `LedgerUnavailable`. */
  count(matched: Matched & { readonly kind: PacedKind }): Promise<Reply>
  /**
   * Notes an order and begins to carry it out; its row says how far it is. Rejects with
   * `LedgerUnavailable` and `BooksUnreachable`.
   */
  begin(wanted: Wanted): Promise<{ readonly command: number } | { readonly refusal: Reply }>
}

export function createPacedOrders({ finder, paced, onBug }: PacedOrdersOptions): PacedOrders {
  let [isCounting, isBusy] = [false, false]

  const start = async (order: PacedOrder): Promise<{ command: number; work: Promise<void> }> => {
    const command = await paced.give(order)
    const work = paced.carryOut({ ...order, command }).then(
      () => undefined,
      (error: unknown) => {
        // What PostgreSQL did not take stands in the row as what is not done.
        const isExpected = error instanceof BooksUnreachable && isLedgerFailure(error.cause)
        if (!isExpected) onBug('paced order', error)
      },
    )
    return { command, work }
  }
  const beginAll = async (wanted: Wanted, { filter, query, counted }: Counted) => {
    const { kind, given, reason } = wanted
    const { ids } = await findMatching(finder, { kind, filter, limit: counted })
    if (ids.length === 0) return undefined
    return await start({ ...orderOf(kind, ids, query), reason, ...(given && { given }) })
  }
  return {
    async count({ kind, filter }) {
      if (isCounting) return COUNTING
      isCounting = true
      try {
        const matching = await findMatching(finder, { kind, filter, limit: PAYMENTS_MAX })
        const { ids, cents, isCut } = matching
        const amount = printCents(cents)
        return privateJson({ payments: ids.length, amount, isCut, perSecond: PER_SECOND })
      } finally {
        isCounting = false
      }
    },
    async begin(wanted) {
      const { kind, about, given, reason } = wanted
      if ('correlationId' in about) {
        const { correlationId: id } = about
        return await start({ ...orderOf(kind, [id], id), reason, ...(given && { given }) })
      }
      if (isBusy) return { refusal: BUSY }
      isBusy = true
      const free = (): void => void (isBusy = false)
      try {
        const begun = await beginAll(wanted, about)
        if (begun === undefined) free()
        // It never rejects: what it met stands in the row.
        else void begun.work.then(free)
        return begun ?? { refusal: NONE }
      } catch (error) {
        free()
        throw error
      }
    },
  }
}

type Counted = Extract<PacedAbout, { readonly counted: number }>

function orderOf(kind: PacedKind, ids: readonly string[], about: string) {
  return { kind, ids, about, perSecond: PER_SECOND }
}

const COUNTING = problem({
  status: 409,
  detail: 'Payments are being counted for somebody else: try again.',
})
const BUSY = problem({
  status: 409,
  detail: 'This instance carries out another order about many payments: one at a time.',
})
const NONE = problem({ status: 409, detail: 'No payment fits any more: nothing was ordered.' })
