// What the actors tell the outside about themselves: facts for logs, totals and metrics.

import type { AccessRefusal, OrderKind, PacedKind, Scope } from './operator.ts'
import type {
  Contradiction,
  EndedOutcome,
  Outcome,
  PaymentState,
  ProcessorName,
  RouteReason,
} from './payment.ts'

export type Fact =
  | {
      readonly type: 'batch.accepted'
      readonly accepted: number
      readonly known: number
      readonly conflicting: number
      readonly parked: boolean
      /** From the start of the write to the commit, ms. */
      readonly tookMs: number
    }
  | { readonly type: 'batch.refused'; readonly payments: number; readonly cause: string }
  | {
      readonly type: 'batch.recorded'
      readonly outcomes: number
      /** By this very writing. */
      readonly settled: SettledTotals
      readonly tookMs: number
    }
  | { readonly type: 'ledger.failed'; readonly operation: string; readonly cause: string }
  /** PostgreSQL refuses these payments of one batch; their clients are answered 503. */
  | {
      readonly type: 'accept.refused'
      readonly payments: number
      /** Some of them; none where nothing says that it is about them, and not about the table. */
      readonly correlationIds: readonly string[]
      readonly sqlState: string
      /** PostgreSQL's own words. */
      readonly cause: string
    }
  /** PostgreSQL refuses this outcome by itself; it is kept aside and written again later. */
  | {
      readonly type: 'outcome.refused'
      readonly correlationId: string
      readonly outcome: Outcome['kind']
      readonly sqlState: string
      /** PostgreSQL's own words. */
      readonly cause: string
    }
  /** What the ledger holds of a payment cannot be read; nobody works on it. */
  | {
      readonly type: 'row.damaged'
      readonly operation: string
      /** Null where even that cannot be read. */
      readonly correlationId: string | null
      readonly cause: string
    }
  /** So many were refused that this one is no longer kept: whoever takes its payment over asks. */
  | { readonly type: 'outcome.forgotten'; readonly correlationId: string }
  /**
   * Any end that `payment.settled` does not report: also a settlement whose payment has left this
   * instance.
   */
  | {
      readonly type: 'attempt.ended'
      readonly correlationId: string
      readonly processor: ProcessorName
      readonly outcome: EndedOutcome
      readonly reason: RouteReason
      readonly detail: string
      readonly tookMs: number
      /** One of a run of answers that a payment is known, which counts against the processor. */
      readonly failsProcessor?: true
    }
  | {
      readonly type: 'payment.settled'
      readonly correlationId: string
      readonly processor: ProcessorName
      readonly amountCents: number
      /** From acceptance to settlement, ms. */
      readonly tookMs: number
      /**
       * How long the attempt took that settled it, ms; no `attempt.ended` is emitted for that one.
       * Absent when a look-up found it settled: that attempt had ended before, in doubt.
       */
      readonly attemptTookMs?: number
    }
  | {
      readonly type: 'payment.rejected'
      readonly correlationId: string
      /** The processor that denied it last; the other one had before. */
      readonly processor: ProcessorName
      readonly detail: string
    }
  | {
      readonly type: 'payment.parked'
      readonly correlationId: string
      readonly delayMs: number
      readonly doubts: number
    }
  /**
   * Two answers about one payment, of which only one can be true: a person has to look. Of a
   * look-up it is told once while the payment stays in memory.
   */
  | {
      readonly type: 'payment.contradicted'
      readonly correlationId: string
      /** The one that gave the later answer. */
      readonly processor: ProcessorName
      /** The payment's own. */
      readonly amountCents: number
      readonly contradiction: Contradiction
    }
  /**
   * A processor does not find what was settled there: it was emptied, or somebody else answers. Until
   * it finds what is settled there later, payments in doubt there end only by being found.
   */
  | {
      readonly type: 'control.missing'
      readonly processor: ProcessorName
      readonly correlationId: string
    }
  /**
   * A look-up, or a control, had no answer that says anything about a payment; those that do not end
   * keep payments in doubt.
   */
  | {
      readonly type: 'lookUp.failed'
      readonly processor: ProcessorName
      readonly correlationId: string
      /** Such as `http 403`, `timeout` or `unreadable answer`. */
      readonly detail: string
    }
  /** A bug ended its actor. */
  | {
      readonly type: 'payment.broken'
      readonly correlationId: string
      readonly cause: string
      readonly error: unknown
    }
  | {
      readonly type: 'circuit.changed'
      readonly processor: ProcessorName
      readonly from: string
      readonly to: 'closed' | 'open' | 'halfOpen' | 'heldOpen' | 'heldClosed'
      /** Where attempts open it, with what the latest of them said. */
      readonly cause: string
    }
  | {
      readonly type: 'health.probed'
      readonly processor: ProcessorName
      readonly failing: boolean
      readonly minResponseMs: number
    }
  /** What the processor says of itself has changed. */
  | {
      readonly type: 'health.changed'
      readonly processor: ProcessorName
      readonly failing: boolean
      readonly minResponseMs: number
    }
  /** It answers nothing; told with each charge that is sent to see whether that has ended. */
  | { readonly type: 'processor.silent'; readonly processor: ProcessorName; readonly forMs: number }
  | { readonly type: 'health.unknown'; readonly processor: ProcessorName; readonly cause: string }
  | { readonly type: 'payments.claimed'; readonly payments: number; readonly from: ClaimSource }
  | { readonly type: 'lease.acquired'; readonly leaseId: number }
  | { readonly type: 'lease.lost'; readonly leaseId: number }
  /** Another process with this instance's id renews a lease; told once a minute at most. */
  | { readonly type: 'instance.doubled'; readonly leaseId: number; readonly otherLeaseId: number }
  /**
   * A clock was set, or stood still while its machine was suspended: the time of day of this
   * instance's machine or of PostgreSQL's, measured against the monotonic clock here.
   */
  | { readonly type: 'clock.stepped'; readonly clock: SteppedClock; readonly byMs: number }
  /** PostgreSQL was restored, or failed over: it may know less than the processors. */
  | ({ readonly type: 'history.changed' } & HistoryChange)
  | {
      readonly type: 'payments.archived'
      readonly payments: number
      readonly tookMs: number
      /** Age of the oldest settled payment that is left in the hot tables, ms; 0 without any. */
      readonly oldestMs: number
    }
  /** What was too old to keep is gone for good. */
  | {
      readonly type: 'archive.dropped'
      readonly table: string
      readonly partitions: number
      /** Names of the first and the last of them; each has its days in it. */
      readonly oldest: string
      readonly youngest: string
    }
  /** A pass of the archiver was broken off; the next one goes on. */
  | { readonly type: 'archive.waiting'; readonly reason: string }
  | { readonly type: 'payments.purged' }
  /** Answered before their commit and, at the end of this instance, not committed. */
  | { readonly type: 'payments.lost'; readonly payments: number }
  | { readonly type: 'payments.measured'; readonly gauges: Gauges }
  /** A bug ended a child of the supervisor, and another one takes its place. */
  | {
      readonly type: 'child.restarted'
      readonly child: string
      readonly cause: string
      readonly error: unknown
    }
  | {
      readonly type: 'drain.started'
      readonly cause: string
      /** The operator's command that asked for it; absent: none did. */
      readonly command?: number
      /** The child whose bug it is; absent when the stop was asked for. */
      readonly bug?: { readonly child: string; readonly error: unknown }
    }
  | { readonly type: 'drain.ended' }
  /** An operator has ordered something, over this instance. */
  | {
      readonly type: 'command.given'
      readonly id: number
      readonly kind: OrderKind | PacedKind
      readonly by: string
      readonly via: string
      readonly reason: string
    }
  | { readonly type: 'operator.signedIn'; readonly by: string; readonly scope: Scope }
  | {
      readonly type: 'access.refused'
      readonly why: AccessRefusal
      /** Null: nobody that is known. */
      readonly by: string | null
    }

export type SettledTotals = Readonly<
  Record<ProcessorName, { readonly payments: number; readonly cents: number }>
>

/** Where claimed payments came from. */
export type ClaimSource = 'retryQueue' | 'takeover' | 'strays'

export type SteppedClock = 'instance' | 'ledger'

/** What a server says of itself. What it does not tell is null, and is not compared. */
export interface ServerFacts {
  readonly systemIdentifier: string | null
  readonly timeline: number | null
  /** The database and its table of payments, by ids that a dump which is read in makes anew. */
  readonly tables: string | null
}

export interface HistoryChange {
  readonly from: ServerFacts
  readonly to: ServerFacts
  /** Renewals of a lease that it was known to have and has not; one comes each second. */
  readonly renewalsLost: number
}

/** What this instance holds in memory at one moment; counts of payments. */
export interface Gauges {
  readonly ready: number
  readonly inFlight: Readonly<Record<ProcessorName, number>>
  readonly byState: Readonly<Partial<Record<PaymentState, number>>>
}

/** Takes facts; must be quick and must not throw. */
export interface Telemetry {
  emit(fact: Fact): void
}

/** Kinds of failures that are counted at once; the one that was met longest ago goes first. */
export const FAILURE_KINDS_MAX = 16

/** Longest detail that is kept, characters; `http 404` and names of errors are shorter. */
const DETAIL_LENGTH_MAX = 40

/** Counts a failed attempt by its detail; those that were met latest stand last. */
export function noteFailure(counts: Map<string, number>, detail: string): void {
  const kind = detail.slice(0, DETAIL_LENGTH_MAX)
  const count = counts.get(kind) ?? 0
  counts.delete(kind)
  const [oldest] = counts.size < FAILURE_KINDS_MAX ? [] : counts.keys()
  if (oldest !== undefined) counts.delete(oldest)
  counts.set(kind, count + 1)
}

/** Kinds of failures that are told by name. */
const KINDS_TOLD_MAX = 3

/** Such as `http 404 (9), timeout (1)`: the commonest first, of equals the latest. */
export function failuresInWords(counts: ReadonlyMap<string, number>): string {
  const kinds = [...counts].toReversed().toSorted(([, one], [, other]) => other - one)
  const others = kinds.slice(KINDS_TOLD_MAX).reduce((sum, [, count]) => sum + count, 0)
  const told = kinds.slice(0, KINDS_TOLD_MAX)
  if (others > 0) told.push(['others', others])
  return told.map(([kind, count]) => `${kind} (${count})`).join(', ')
}
