// Who can be told what by name: the long-lived actors register under these system ids, so none of
// them has to be handed the others.

import type { EdgeRequest, PaymentReceived, PurgeRequested, SummaryRequested } from './messages.ts'
import type { PaymentRequested } from './messages.ts'
import type {
  PaymentsEvent,
  PersistenceEvent,
  RetryQueueEvent,
  TakeoverEvent,
} from './payments-messages.ts'

/** The part of XState's actor system that looks actors up by name. */
export interface Directory {
  get(name: string): { send(event: { type: string }): void } | undefined
}

/** The events that each address takes. */
export interface Addressees {
  readonly supervisor: EdgeRequest | SupervisorNotice
  readonly payments: PaymentsEvent
  readonly persistence:
    PersistenceEvent | PaymentReceived | PaymentRequested | SummaryRequested | PurgeRequested
  readonly retryQueue: RetryQueueEvent
  readonly takeover: TakeoverEvent
  readonly lease: LeaseEvent
}

/** What the lease's actor is told. */
export type LeaseEvent =
  | { readonly type: 'release.requested' }
  /**
   * A claim or an accept under this lease was not answered: it may own payments that nobody here
   * has in memory. Only another lease gets them back to work.
   */
  | { readonly type: 'lease.tainted'; readonly leaseId: number }
  /** Every outcome so far is in the ledger. */
  | { readonly type: 'outcomes.written' }

/** What the supervisor is told by its children and by its owner. */
export type SupervisorNotice =
  | { readonly type: 'lease.acquired'; readonly leaseId: number }
  | { readonly type: 'lease.lost' }
  | { readonly type: 'lease.released' }
  /** No payment is left in memory, and none is to come. */
  | { readonly type: 'payments.emptied' }
  /** Nothing is left to be written. */
  | { readonly type: 'persistence.flushed' }
  /** Stop: drain within the deadline. */
  | { readonly type: 'stop.requested'; readonly cause: string }
  /** The drain's time is over; `recall.due` comes before `deadline.elapsed`. */
  | { readonly type: 'recall.due' }
  | { readonly type: 'deadline.elapsed' }

/** Sends `event` to the actor of that name; lost when there is none (starting, stopped). */
export function tell<Name extends keyof Addressees>(
  system: Directory,
  name: Name,
  event: Addressees[Name],
): void {
  system.get(name)?.send(event)
}
