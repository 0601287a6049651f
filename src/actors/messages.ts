// Every message between Pit's actors, what the edge asks of them, and how one is sent by name.

import assert from 'node:assert'
import type { LedgerTrouble } from './model/errors.ts'
import type { ClaimSource } from './model/facts.ts'
import type {
  ClaimedPayment,
  ExactSummary,
  Outcome,
  PaymentStatus,
  ProcessorName,
  TimeWindow,
} from './model/payment.ts'
import type { AcceptRequest, KnownControl, OwnedPayment, ParkedEntry } from './model/ports.ts'
import type { PaymentOutput } from './payment/payment.machine.ts'

/** The part of XState's actor system that looks actors up by name. */
export interface Directory {
  get(name: string): Addressee | undefined
}

interface Addressee {
  send(event: { type: string }): void
  /** `value` is the state of an actor that has a chart. */
  getSnapshot(): { readonly value?: unknown }
}

/** The long-lived actors by the system id that they register under, and what each is sent. */
export interface Addressees {
  readonly supervisor: EdgeRequest | SupervisorNotice
  readonly payments: PaymentsEvent
  readonly persistence: PersistenceEvent
  readonly acceptBatcher: PaymentReceived | IntakeEvent
  readonly outcomeBatcher: OutcomeEvent
  readonly retryQueue: RetryQueueEvent
  readonly takeover: TakeoverEvent
  readonly strays: StraysEvent
  readonly commands: CommandsEvent
  readonly lease: LeaseEvent
}

/**
 * Sends `event` to the actor of that name. There is one while the instance accepts payments: all are
 * started before that, and one that fails is replaced, or the instance drains or stops, before
 * anybody else goes on, because its failure reaches the supervisor within the call that it failed
 * in; within a step of the supervisor itself, at the end of that step. Before and after that an
 * event without an addressee is lost, and whoever waits for an answer to it is stopped as well.
 * @throws AssertionError where there is nobody of that name although the instance accepts payments.
 */
export function tell<Name extends keyof Addressees>(
  system: Directory,
  name: Name,
  event: Addressees[Name],
): void {
  const addressee = system.get(name)
  if (addressee === undefined) assert(!accepts(system), `${name} is there to be told ${event.type}`)
  else addressee.send(event)
}

function accepts(system: Directory): boolean {
  return system.get('supervisor')?.getSnapshot().value === 'accepting'
}

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
  /** It is there and cannot be read. */
  | { readonly kind: 'damaged' }
  | Unavailable

export interface Unavailable {
  readonly kind: 'unavailable'
  readonly why: LedgerTrouble
}

/** PostgreSQL refuses it in these words, and will again until somebody changes something there. */
export interface Refused {
  readonly kind: 'refused'
  readonly words: string
}

export interface PaymentRequested {
  readonly type: 'payment.requested'
  readonly correlationId: string
  readonly replyTo: (answer: Read<PaymentStatus>) => void
}

export interface SummaryRequested {
  readonly type: 'summary.requested'
  readonly window: TimeWindow
  readonly replyTo: (answer: Read<ExactSummary>) => void
}

export interface PurgeRequested {
  readonly type: 'purge.requested'
  readonly replyTo: (answer: Read<null> | Refused) => void
}

/** What the edge asks of the supervisor. Each request carries `replyTo`, called exactly once. */
export type EdgeRequest = PaymentReceived | PaymentRequested | SummaryRequested | PurgeRequested

/**
 * What became of a payment here that an operator resolves: it is in doubt and handed back; it is in
 * work and not in doubt, and stays; it is not in memory.
 */
export type HandedBack = 'parked' | 'busy' | 'absent'

/** Actors that bring payments to be worked on. */
export type Intake = 'accepts' | ClaimSource

/** What `payments` (the parent of all payment actors) is sent. */
export type PaymentsEvent =
  /** Committed with this lease as owner. */
  | {
      readonly type: 'payments.accepted'
      readonly batch: readonly AcceptRequest[]
      readonly leaseId: number
      /**
       * The purge count when this was committed. If the ledger's count is higher, a purge has
       * deleted it.
       */
      readonly purges: number
    }
  | {
      readonly type: 'payments.claimed'
      readonly batch: readonly ClaimedPayment[]
      readonly from: ClaimSource
      readonly leaseId: number
    }
  | { readonly type: 'circuit.changed' }
  /** Somebody asks for what was settled until so many ms ago. */
  | { readonly type: 'window.asked'; readonly lagMs: number }
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
  /** Forget them all: they belong to others now. */
  | { readonly type: 'payments.dropped' }
  /**
   * An operator resolves this payment: where it is in doubt here, it is handed back to the ledger first,
   * so that nobody charges it meanwhile.
   */
  | {
      readonly type: 'payment.resolved'
      readonly correlationId: string
      readonly replyTo: (handedBack: HandedBack) => void
    }
  /** The ledger's purge count: a purge has deleted what was committed at a lower one. */
  | { readonly type: 'purges.counted'; readonly purges: number }
  | StraysSought
  | PaymentRequested
  | { readonly type: 'xstate.done.actor.payment'; readonly output: PaymentOutput }
  | { readonly type: 'xstate.error.actor.payment'; readonly error: unknown }

/** What the retry queue is sent. */
export type RetryQueueEvent =
  /** `payments` can take up to `limit` payments now. */
  | { readonly type: 'capacity.offered'; readonly limit: number }
  /** Committed as parked: they will be due. */
  | { readonly type: 'payments.parked'; readonly entries: readonly ParkedEntry[] }
  /** Claim nothing more, and tell `payments` when the last answer of the ledger is there. */
  | { readonly type: 'drain.started' }

/** What takeover is sent. */
export interface TakeoverEvent {
  /** Claim nothing more, and tell `payments` when the last answer of the ledger is there. */
  readonly type: 'drain.started'
}

/** Which of these payments are in nobody's memory here; the batchers have the last word. */
export interface StraysSought {
  readonly type: 'strays.sought'
  readonly batch: readonly OwnedPayment[]
  readonly replyTo: (strays: readonly OwnedPayment[]) => void
}

/** Which payment a control at this processor may ask for. */
export interface ControlRequested {
  readonly type: 'control.requested'
  readonly processor: ProcessorName
  readonly replyTo: (control: KnownControl | { readonly kind: 'unavailable' }) => void
}

/** What the actor is sent that looks for strays. */
export type StraysEvent =
  /** Those of the payments asked about that are in nobody's memory here. */
  | { readonly type: 'strays.found'; readonly strays: readonly OwnedPayment[] }
  /** Claim nothing more, and tell `payments` when the last answer of the ledger is there. */
  | { readonly type: 'drain.started' }

/** What persistence is sent. Payments come to it only where clients are answered early. */
export type PersistenceEvent =
  | PaymentReceived
  | PaymentRequested
  | SummaryRequested
  | PurgeRequested
  | StraysSought
  | ControlRequested
  /** Write what is left, then report `persistence.flushed`. */
  | { readonly type: 'drain.started' }

/** What the accept batcher is sent about the intake. */
export type IntakeEvent =
  /** Whether accepted payments are kept in memory or parked in the ledger. */
  | { readonly type: 'intake.changed'; readonly parks: boolean }
  /** Nothing more is let in: tell `payments` when the last accept has been answered. */
  | { readonly type: 'intake.closed' }

/** What the actor is sent that obeys operators' commands. */
export interface CommandsEvent {
  readonly type: 'commands.counted'
  /** Id of the last command in the ledger; 0 without any. */
  readonly last: number
}

/** What the outcome batcher is sent. */
export interface OutcomeEvent {
  readonly type: 'outcome.reached'
  readonly outcome: Outcome
}

/** What the lease's actor is sent. */
export interface LeaseEvent {
  readonly type: 'release.requested'
}

/** What the supervisor is sent by its children and by its owner. */
export type SupervisorNotice =
  | { readonly type: 'lease.acquired'; readonly leaseId: number }
  | { readonly type: 'lease.lost' }
  | { readonly type: 'lease.released' }
  /** No payment is left in memory, and none is to come. */
  | { readonly type: 'payments.emptied' }
  /** Nothing is left to be written. */
  | { readonly type: 'persistence.flushed' }
  /** Stop: drain within the deadline. */
  | {
      readonly type: 'stop.requested'
      readonly cause: string
      /** The operator's command that asks for it; absent: a signal does, or a start that failed. */
      readonly command?: number
    }
  /** The drain's time is over; `recall.due` comes before `deadline.elapsed`. */
  | { readonly type: 'recall.due' }
  | { readonly type: 'deadline.elapsed' }
