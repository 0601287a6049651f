// What the actors need from the world. `infra` implements these; actors know nothing else of it.

import type {
  ClaimedPayment,
  ExactSummary,
  Outcome,
  PaymentStatus,
  ProcessorName,
  SettledPayment,
  TimeWindow,
} from './payment.ts'
import type { Telemetry } from './facts.ts'
import type { CommandLedger } from './operator.ts'

/** Time. Durations and deadlines are monotonic; the wall clock is for `requestedAt` only. */
export interface Clock {
  /** Monotonic, ms, fractions allowed. */
  now(): number
  /** Wall clock, whole epoch ms. */
  wallNow(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(handle: unknown): void
}

/** Right to send and to write as the owner of payments. Shared by reference, renewed in place. */
export interface Lease {
  /** The ledger's id of this lease; another one once it was replaced. Null: none was held yet. */
  readonly id: number | null
  /** Whether the lease is held at this monotonic instant. */
  holds(now: number): boolean
}

/** One request to a processor. */
export interface Charge {
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms; stamped by the sender of the charge and never changed by the adapter. */
  readonly requestedAt: number
}

/**
 * What came of a charge:
 * - `settled`: 200 with the contract's body;
 * - `known`: 422, this processor has seen the id before;
 * - `refused`: certainly not processed (never written to the socket, refused connection, 429, or a
 *   status by which a server refuses to act);
 * - `failed`: 500, not processed unless a look-up finds it;
 * - `inDoubt`: may have been processed (timeout, reset after the request went out, cut or
 *   unreadable answer, any other status);
 * - `denied`: 400 in the form of an API, this processor will never take the payment.
 */
export interface ChargeAnswer {
  readonly kind: 'settled' | 'known' | 'refused' | 'failed' | 'inDoubt' | 'denied'
  /** Short and free of secrets and bodies: `http 500`, `timeout`, `ECONNREFUSED`. */
  readonly detail: string
  /** Whether it was refused as one too many: 429. */
  readonly isLimited?: true
}

/**
 * What `GET /payments/{id}` said:
 * - `missing`: 404 in the contract's form, without a body; whoever answers so may still be another;
 * - `failed`: no usable answer, ask again;
 * - `foreign`: an answer that the contract has not, so the processor itself did not give it.
 */
export type LookUpAnswer =
  | {
      readonly kind: 'found'
      readonly requestedAt: number
      readonly amountCents: number
      /** The id in the answer where it is not the one that was asked for. */
      readonly foreignId?: string
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly detail: string }
  | { readonly kind: 'foreign'; readonly detail: string }

/** What `GET /payments/service-health` said. */
export type ProbeAnswer =
  | { readonly kind: 'answered'; readonly failing: boolean; readonly minResponseMs: number }
  | { readonly kind: 'limited' } // 429: the permit of this window was taken
  | { readonly kind: 'failed'; readonly detail: string }

/** One processor over HTTP. Each `reply` is called exactly once, never synchronously. */
export interface Processor {
  readonly name: ProcessorName
  /** Sends at once or refuses: nothing is queued in the adapter beyond its connection set-up. */
  charge(charge: Charge, reply: (answer: ChargeAnswer) => void): void
  lookUp(correlationId: string, reply: (answer: LookUpAnswer) => void): void
  probe(): Promise<ProbeAnswer>
  close(): Promise<void>
}

export interface AcceptRequest {
  /** Lower-case UUID. */
  readonly correlationId: string
  readonly amountCents: number
}

/**
 * `known`: the same id with the same amount was there; `conflicting`: with another amount;
 * `unread`: not written by this call, and what is known of it could not be read in time.
 */
export type AcceptResult = 'accepted' | 'known' | 'conflicting' | 'unread'

/** What became of a batch. */
export interface Accepted {
  /** In the order of the batch. */
  readonly results: readonly AcceptResult[]
  /** Purges counted by the very snapshot that the batch was committed in. */
  readonly purges: number
}

export interface AcquiredLease {
  readonly leaseId: number
  /** PostgreSQL's clock, epoch ms. */
  readonly ledgerNow: number
}

export interface RenewedLease {
  /** False once another instance has revoked it. */
  readonly held: boolean
  /**
   * Purges over all instances: a purge has deleted what was accepted or claimed at a lower count.
   */
  readonly purges: number
  /** PostgreSQL's clock, epoch ms. */
  readonly ledgerNow: number
}

/** A lease that is not revoked, as one moment found it. */
export interface SeenLease {
  readonly leaseId: number
  /** Another one after each renewal. */
  readonly version: string
  /** For how long its owner takes it for held after a renewal, ms; null: an older Pit did not say. */
  readonly ttlMs: number | null
  /** Whose it is: the claimer's own, another instance's, or that of another process under its id. */
  readonly instanceId: string
}

export interface TakenOver {
  readonly payments: readonly ClaimedPayment[]
  /** All leases that were not revoked, the claimer's among them, before this call revoked any. */
  readonly leases: readonly SeenLease[]
  /** Id of the last command that operators have given; 0 without any. */
  readonly commands: number
}

/** An open payment in the ledger that has an owner. */
export interface OwnedPayment {
  readonly correlationId: string
  readonly fencingToken: number
}

/**
 * An outcome that was not written, and why:
 * - `purged`: it was reached before a purge that has deleted its payment;
 * - `fenced`: a decision about a payment that another owner has, or that is final;
 * - `settledBefore`: a settlement that the ledger has already, by the writing of another lease or by
 *   an earlier outcome of the batch;
 * - `settledOtherwise`: a settlement of a payment that is settled at another processor or instant;
 * - `rejected`: a settlement of a payment that is rejected.
 */
export interface UnwrittenOutcome {
  readonly outcome: Outcome
  readonly why: 'purged' | 'fenced' | 'settledBefore' | 'settledOtherwise' | 'rejected'
}

/**
 * The payment that a control may ask for:
 * - `found`: settled there, in the newest second in which any was;
 * - `none`: none was ever settled there, or all that were are purged;
 * - `gone`: some were settled there, and the newest are no longer among the payments, since they
 *   were moved away or deleted.
 */
export type KnownControl =
  { readonly kind: 'found'; readonly correlationId: string } | { readonly kind: 'none' | 'gone' }

/** Open payments of all instances; of many the numbers are estimates, seconds old. */
export interface OpenCount {
  readonly parked: number
  readonly owned: number
  /** Age of the oldest by PostgreSQL's clock, ms; of many, of the oldest among some; 0 without any. */
  readonly oldestMs: number
}

/**
 * PostgreSQL, the truth. Each promise settles within the adapter's bound and rejects only with
 * `LedgerUnavailable` or `LeaseLost` (model/errors.ts). Writes are atomic per call.
 */
export interface Ledger extends CommandLedger {
  /** Takes a new lease; the instance's earlier ones are left to others. */
  acquireLease(request: { instanceId: string; ttlMs: number }): Promise<AcquiredLease>
  /** Tells the others that the owner of a lease lives, unless one of them has revoked it. */
  renewLease(request: { leaseId: number; ttlMs: number }): Promise<RenewedLease>
  /** Ends a lease at once, so that what it still owns can be taken over at once. */
  releaseLease(leaseId: number): Promise<void>

  /**
   * Commits a batch, which may hold an id twice. With `parked` the payments get no owner and are
   * due at once: never sent, for any instance to claim. An empty batch writes nothing, and is refused
   * where none could be written.
   */
  accept(
    batch: readonly AcceptRequest[],
    request: { leaseId: number; parked: boolean },
  ): Promise<Accepted>
  /**
   * Writes outcomes. A settlement is proved by its processor's answer, so it is written while its
   * payment is open, whoever owns that and whether or not the lease is held. Parking and rejecting
   * are decisions of the owner: they are written only where this lease owns the payment under the
   * fencing token that the outcome names. Of a payment's outcomes in one batch its settlement
   * counts. Writing one twice changes nothing. Returns those that are not in the ledger by this lease.
   */
  record(
    outcomes: readonly Outcome[],
    request: { leaseId: number },
  ): Promise<readonly UnwrittenOutcome[]>

  /**
   * Claims parked payments that are due, oldest due first. One that is due further ahead than
   * `delayMaxMs`, the longest delay that there is, is due: PostgreSQL's clock was set back. What
   * cannot be read is left out of this and of the other claims: it stays owned by the lease, and
   * nobody works on it.
   */
  claimDue(request: {
    leaseId: number
    limit: number
    delayMaxMs: number
  }): Promise<readonly ClaimedPayment[]>
  /** Claims those of these ids that are parked, due or not. */
  claimParked(
    correlationIds: readonly string[],
    request: { leaseId: number },
  ): Promise<readonly ClaimedPayment[]>
  /** Parked payments by due time, for rebuilding the delayed queue. */
  listParked(limit: number): Promise<readonly ParkedEntry[]>
  /** Counts open payments, parked ones included. */
  countOpen(): Promise<OpenCount>
  /**
   * Revokes leases that nobody has renewed since they were seen, and claims payments of leases that
   * are revoked or unknown. Each comes back in doubt at both processors for `settleByMs` from now.
   */
  takeOver(request: {
    leaseId: number
    limit: number
    settleByMs: number
    /** As an earlier call found them. */
    expired: readonly SeenLease[]
  }): Promise<TakenOver>
  /** Open payments that this lease owns, in no order. */
  listOwned(request: { leaseId: number; limit: number }): Promise<readonly OwnedPayment[]>
  /**
   * Claims payments that this lease owns already, each under its next fencing token and if it still
   * has the one named here. They come back in doubt as those of `takeOver`.
   */
  reclaim(
    payments: readonly OwnedPayment[],
    request: { leaseId: number; settleByMs: number },
  ): Promise<readonly ClaimedPayment[]>

  /**
   * Settled payments of a window: those in the ledger plus those of `unflushed` that the same
   * snapshot holds as open with that amount. `stale` names the others in the window: written
   * meanwhile, purged, or lost by PostgreSQL and posted again with another amount.
   */
  summarize(
    window: TimeWindow,
    unflushed: readonly SettledPayment[],
  ): Promise<{ summary: ExactSummary; stale: readonly string[] }>
  /** Rejects with `DamagedPayment` as well. */
  find(correlationId: string): Promise<PaymentStatus | undefined>
  /**
   * A payment that is settled at this processor. The work is bounded whatever the ledger holds, and
   * however long ago that one was settled. What is settled and not yet written is not known here.
   */
  findControl(processor: ProcessorName): Promise<KnownControl>
  /** Forgets every payment, on behalf of all instances; `purges` counts this time too. */
  purge(): Promise<{ purges: number }>
  close(): Promise<void>
}

export interface ParkedEntry {
  readonly correlationId: string
  /** ms from now until it is due; 0 or less when it is. */
  readonly dueInMs: number
}

/** What one instance learnt of a processor by asking its health endpoint. */
export interface ProbedHealth {
  readonly failing: boolean
  readonly minResponseMs: number
  /** Age of this answer, ms. */
  readonly ageMs: number
}

/** The state of one instance's circuit, as other instances and operators can read it. */
export interface CircuitReport {
  readonly processor: ProcessorName
  readonly state: 'closed' | 'open' | 'halfOpen'
  /** Wall clock at the last change, epoch ms. */
  readonly since: number
}

/**
 * Processor health in Redis, shared by all instances. Promises reject only with
 * `CacheUnavailable`, within the adapter's bound.
 */
export interface CircuitCache {
  /** Whether this instance may ask both health endpoints now; nobody else may for `ttlMs`. */
  takeProbeLease(ttlMs: number): Promise<boolean>
  /** Kept for 60 s. */
  publishHealth(processor: ProcessorName, health: Omit<ProbedHealth, 'ageMs'>): Promise<void>
  readHealth(): Promise<Partial<Readonly<Record<ProcessorName, ProbedHealth>>>>
  /** Kept for 60 s. */
  publishCircuit(report: CircuitReport): Promise<void>
  /** By instance id. */
  readCircuits(): Promise<Readonly<Record<string, readonly CircuitReport[]>>>
}

/** Due times of parked payments in Redis: quick and bounded. The ledger has them all. */
export interface DelayedQueue {
  /** Adds entries up to its bound; what does not fit stays in the ledger only. */
  schedule(entries: readonly ParkedEntry[]): Promise<void>
  /** Takes out up to `limit` entries that are due. */
  takeDue(limit: number): Promise<readonly string[]>
  /** True once after Redis has lost its data: the caller fills it again from the ledger. */
  claimRebuild(): Promise<boolean>
}

/** Settled payments that are not yet in the ledger, shared so that every summary has them. */
export interface SettledSet {
  add(entries: readonly SettledPayment[]): Promise<void>
  remove(correlationIds: readonly string[]): Promise<void>
  read(): Promise<readonly SettledPayment[]>
  clear(): Promise<void>
}

/**
 * Which history of PostgreSQL this process talks to. After a restore or a failover PostgreSQL may
 * know less than the processors: each payment is in doubt at both then.
 */
export interface LedgerHistory {
  /** Raised each time that another history is met; what was granted or begun before is of the past. */
  readonly epoch: number
  /** Whether the ledger ever had another history: charges may be older than their payments there. */
  readonly hasChanged: boolean
  /**
   * While payments have to be asked for before they are charged: the monotonic instant, ms, until
   * which what was sent under an earlier history may land. Undefined: none has to be.
   */
  doubtUntil(now: number): number | undefined
}

/** A renewal of a lease that PostgreSQL is known to have committed, and with it all that came before. */
export interface KnownRenewal {
  readonly generation: number
  readonly systemIdentifier: string | null
  /** UUID of the process that made it. */
  readonly run: string
  /** Which one of that process it was, from 1; 0: none yet. */
  readonly count: number
}

/** The last one in Redis, for instances that start. Promises reject only with `CacheUnavailable`. */
export interface RenewalCache {
  read(): Promise<KnownRenewal | undefined>
  /** Keeps the newest generation, and of it what was published last. */
  publish(known: KnownRenewal): Promise<void>
}

/** What every long-lived actor works with. */
export interface SharedPorts {
  readonly ledger: Ledger
  readonly settledSet: SettledSet
  readonly lease: Lease
  readonly history: LedgerHistory
  readonly clock: Clock
  readonly telemetry: Telemetry
}
