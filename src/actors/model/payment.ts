// The words for a payment: what is known of one in memory, in the ledger and to a reader.

import type { Cents } from './money.ts'

/** The two processors; which one is cheaper is configuration, not its name. */
export type ProcessorName = 'default' | 'fallback'

/** Why a processor was chosen, or none. */
export type RouteReason =
  | 'cheaper' // the cheaper one is up and fast enough
  | 'cheaperOpen' // the cheaper one's circuit is open and the payment has waited long enough
  | 'cheaperSlow' // the cheaper one answers so slowly that the dearer one is worth its fee
  | 'cheaperBusy' // the cheaper one has no capacity and the payment has waited long enough
  | 'cheaperRefused' // the cheaper one has just refused this payment
  | 'cheaperDenied' // the cheaper one has denied this payment (400), the dearer one has not
  | 'resend' // in doubt: the same processor is sent the same payment with the same requestedAt
  | 'waitingForCheaper' // no attempt: young enough to wait for the cheaper one
  | 'noneAvailable' // no attempt: both circuits are open or full

/** How an attempt ended, or `inFlight` while it is under way. */
export type AttemptOutcome =
  | 'other' // in a word of another version of Pit, which stands in `detail`: decides nothing
  | 'inFlight'
  | 'settled'
  | 'refused' // certainly not processed
  | 'failed' // answered 500: looked up before it counts as refused
  | 'known' // answered 422: the processor has seen this id before
  | 'inDoubt' // timeout, reset, cut answer: may have been processed
  | 'denied' // answered 400: this processor will never take it

export type EndedOutcome = Exclude<AttemptOutcome, 'inFlight' | 'other'>

/** One request sent to a processor for one payment. */
export interface Attempt {
  readonly processor: ProcessorName
  /** Instant that the request carries, epoch ms. */
  readonly requestedAt: number
  readonly reason: RouteReason
  readonly outcome: AttemptOutcome
  /** Time to the outcome, ms; 0 while in flight. */
  readonly tookMs: number
  /** What the processor or the network said, short: `http 500`, `timeout`, `ECONNREFUSED`. */
  readonly detail?: string
  /** What its processor said later that cannot be true of this payment. */
  readonly contradiction?: Contradiction
  /** Which one of the payment's it was, counted from 1; only where older ones were dropped. */
  readonly number?: number
}

/** How many there were in all, also those that were dropped. */
export function countAttempts(kept: readonly Attempt[]): number {
  return kept.reduce((count, { number }) => number ?? count + 1, 0)
}

/** How an answer contradicts what is known of the payment. */
export type ContradictionKind =
  | 'amount' // found with an amount that is not the payment's
  | 'id' // another payment found under its id
  | 'instant' // found with a `requestedAt` that was never sent
  | 'absence' // certainly missing, though a 422 said that the processor has it
  | 'settlement' // recorded, and the ledger has it settled at another processor or instant
  | 'rejection' // recorded, and the ledger has it rejected

export interface Contradiction {
  readonly kind: ContradictionKind
  /** As the answer has it; absent where that does not tell. */
  readonly amountCents?: number
  /** As the answer has it, epoch ms; absent where nothing was found. */
  readonly requestedAt?: number
  /** The id that was found, where it is not the payment's. */
  readonly correlationId?: string
}

/** A charge that its processor may have recorded, or still may. */
export interface UnknownOutcome {
  readonly processor: ProcessorName
  /** `requestedAt` of that charge, epoch ms; null when a dead instance may have sent one. */
  readonly requestedAt: number | null
  /** Time left to its settle-by deadline, ms; 0 or less: it can no longer be recorded. */
  readonly remainingMs: number
  /** What its processor said that cannot be true; known to the instance that asked, not written. */
  readonly contradiction?: Contradiction
}

/** A payment as the ledger hands it to the instance that now owns it. */
export interface ClaimedPayment {
  readonly correlationId: string
  readonly amountCents: number
  /** Fencing token: counts how often the payment was claimed; part of each later write. */
  readonly fencingToken: number
  /** The purge count when it was claimed. If the ledger's is higher, a purge has deleted it. */
  readonly purges: number
  /** Rounds so far: series of tries that ended parked. Sets the delay in the retry queue. */
  readonly rounds: number
  /** Time since the payment was accepted, ms. */
  readonly ageMs: number
  readonly unknownOutcomes: readonly UnknownOutcome[]
  readonly attempts: readonly Attempt[]
  /** PostgreSQL's clock when it was claimed, epoch ms. */
  readonly claimedAt: number
  /** The same when it was parked last; null: never, or nobody noted it. */
  readonly parkedAt: number | null
}

/** A payment that a processor has recorded; what summaries count. */
export interface SettledPayment {
  readonly correlationId: string
  readonly processor: ProcessorName
  /** Instant inside the request that was recorded, epoch ms. */
  readonly requestedAt: number
  readonly amountCents: number
}

/** What became of a payment that an instance worked on, to be written to the ledger. */
export type Outcome = OfOwner & (SettledOutcome | RejectedOutcome | ParkedOutcome)

interface OfOwner {
  readonly fencingToken: number
  /**
   * The purge count when it was reached. If the ledger's count is higher, a purge has deleted the
   * payment.
   */
  readonly purges: number
  readonly attempts: readonly Attempt[]
}

interface SettledOutcome extends SettledPayment {
  readonly kind: 'settled'
}

interface RejectedOutcome {
  readonly kind: 'rejected'
  readonly correlationId: string
}

/** Handed back: no owner, due again after `delayMs`, any instance may claim it. */
interface ParkedOutcome {
  readonly kind: 'parked'
  readonly correlationId: string
  readonly delayMs: number
  readonly rounds: number
  readonly unknownOutcomes: readonly UnknownOutcome[]
}

/** States in which a reader can find a payment; all eight are those of its chart. */
export type PaymentState =
  | 'pending'
  | 'tryingDefault'
  | 'tryingFallback'
  | 'confirming'
  | 'retry'
  | 'settled'
  | 'rejected'
  | 'parked'

/** What a payment waits for; while a charge is under way, and once it is final, for nothing. */
export type WaitReason =
  | 'route' // in memory: for a slot and a processor that may be charged
  | 'lookUp' // in memory: for the answer of the processor that it is in doubt at
  | 'backoff' // in memory: for the next quick try
  | 'retryQueue' // in the ledger: until it is due; then for a circuit, or in doubt for a look-up
  | 'owner' // in the memory of the instance that `ownedBy` names, which knows more

/** Everything that is known of a payment, for a reader. */
export interface PaymentStatus {
  readonly correlationId: string
  readonly amountCents: number
  readonly state: PaymentState
  /** Instant of acceptance, epoch ms; undefined: no longer kept. */
  readonly acceptedAt: number | undefined
  /** Set once settled, with `requestedAt`; no longer kept of a reduced one. */
  readonly processor?: ProcessorName
  readonly requestedAt?: number
  readonly waitsFor?: WaitReason
  /** When that wait ends, ms from now; 0 or less: it is due. Absent where nobody knows. */
  readonly dueInMs?: number
  /** Processors at which it is in doubt, and for how long yet; absent when at none. */
  readonly unknownOutcomes?: readonly UnknownOutcome[]
  /** Name of the instance that works on it; absent when that instance itself answers. */
  readonly ownedBy?: string
  readonly attempts: readonly Attempt[]
  /**
   * Name of the living instance that alone knows what it has attempted since the payment is its own;
   * absent when that instance itself answers, or when nobody knows.
   */
  readonly attemptsKnownTo?: string
  /** Settled so long ago that only its id, its amount and `requestedAt` are kept. */
  readonly reduced?: true
}

/** Both ends inclusive, whole epoch ms, each optional. */
export interface TimeWindow {
  readonly from?: number
  readonly to?: number
}

export interface ProcessorTotal<Sum = number> {
  readonly payments: number
  readonly cents: Sum
}

export type Summary<Sum = number> = Readonly<Record<ProcessorName, ProcessorTotal<Sum>>>

/** However much it is. */
export type ExactSummary = Summary<Cents>
