// What the edge asks of the supervisor. Each request carries `replyTo`, called exactly once.

import type { LedgerFailure } from './model/errors.ts'
import type { PaymentStatus, Summary, TimeWindow } from './model/payment.ts'

/**
 * - `accepted`: committed now; `known`: was there with the same amount; both are a 202;
 * - `conflicting`: the id is there with another amount;
 * - `unavailable`: could not be committed, or the instance is starting, full or draining.
 */
export type AcceptAnswer = 'accepted' | 'known' | 'conflicting' | 'unavailable'

export interface PaymentReceived {
  readonly type: 'payment.received'
  /** Lower-case UUID. */
  readonly correlationId: string
  readonly amountCents: number
  readonly replyTo: (answer: AcceptAnswer) => void
}

/** Answer to a read: the value, or why there is none. */
export type Read<Value> =
  | { readonly kind: 'found'; readonly value: Value }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unavailable'; readonly cause?: LedgerFailure }

export interface PaymentRequested {
  readonly type: 'payment.requested'
  readonly correlationId: string
  readonly replyTo: (answer: Read<PaymentStatus>) => void
}

export interface SummaryRequested {
  readonly type: 'summary.requested'
  readonly window: TimeWindow
  readonly replyTo: (answer: Read<Summary>) => void
}

export interface PurgeRequested {
  readonly type: 'purge.requested'
  readonly replyTo: (answer: Read<null>) => void
}

/** All that `http` may send to the supervisor. */
export type EdgeRequest = PaymentReceived | PaymentRequested | SummaryRequested | PurgeRequested
