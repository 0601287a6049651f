// What the simulated PostgreSQL does, each call at one instant: the same rules as the SQL.

import { LeaseLost } from '../../src/actors/model/errors.ts'
import type {
  ClaimedPayment,
  Outcome,
  PaymentStatus,
  SettledPayment,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import type {
  Accepted,
  AcceptRequest,
  AcceptResult,
  ParkedEntry,
} from '../../src/actors/model/ports.ts'
import {
  claimOf,
  doubtRows,
  doubtsOfOrphan,
  newRow,
  statusOf,
  type LeaseRow,
  type PaymentRow,
} from './ledger-rows.ts'
import { sumUp } from './ledger-sums.ts'

export class LedgerStore {
  readonly rows = new Map<string, PaymentRow>()
  /** Those of `rows` that are neither settled nor rejected. */
  readonly open = new Map<string, PaymentRow>()
  readonly leases = new Map<number, LeaseRow>()
  purges = 0
  #lastLease = 0
  readonly #now: () => number

  /** `now`: its own clock, epoch ms, fractions allowed. */
  constructor(now: () => number) {
    this.#now = now
  }

  acquireLease({ instanceId, ttlMs }: { instanceId: string; ttlMs: number }): { leaseId: number } {
    this.#lastLease += 1
    const lease = { id: this.#lastLease, instanceId, expiresAt: this.#now() + ttlMs }
    this.leases.set(lease.id, { ...lease, isRevoked: false })
    return { leaseId: lease.id }
  }

  renewLease({ leaseId, ttlMs }: { leaseId: number; ttlMs: number }): {
    held: boolean
    purges: number
  } {
    const lease = this.leases.get(leaseId)
    const held = lease !== undefined && !lease.isRevoked
    if (held) lease.expiresAt = this.#now() + ttlMs
    return { held, purges: this.purges }
  }

  releaseLease(leaseId: number): void {
    const lease = this.leases.get(leaseId)
    if (lease === undefined || lease.isRevoked) return
    lease.isRevoked = true
    lease.expiresAt = Math.min(lease.expiresAt, this.#now())
  }

  holds(leaseId: number): boolean {
    const lease = this.leases.get(leaseId)
    return lease !== undefined && !lease.isRevoked && lease.expiresAt > this.#now()
  }

  accept(
    batch: readonly AcceptRequest[],
    { leaseId, parked }: { leaseId: number; parked: boolean },
  ): Accepted {
    if (batch.length === 0) return { results: [], purges: 0 }
    this.#mustHold(leaseId, 'accept')
    const place = { now: this.#now(), owner: parked ? null : leaseId }
    const results = batch.map((request): AcceptResult => {
      const known = this.rows.get(request.correlationId)
      if (known !== undefined) {
        return known.amountCents === request.amountCents ? 'known' : 'conflicting'
      }
      const row = newRow(request, place)
      this.rows.set(row.correlationId, row)
      this.open.set(row.correlationId, row)
      return 'accepted'
    })
    return { results, purges: this.purges }
  }

  record(outcomes: readonly Outcome[], { leaseId }: { leaseId: number }): void {
    for (const outcome of outcomes) {
      const row = this.open.get(outcome.correlationId)
      if (outcome.purges !== this.purges) continue
      if (row?.owner === leaseId && row.fencingToken === outcome.fencingToken)
        this.#write(row, outcome)
    }
  }

  claimDue({ leaseId, limit }: { leaseId: number; limit: number }): readonly ClaimedPayment[] {
    this.#mustHold(leaseId, 'claimDue')
    const due = this.#parked().filter((row) => (row.dueAt ?? 0) <= this.#now())
    return this.#claim(due.slice(0, limit), leaseId)
  }

  claimParked(ids: readonly string[], { leaseId }: { leaseId: number }): readonly ClaimedPayment[] {
    if (ids.length === 0) return []
    this.#mustHold(leaseId, 'claimParked')
    const wanted = new Set(ids)
    const parked = this.#parked().filter((row) => wanted.has(row.correlationId))
    return this.#claim(parked, leaseId)
  }

  listParked(limit: number): readonly ParkedEntry[] {
    return this.#parked()
      .slice(0, limit)
      .map(({ correlationId, dueAt }) => ({ correlationId, dueInMs: (dueAt ?? 0) - this.#now() }))
  }

  countOpen(): { parked: number; owned: number } {
    const parked = this.#parked().length
    return { parked, owned: this.open.size - parked }
  }

  /** Whether anybody may claim it. */
  isDue({ owner, dueAt }: PaymentRow): boolean {
    return owner === null && (dueAt ?? 0) <= this.#now()
  }

  countDue(): number {
    return [...this.open.values()].filter((row) => this.isDue(row)).length
  }

  takeOver(request: {
    leaseId: number
    limit: number
    graceMs: number
    settleByMs: number
  }): readonly ClaimedPayment[] {
    const { leaseId, limit, graceMs, settleByMs } = request
    const now = this.#now()
    this.#mustHold(leaseId, 'takeOver')
    for (const lease of this.leases.values()) {
      if (lease.expiresAt <= now - graceMs) lease.isRevoked = true
    }
    const orphans = [...this.open.values()].filter(({ owner }) => this.#isOrphaned(owner))
    const taken = orphans.slice(0, limit).map((row) => {
      const endedAt = Math.floor(this.leases.get(row.owner ?? 0)?.expiresAt ?? now)
      row.unknownOutcomes = doubtsOfOrphan(row, endedAt + settleByMs)
      row.owner = leaseId
      row.fencingToken += 1
      return this.#claimed(row)
    })
    if (taken.length < limit) this.#dropLeases()
    return taken
  }

  summarize(
    window: TimeWindow,
    unflushed: readonly SettledPayment[],
  ): { summary: Summary; stale: readonly string[] } {
    return sumUp(this.rows, window, unflushed)
  }

  find(correlationId: string): PaymentStatus | undefined {
    const row = this.rows.get(correlationId)
    return row === undefined ? undefined : statusOf(row, this.#now())
  }

  purge(): { purges: number } {
    this.rows.clear()
    this.open.clear()
    this.purges += 1
    return { purges: this.purges }
  }

  #claimed(row: PaymentRow): ClaimedPayment {
    return claimOf(row, { now: this.#now(), purges: this.purges })
  }

  #mustHold(leaseId: number, operation: string): void {
    if (!this.holds(leaseId)) throw new LeaseLost(operation)
  }

  #isOrphaned(owner: number | null): boolean {
    return owner !== null && this.leases.get(owner)?.isRevoked !== false
  }

  /** By due time. */
  #parked(): PaymentRow[] {
    return [...this.open.values()]
      .filter((row) => row.owner === null)
      .sort((one, other) => (one.dueAt ?? 0) - (other.dueAt ?? 0) || byId(one, other))
  }

  #claim(rows: readonly PaymentRow[], leaseId: number): readonly ClaimedPayment[] {
    return rows.map((row) => {
      row.owner = leaseId
      row.fencingToken += 1
      row.dueAt = null
      return this.#claimed(row)
    })
  }

  #write(row: PaymentRow, outcome: Outcome): void {
    const now = this.#now()
    row.attempts = outcome.attempts
    row.unknownOutcomes = outcome.kind === 'parked' ? doubtRows(outcome.unknownOutcomes, now) : []
    if (outcome.kind === 'parked') {
      row.owner = null
      row.dueAt = now + Math.ceil(outcome.delayMs)
      row.rounds = outcome.rounds
      return
    }
    row.state = outcome.kind
    this.open.delete(row.correlationId)
    if (outcome.kind === 'rejected') return
    row.processor = outcome.processor
    row.requestedAt = outcome.requestedAt
  }

  #dropLeases(): void {
    const owners = new Set([...this.open.values()].map((row) => row.owner))
    for (const { id, isRevoked } of this.leases.values()) {
      if (isRevoked && !owners.has(id)) this.leases.delete(id)
    }
  }
}

function byId(one: PaymentRow, other: PaymentRow): number {
  return one.correlationId < other.correlationId ? -1 : 1
}
