// What the metrics count, in plain numbers: fed by the telemetry's facts as they happen.

import type {
  ClaimSource,
  Fact,
  Gauges,
  SettledTotals,
  SteppedClock,
} from '../../actors/model/facts.ts'
import type { ContradictionKind, EndedOutcome, ProcessorName } from '../../actors/model/payment.ts'
import type { AccessRefusal, OrderKind, PacedKind } from '../../actors/model/operator.ts'
import { BucketTally } from './histogram.ts'

export type ByProcessor<Value> = Record<ProcessorName, Value>

export type CircuitState = Extract<Fact, { type: 'circuit.changed' }>['to']

/** Since the start of the process, where nothing else is said. Durations in seconds. */
export interface Tallies {
  accepted: number
  known: number
  conflicting: number
  parked: number
  broken: number
  /** Each time that PostgreSQL refused a payment, and an outcome, by itself. */
  acceptsRefused: number
  outcomesRefused: number
  /** Each time that a payment's row could not be read. */
  rowsDamaged: number
  /** By this instance. */
  archived: number
  archiveWaits: number
  /** Age of the oldest settled payment in the hot tables at the end of this instance's last pass. */
  oldestSettledSeconds: number | undefined
  leasesLost: number
  /** Minutes in which another process had this instance's id. */
  doubled: number
  /** Times that PostgreSQL was restored or failed over, as far as it was noticed here. */
  historyChanges: number
  /** Given over this instance. */
  readonly commands: Record<OrderKind | PacedKind, number>
  /** Requests to the operators' port that were not carried out. */
  readonly accessRefused: Record<AccessRefusal, number>
  /** Steps and suspends, by whose clock. */
  readonly clockSteps: Record<SteppedClock, number>
  readonly claimed: Record<ClaimSource, number>
  readonly processors: ByProcessor<ProcessorTally>
  /** By the name of the operation that failed. */
  readonly ledgerFailures: Map<string, number>
  /** By the name of the child. */
  readonly restarts: Map<string, number>
  /** As the payments' parent measured it last, once a second. */
  gauges: Gauges
  readonly acceptSeconds: BucketTally
  readonly commits: Readonly<Record<'accept' | 'outcome', CommitTally>>
}

export interface ProcessorTally {
  settled: number
  settledCents: number
  rejected: number
  readonly attempts: Record<EndedOutcome, number>
  readonly contradictions: Record<ContradictionKind, number>
  /** Minutes in which it did not find what was settled there. */
  controlsMissing: number
  /** Look-ups and controls whose answer said nothing about a payment. */
  lookUpsFailed: number
  readonly attemptSeconds: BucketTally
  readonly settlementSeconds: BucketTally
  circuit: CircuitState
  readonly circuitChanges: Record<CircuitState, number>
  /** As it last said itself; undefined before it did. */
  announced: { readonly failing: boolean; readonly minResponseMs: number } | undefined
}

export interface CommitTally {
  readonly payments: BucketTally
  readonly seconds: BucketTally
}

export function createTallies(): Tallies {
  return {
    accepted: 0,
    known: 0,
    conflicting: 0,
    parked: 0,
    broken: 0,
    acceptsRefused: 0,
    outcomesRefused: 0,
    rowsDamaged: 0,
    archived: 0,
    archiveWaits: 0,
    oldestSettledSeconds: undefined,
    leasesLost: 0,
    doubled: 0,
    historyChanges: 0,
    commands: { pause: 0, resume: 0, hold: 0, drain: 0, resolve: 0, lookUp: 0, redrive: 0 },
    accessRefused: { foreign: 0, noKey: 0, unknownKey: 0, scope: 0, stale: 0 },
    clockSteps: { instance: 0, ledger: 0 },
    claimed: { retryQueue: 0, takeover: 0, strays: 0 },
    processors: { default: processorTally(), fallback: processorTally() },
    ledgerFailures: new Map(OPERATIONS.map((name) => [name, 0])),
    restarts: new Map(),
    gauges: { ready: 0, inFlight: { default: 0, fallback: 0 }, byState: {} },
    acceptSeconds: new BucketTally(ACCEPT_BOUNDS_S),
    commits: { accept: commitTally(), outcome: commitTally() },
  }
}

/** What instances do by themselves: an increase is only seen of a series that was there before. */
const OPERATIONS = ['accept', 'record', 'claimDue', 'takeOver', 'strays', 'lease']

/** Counts one fact; those that no metric is about are passed over. */
export function countFact(tallies: Tallies, fact: Fact): void {
  switch (fact.type) {
    case 'payment.settled':
      countSettlement(tallies.processors[fact.processor], fact)
      break
    case 'batch.accepted':
      tallies.accepted += fact.accepted
      tallies.known += fact.known
      tallies.conflicting += fact.conflicting
      countCommit(tallies.commits.accept, {
        payments: fact.accepted + fact.known + fact.conflicting,
        tookMs: fact.tookMs,
      })
      break
    case 'batch.recorded':
      countSettled(tallies.processors, fact.settled)
      countCommit(tallies.commits.outcome, { payments: fact.outcomes, tookMs: fact.tookMs })
      break
    case 'attempt.ended':
      countAttempt(tallies.processors[fact.processor], fact.outcome, fact.tookMs)
      break
    case 'lookUp.failed':
      tallies.processors[fact.processor].lookUpsFailed += 1
      break
    case 'payments.measured':
      tallies.gauges = fact.gauges
      break
    default:
      countRare(tallies, fact)
  }
}

function countRare(tallies: Tallies, fact: Fact): void {
  switch (fact.type) {
    case 'payment.parked':
      tallies.parked += 1
      break
    case 'history.changed':
      tallies.historyChanges += 1
      break
    case 'payment.rejected':
      tallies.processors[fact.processor].rejected += 1
      break
    case 'payment.contradicted':
      tallies.processors[fact.processor].contradictions[fact.contradiction.kind] += 1
      break
    case 'control.missing':
      tallies.processors[fact.processor].controlsMissing += 1
      break
    case 'payment.broken':
      tallies.broken += 1
      break
    case 'payments.claimed':
      tallies.claimed[fact.from] += fact.payments
      break
    case 'circuit.changed':
      tallies.processors[fact.processor].circuit = fact.to
      tallies.processors[fact.processor].circuitChanges[fact.to] += 1
      break
    case 'health.probed':
      tallies.processors[fact.processor].announced = fact
      break
    case 'batch.refused':
      countNamed(tallies.ledgerFailures, 'accept')
      break
    case 'ledger.failed':
      countNamed(tallies.ledgerFailures, fact.operation)
      break
    case 'payments.archived':
      tallies.archived += fact.payments
      tallies.oldestSettledSeconds = fact.oldestMs / 1000
      break
    case 'archive.waiting':
      tallies.archiveWaits += 1
      break
    case 'accept.refused':
      tallies.acceptsRefused += fact.payments
      break
    case 'outcome.refused':
      tallies.outcomesRefused += 1
      break
    case 'row.damaged':
      tallies.rowsDamaged += 1
      break
    case 'child.restarted':
      countNamed(tallies.restarts, fact.child)
      break
    default:
      countStanding(tallies, fact)
  }
}

/** What becomes of the lease, and of those who come to the operators' port. */
function countStanding(tallies: Tallies, fact: Fact): void {
  switch (fact.type) {
    case 'command.given':
      tallies.commands[fact.kind] += 1
      break
    case 'access.refused':
      tallies.accessRefused[fact.why] += 1
      break
    case 'clock.stepped':
      tallies.clockSteps[fact.clock] += 1
      break
    case 'instance.doubled':
      tallies.doubled += 1
      break
    case 'lease.lost':
      tallies.leasesLost += 1
      break
    default:
  }
}

function countSettled(tallies: ByProcessor<ProcessorTally>, settled: SettledTotals): void {
  for (const processor of ['default', 'fallback'] as const) {
    tallies[processor].settled += settled[processor].payments
    tallies[processor].settledCents += settled[processor].cents
  }
}

function countSettlement(
  tally: ProcessorTally,
  fact: Extract<Fact, { type: 'payment.settled' }>,
): void {
  tally.settlementSeconds.record(fact.tookMs / 1000)
  if (fact.attemptTookMs !== undefined) countAttempt(tally, 'settled', fact.attemptTookMs)
}

function countAttempt(tally: ProcessorTally, outcome: EndedOutcome, tookMs: number): void {
  tally.attempts[outcome] += 1
  tally.attemptSeconds.record(tookMs / 1000)
}

function countCommit(tally: CommitTally, commit: { payments: number; tookMs: number }): void {
  tally.payments.record(commit.payments)
  tally.seconds.record(commit.tookMs / 1000)
}

function countNamed(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function processorTally(): ProcessorTally {
  return {
    settled: 0,
    settledCents: 0,
    rejected: 0,
    contradictions: { amount: 0, id: 0, instant: 0, absence: 0, settlement: 0, rejection: 0 },
    controlsMissing: 0,
    lookUpsFailed: 0,
    attempts: { settled: 0, refused: 0, failed: 0, known: 0, inDoubt: 0, denied: 0 },
    attemptSeconds: new BucketTally(ATTEMPT_BOUNDS_S),
    settlementSeconds: new BucketTally(SETTLEMENT_BOUNDS_S),
    circuit: 'closed',
    circuitChanges: { closed: 0, open: 0, halfOpen: 0, heldOpen: 0, heldClosed: 0 },
    announced: undefined,
  }
}

function commitTally(): CommitTally {
  return {
    payments: new BucketTally(BATCH_BOUNDS),
    seconds: new BucketTally(COMMIT_BOUNDS_S),
  }
}

const ACCEPT_BOUNDS_S = [
  0.00025, 0.0005, 0.00075, 0.001, 0.00125, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025,
  0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

const ATTEMPT_BOUNDS_S = [
  0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
]

// They reach from what a quick processor takes to an outage of hours.
const SETTLEMENT_BOUNDS_S = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 300, 1800, 7200,
]

const COMMIT_BOUNDS_S = [
  0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
