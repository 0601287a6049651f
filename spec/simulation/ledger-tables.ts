// The tables of the simulated PostgreSQL, and what is read off them: claims, statuses and sums in
// whole cents. Instants are its own clock's, epoch ms.

import type {
  Attempt,
  ClaimedPayment,
  Outcome,
  PaymentStatus,
  ProcessorName,
  SettledPayment,
  Summary,
  TimeWindow,
  UnknownOutcome,
} from '../../src/actors/model/payment.ts'
import type { KnownControl, SeenLease, UnwrittenOutcome } from '../../src/actors/model/ports.ts'

export interface PaymentRow {
  readonly correlationId: string
  readonly amountCents: number
  readonly acceptedAt: number
  state: 'open' | 'settled' | 'rejected'
  /** Lease that owns it; null while parked. */
  owner: number | null
  fencingToken: number
  rounds: number
  dueAt: number | null
  parkedAt: number | null
  unknownOutcomes: readonly UnknownOutcomeRow[]
  attempts: readonly Attempt[]
  processor: ProcessorName | null
  requestedAt: number | null
}

export interface UnknownOutcomeRow {
  readonly processor: ProcessorName
  readonly until: number
  readonly requestedAt: number | null
}

export interface LeaseRow {
  readonly id: number
  readonly instanceId: string
  /** Counts renewals. */
  version: number
  isRevoked: boolean
  readonly ttlMs: number
  /** When it will have gone unrenewed for its length, by a clock that nobody sets. */
  endsAt: number
}

export function newRow(
  request: { correlationId: string; amountCents: number },
  place: { now: number; owner: number | null },
): PaymentRow {
  const { correlationId, amountCents } = request
  const { now, owner } = place
  return {
    correlationId,
    amountCents,
    acceptedAt: now,
    state: 'open',
    owner,
    fencingToken: 0,
    rounds: 0,
    dueAt: owner === null ? now : null,
    parkedAt: null,
    unknownOutcomes: [],
    attempts: [],
    processor: null,
    requestedAt: null,
  }
}

/** The payment as the instance gets it that owns it now. */
export function claimOf(
  row: PaymentRow,
  { now, purges }: { now: number; purges: number },
): ClaimedPayment {
  const { correlationId, amountCents, fencingToken, rounds, attempts } = row
  return {
    correlationId,
    amountCents,
    fencingToken,
    purges,
    rounds,
    ageMs: now - row.acceptedAt,
    unknownOutcomes: row.unknownOutcomes.map(({ processor, until, requestedAt }) => {
      return { processor, requestedAt, remainingMs: until - Math.floor(now) }
    }),
    attempts,
    claimedAt: Math.floor(now),
    parkedAt: row.parkedAt === null ? null : Math.floor(row.parkedAt),
  }
}

/** As durations turn into instants in the tables: never earlier than they were meant. */
function unknownOutcomeRows(
  unknownOutcomes: readonly UnknownOutcome[],
  now: number,
): readonly UnknownOutcomeRow[] {
  return unknownOutcomes
    .map(({ processor, requestedAt, remainingMs }) => {
      return { processor, requestedAt, until: Math.floor(now) + Math.ceil(remainingMs) }
    })
    .sort(byProcessor)
}

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** Unknown outcomes at both processors until `until`; what was sent, if it is known, is kept. */
export function unknownOutcomesOfOrphan(
  row: PaymentRow,
  until: number,
): readonly UnknownOutcomeRow[] {
  return PROCESSORS.map((processor) => {
    const known = row.unknownOutcomes.find((unknown) => unknown.processor === processor)
    return { processor, requestedAt: known?.requestedAt ?? null, until }
  })
}

export function statusOf(row: PaymentRow, now: number): PaymentStatus {
  const { correlationId, amountCents, attempts, processor, requestedAt } = row
  const known = { correlationId, amountCents, attempts, acceptedAt: Math.floor(row.acceptedAt) }
  if (processor !== null && requestedAt !== null) {
    return { ...known, state: 'settled', processor, requestedAt }
  }
  if (row.dueAt !== null) return { ...known, state: 'parked', dueInMs: row.dueAt - now }
  return { ...known, state: row.state === 'rejected' ? 'rejected' : 'pending' }
}

/** Why a row does not have an outcome of the same purge count by this lease; undefined: it has. */
export function whyUnwritten(
  outcome: Outcome,
  row: PaymentRow | undefined,
  leaseId: number,
): UnwrittenOutcome['why'] | undefined {
  if (row === undefined) return 'purged'
  if (outcome.kind === 'parked') {
    const isParked = row.state === 'open' && row.owner === null
    return isParked && row.fencingToken === outcome.fencingToken ? undefined : 'fenced'
  }
  if (outcome.kind === 'rejected') return row.state === 'rejected' ? undefined : 'fenced'
  if (row.state !== 'settled') return 'rejected'
  const isSame = row.processor === outcome.processor && row.requestedAt === outcome.requestedAt
  if (!isSame) return 'settledOtherwise'
  return row.owner === leaseId ? undefined : 'settledBefore'
}

/** The newest that is settled there; none is ever moved away. */
export function controlAt(
  rows: ReadonlyMap<string, PaymentRow>,
  processor: ProcessorName,
): KnownControl {
  let newest: PaymentRow | undefined
  for (const row of rows.values()) {
    if (row.processor !== processor) continue
    if (newest === undefined || (row.requestedAt ?? 0) > (newest.requestedAt ?? 0)) newest = row
  }
  if (newest === undefined) return { kind: 'none' }
  return { kind: 'found', correlationId: newest.correlationId }
}

function byProcessor(one: UnknownOutcomeRow, other: UnknownOutcomeRow): number {
  return one.processor < other.processor ? -1 : 1
}

/** The settled rows of a window, and those of `unflushed` whose row is open, once each. */
export function sumUp(
  rows: ReadonlyMap<string, PaymentRow>,
  window: TimeWindow,
  unflushed: readonly SettledPayment[],
): { summary: Summary; stale: readonly string[] } {
  const stale = new Set<string>()
  const late = new Map<string, SettledPayment>()
  for (const payment of unflushed) {
    if (!isInside(window, payment.requestedAt)) continue
    const row = rows.get(payment.correlationId)
    const isOpen = row?.state === 'open' && row.amountCents === payment.amountCents
    if (isOpen) late.set(payment.correlationId, payment)
    else stale.add(payment.correlationId)
  }
  const sums = { default: { payments: 0, cents: 0 }, fallback: { payments: 0, cents: 0 } }
  const count = (processor: ProcessorName, amountCents: number): void => {
    sums[processor].payments += 1
    sums[processor].cents += amountCents
  }
  for (const { processor, requestedAt, amountCents } of rows.values()) {
    if (processor === null || requestedAt === null) continue
    if (isInside(window, requestedAt)) count(processor, amountCents)
  }
  for (const { processor, amountCents } of late.values()) count(processor, amountCents)
  return { summary: sums, stale: [...stale] }
}

/** Both ends inclusive. */
export function isInside({ from, to }: TimeWindow, instant: number): boolean {
  return (from === undefined || instant >= from) && (to === undefined || instant <= to)
}

export function writeOutcome(
  row: PaymentRow,
  outcome: Outcome,
  { leaseId, now }: { leaseId: number; now: number },
): void {
  row.attempts = outcome.attempts
  row.unknownOutcomes =
    outcome.kind === 'parked' ? unknownOutcomeRows(outcome.unknownOutcomes, now) : []
  if (outcome.kind === 'parked') {
    row.owner = null
    row.parkedAt = now
    row.dueAt = now + Math.ceil(outcome.delayMs)
    row.rounds = outcome.rounds
    return
  }
  row.state = outcome.kind
  row.owner = leaseId
  row.dueAt = null
  if (outcome.kind === 'rejected') return
  row.processor = outcome.processor
  row.requestedAt = outcome.requestedAt
}

export function seenLease({ id, version, ttlMs, instanceId }: LeaseRow): SeenLease {
  return { leaseId: id, version: String(version), ttlMs, instanceId }
}

export function byId(one: PaymentRow, other: PaymentRow): number {
  return one.correlationId < other.correlationId ? -1 : 1
}
