// The words for finding payments in the ledger: which ones, and a page of them.

import type { ProcessorName } from './payment.ts'

/** Where a payment stands in the ledger; one that an instance works on is `owned`. */
export type StoredState = 'owned' | 'parked' | 'rejected' | 'settled'

/** Which payments; all that is there has to hold. */
export interface PaymentFilter {
  /** Any of these; absent: any state. */
  readonly states?: readonly StoredState[]
  /** Where it is settled; of one that is not settled: where it was charged. */
  readonly processor?: ProcessorName
  /** Whole cents, both inclusive. */
  readonly amountMin?: number
  readonly amountMax?: number
  /**
   * Both inclusive, epoch ms: `requestedAt` of a settled payment, of any other the instant at which
   * it was accepted.
   */
  readonly from?: number
  readonly to?: number
  /** Open, and accepted longer ago than so many ms. */
  readonly olderThanMs?: number
  /** Attempts in all, those included that are no longer kept. */
  readonly attemptsMin?: number
  /** First hexadecimal digits of its id, without hyphens, lower case; stands alone. */
  readonly idPrefix?: string
}

/**
 * A place between two payments, and in which direction the page lies. Pages go by an instant of each
 * payment, newest first: when it is due while it is parked, since when its instance has it while it is
 * owned, when it was accepted once it is rejected, `requestedAt` once it is settled; and by its id
 * where that is the same. Pages of a filter with `idPrefix` go by the id alone, upwards.
 */
export interface PagePlace {
  readonly direction: 'older' | 'newer'
  /** Epoch µs. */
  readonly atUs: number
  /** A UUID. */
  readonly id: string
}

/** What the ledger tells of one payment in a list. Instants are epoch ms. */
export interface FoundPayment {
  readonly correlationId: string
  readonly amountCents: number
  readonly state: StoredState
  /** Where it is settled. */
  readonly processor?: ProcessorName
  /** Absent where it is no longer kept. */
  readonly acceptedAt?: number
  readonly requestedAt?: number
  readonly dueAt?: number
  /** Name of the instance that works on it. */
  readonly ownedBy?: string
  /** Processors at which its outcome was unknown when it was written last. */
  readonly inDoubtAt: readonly ProcessorName[]
  /**
   * How many there were; absent where they are no longer kept. While an instance works on it, it alone
   * knows what it has attempted: those before, and absent where there are none.
   */
  readonly attempts?: number
}

export interface PaymentsPage {
  readonly payments: readonly FoundPayment[]
  /** Where the next page of each direction begins; absent: there is nothing. */
  readonly older?: PagePlace
  readonly newer?: PagePlace
  /**
   * So many rows were looked at that the page ends here, whatever it has: epoch ms. Going on from
   * there looks further. Absent: the page is full, or nothing is left.
   */
  readonly lookedUntil?: number
}

export interface PageRequest {
  readonly filter: PaymentFilter
  /** Absent: the newest ones. */
  readonly place?: PagePlace
  /** Payments of a page, from 1 up. */
  readonly limit: number
}

/** Finds payments in the ledger. Changes nothing. */
export interface PaymentFinder {
  /**
   * One page; its work is bounded whatever the filter and however many payments there are. A payment
   * that changes its state between two pages may be on both, or on none. Rejects with
   * `LedgerUnavailable`.
   */
  find(request: PageRequest): Promise<PaymentsPage>
}
