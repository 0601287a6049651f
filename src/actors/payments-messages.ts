// What the long-lived actors tell each other about payments.

import type { PaymentRequested } from './messages.ts'
import type { ClaimSource } from './model/facts.ts'
import type { ClaimedPayment, Outcome } from './model/payment.ts'
import type { PaymentOutput } from './payment/payment.machine.ts'
import type { AcceptRequest, ParkedEntry } from './model/ports.ts'

/** Who brings payments to be worked on. */
export type Intake = 'accepts' | ClaimSource

/** What `payments` (the parent of all payment actors) is told. */
export type PaymentsEvent =
  /** Committed with this lease as owner. */
  | {
      readonly type: 'payments.accepted'
      readonly batch: readonly AcceptRequest[]
      readonly leaseId: number
      /** Purges counted when they were committed. */
      readonly purges: number
    }
  | {
      readonly type: 'payments.claimed'
      readonly batch: readonly ClaimedPayment[]
      readonly from: ClaimSource
      readonly leaseId: number
    }
  | { readonly type: 'circuit.changed' }
  | { readonly type: 'payments.ticked' }
  /** Outcomes pile up unwritten: start nothing new until relieved. */
  | { readonly type: 'outcomes.congested' }
  | { readonly type: 'outcomes.relieved' }
  /** Take nothing new, hand back what waits, finish what is under way. */
  | { readonly type: 'drain.started' }
  /** The drain's time is over: hand back everything, in doubt where it is. */
  | { readonly type: 'payments.recalled' }
  /** A drain: nothing more comes from there. */
  | { readonly type: 'intake.ended'; readonly from: Intake }
  /** This lease ends, another one follows: hand back everything, in doubt where it is. */
  | { readonly type: 'payments.returned' }
  /** Forget them all: they belong to others now. */
  | { readonly type: 'payments.dropped' }
  /** So often everything was purged: what was committed under a smaller count is gone. */
  | { readonly type: 'purges.counted'; readonly purges: number }
  | PaymentRequested
  | { readonly type: 'xstate.done.actor.payment'; readonly output: PaymentOutput }
  | {
      readonly type: 'xstate.error.actor.payment'
      readonly error: unknown
      readonly actorId: string
    }

/** What the retry queue is told. */
export type RetryQueueEvent =
  /** `payments` can take up to `limit` payments now. */
  | { readonly type: 'capacity.offered'; readonly limit: number }
  /** Committed as parked: they will be due. */
  | { readonly type: 'payments.parked'; readonly entries: readonly ParkedEntry[] }
  /** Claim nothing more, and tell `payments` when the last claim has been answered. */
  | { readonly type: 'drain.started' }

/** What takeover is told. */
export interface TakeoverEvent {
  /** Claim nothing more, and tell `payments` when the last claim has been answered. */
  readonly type: 'drain.started'
}

/** What persistence is told, besides the edge's own requests. */
export type PersistenceEvent =
  | { readonly type: 'outcome.reached'; readonly outcome: Outcome }
  /** Whether accepted payments are kept in memory or parked in the ledger. */
  | { readonly type: 'intake.changed'; readonly parks: boolean }
  /** Nothing more is let in: tell `payments` when the last accept has been answered. */
  | { readonly type: 'intake.closed' }
  /** Write what is left at once, then report `outcomes.written`. */
  | { readonly type: 'flush.requested' }
  /** Write what is left, then report `persistence.flushed`. */
  | { readonly type: 'drain.started' }
