// The simulated PostgreSQL: what it does, each call at one instant, by the same rules as the SQL.

import { LeaseLost } from '../../src/actors/model/errors.ts'
import type {
  ClaimedPayment,
  Outcome,
  PaymentStatus,
  ProcessorName,
  SettledPayment,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import type {
  Accepted,
  AcceptRequest,
  AcquiredLease,
  AcceptResult,
  KnownControl,
  OpenCount,
  OwnedPayment,
  ParkedEntry,
  RenewedLease,
  SeenLease,
  TakenOver,
  UnwrittenOutcome,
} from '../../src/actors/model/ports.ts'
import { HistoryTable, type RewindKind, type SavedHistory } from './history-table.ts'
import { CommandTable } from './simulated-commands.ts'
import {
  byId,
  claimOf,
  controlAt,
  unknownOutcomesOfOrphan,
  type LeaseRow,
  newRow,
  type PaymentRow,
  seenLease,
  statusOf,
  sumUp,
  whyUnwritten,
  writeOutcome,
} from './ledger-tables.ts'

export interface SavedStore {
  readonly rows: readonly PaymentRow[]
  readonly leases: readonly LeaseRow[]
  readonly purges: number
  readonly lastLease: number
  readonly history: SavedHistory
  readonly renewals: ReadonlyMap<string, number>
  readonly commands: CommandTable['rows']
}

export class LedgerStore {
  readonly rows = new Map<string, PaymentRow>()
  /** Those of `rows` that are neither settled nor rejected. */
  readonly open = new Map<string, PaymentRow>()
  readonly leases = new Map<number, LeaseRow>()
  readonly commands: CommandTable
  readonly history: HistoryTable
  purges = 0
  /** Renewals by the run that made them. */
  readonly renewals = new Map<string, number>()
  #lastLease = 0
  readonly #now: () => number
  readonly #trueNow: () => number

  /**
   * `now`: its own clock, epoch ms, fractions allowed. `trueNow`: one that is never set, for those
   * who check what instances do.
   */
  constructor(now: () => number, trueNow: () => number) {
    this.#now = now
    this.commands = new CommandTable(now)
    this.history = new HistoryTable(now)
    this.#trueNow = trueNow
  }

  acquireLease({ instanceId, ttlMs }: { instanceId: string; ttlMs: number }): AcquiredLease {
    this.#lastLease += 1
    const lease = { id: this.#lastLease, instanceId, version: 0, isRevoked: false, ttlMs }
    this.leases.set(lease.id, { ...lease, endsAt: this.#trueNow() + ttlMs })
    return { leaseId: lease.id, ledgerNow: Math.floor(this.#now()) }
  }

  renewLease({ leaseId, ttlMs }: { leaseId: number; ttlMs: number }): RenewedLease {
    const lease = this.leases.get(leaseId)
    const held = lease !== undefined && !lease.isRevoked
    if (held) {
      lease.version += 1
      lease.endsAt = this.#trueNow() + ttlMs
    }
    return { held, purges: this.purges, ledgerNow: Math.floor(this.#now()) }
  }

  countRenewal(run: string): { generation: number; count: number } {
    const count = (this.renewals.get(run) ?? 0) + 1
    this.renewals.set(run, count)
    return { ...this.unrenewed, count }
  }

  /** What a renewal that nothing was granted to has seen. */
  get unrenewed(): { generation: number; count: null } {
    return { generation: this.history.generation, count: null }
  }

  releaseLease(leaseId: number): void {
    const lease = this.leases.get(leaseId)
    if (lease !== undefined) lease.isRevoked = true
  }

  /** Whether writes under it are taken. */
  holds(leaseId: number): boolean {
    return this.leases.get(leaseId)?.isRevoked === false
  }

  /** Whether it is held and was renewed within its length, by no clock that can be set. */
  isFresh(leaseId: number): boolean {
    const lease = this.leases.get(leaseId)
    return lease?.isRevoked === false && lease.endsAt > this.#trueNow()
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

  record(
    outcomes: readonly Outcome[],
    { leaseId }: { leaseId: number },
  ): readonly UnwrittenOutcome[] {
    const isSettled = ({ kind }: Outcome): boolean => kind === 'settled'
    const settledFirst = [...outcomes].sort(
      (one, other) => Number(isSettled(other)) - Number(isSettled(one)),
    )
    for (const outcome of settledFirst) {
      const row = this.open.get(outcome.correlationId)
      if (row === undefined || outcome.purges !== this.purges) continue
      const isOwn = row.owner === leaseId && row.fencingToken === outcome.fencingToken
      if (isOwn || isSettled(outcome)) this.#write(row, outcome, leaseId)
    }
    const had = new Set<string>()
    return outcomes.flatMap((outcome): readonly UnwrittenOutcome[] => {
      const { correlationId } = outcome
      const why =
        outcome.purges === this.purges
          ? whyUnwritten(outcome, this.rows.get(correlationId), leaseId)
          : 'purged'
      if (why !== undefined) return [{ outcome, why }]
      if (!isSettled(outcome)) return []
      if (had.has(correlationId)) return [{ outcome, why: 'settledBefore' }]
      had.add(correlationId)
      return []
    })
  }

  claimDue(request: {
    leaseId: number
    limit: number
    delayMaxMs: number
  }): readonly ClaimedPayment[] {
    const { leaseId, limit, delayMaxMs } = request
    this.#mustHold(leaseId, 'claimDue')
    const now = this.#now()
    const isDue = ({ dueAt }: PaymentRow): boolean =>
      (dueAt ?? 0) <= now || (dueAt ?? 0) > now + delayMaxMs
    return this.#claim(this.#parked().filter(isDue).slice(0, limit), leaseId)
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

  countOpen(): OpenCount {
    const parked = this.#parked().length
    const ages = [...this.open.values()].map(({ acceptedAt }) => this.#now() - acceptedAt)
    return { parked, owned: this.open.size - parked, oldestMs: Math.max(0, ...ages) }
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
    settleByMs: number
    expired: readonly SeenLease[]
  }): TakenOver {
    const { leaseId, limit, settleByMs, expired } = request
    this.#mustHold(leaseId, 'takeOver')
    const living = [...this.leases.values()].filter(({ isRevoked }) => !isRevoked)
    const leases = living.map(seenLease)
    for (const seen of expired) {
      const lease = this.leases.get(seen.leaseId)
      if (String(lease?.version) === seen.version && lease !== undefined) lease.isRevoked = true
    }
    const orphans = [...this.open.values()].filter(({ owner }) => this.#isOrphaned(owner))
    const payments = this.#claimInDoubt(orphans.slice(0, limit), { leaseId, settleByMs })
    if (payments.length < limit) this.#dropLeases()
    return { payments, leases, commands: this.commands.last }
  }

  listOwned({ leaseId, limit }: { leaseId: number; limit: number }): readonly OwnedPayment[] {
    const owned = [...this.open.values()].filter(({ owner }) => owner === leaseId)
    return owned.slice(0, limit).map(({ correlationId, fencingToken }) => {
      return { correlationId, fencingToken }
    })
  }

  reclaim(
    payments: readonly OwnedPayment[],
    request: { leaseId: number; settleByMs: number },
  ): readonly ClaimedPayment[] {
    this.#mustHold(request.leaseId, 'reclaim')
    const rows = payments.flatMap(({ correlationId, fencingToken }) => {
      const row = this.open.get(correlationId)
      const isSame = row?.owner === request.leaseId && row.fencingToken === fencingToken
      return isSame ? [row] : []
    })
    return this.#claimInDoubt(rows, request)
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

  findControl(processor: ProcessorName): KnownControl {
    return controlAt(this.rows, processor)
  }

  purge(): { purges: number } {
    this.rows.clear()
    this.open.clear()
    this.purges += 1
    return { purges: this.purges }
  }

  /** All that is committed at this moment. */
  save(): SavedStore {
    return {
      rows: [...this.rows.values()].map((row) => ({ ...row })),
      leases: [...this.leases.values()].map((lease) => ({ ...lease })),
      purges: this.purges,
      lastLease: this.#lastLease,
      history: this.history.save(),
      renewals: new Map(this.renewals),
      commands: this.commands.rows,
    }
  }

  /** Knows nothing that was committed later; ids of leases are granted again. */
  rewindTo(saved: SavedStore, how: RewindKind): void {
    this.rows.clear()
    this.open.clear()
    this.leases.clear()
    for (const row of saved.rows) {
      const copy = { ...row }
      this.rows.set(row.correlationId, copy)
      if (row.state === 'open') this.open.set(row.correlationId, copy)
    }
    for (const lease of saved.leases) this.leases.set(lease.id, { ...lease })
    this.purges = saved.purges
    this.#lastLease = saved.lastLease
    this.history.rewindTo(saved.history, how)
    this.commands.rows = saved.commands
    this.renewals.clear()
    for (const [run, count] of saved.renewals) this.renewals.set(run, count)
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

  #claimInDoubt(
    rows: readonly PaymentRow[],
    { leaseId, settleByMs }: { leaseId: number; settleByMs: number },
  ): readonly ClaimedPayment[] {
    const until = Math.floor(this.#now()) + settleByMs
    return rows.map((row) => {
      row.unknownOutcomes = unknownOutcomesOfOrphan(row, until)
      row.owner = leaseId
      row.fencingToken += 1
      return this.#claimed(row)
    })
  }

  #write(row: PaymentRow, outcome: Outcome, leaseId: number): void {
    writeOutcome(row, outcome, { leaseId, now: this.#now() })
    if (row.state !== 'open') this.open.delete(row.correlationId)
  }

  #dropLeases(): void {
    const owners = new Set([...this.open.values()].map((row) => row.owner))
    for (const { id, isRevoked } of this.leases.values()) {
      if (isRevoked && !owners.has(id)) this.leases.delete(id)
    }
  }
}
