// Looks on while a simulation runs: takes everything down and stops it at the first broken promise.

import type { Fact } from '../../src/actors/model/facts.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Charge } from '../../src/actors/model/ports.ts'
import { short, type History } from './history.ts'
import type { Instance, InstanceObserver } from './instance.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { Postings } from './postings.ts'
import type { RecordedPayment } from './processor-server.ts'
import { RULES, type Rule, type Violation } from './rules.ts'
import type { Scheduler } from './scheduler.ts'

export interface WatchParts {
  readonly scheduler: Scheduler
  readonly history: History
  readonly store: LedgerStore
  readonly postings: Postings
  readonly leaseTtlMs: number
  /** Rules that may break without an end to the simulation. */
  readonly tolerated: ReadonlySet<Rule>
}

export class Watch implements InstanceObserver {
  /** The first of each rule, in the order in which they came. */
  readonly violations: Violation[] = []
  /** Settled by that instance under its present lease, by id. */
  readonly settledBy = new Map<Instance, Map<string, ProcessorName>>()
  /** Payments that instances which have stopped in good order still owned then. */
  readonly leftBy = new Map<Instance, readonly string[]>()
  /** When that instance was last told that the ledger has failed it, virtual ms. */
  readonly failedAt = new Map<Instance, number>()
  readonly #leasesOf = new Map<Instance, Set<number>>()
  /** Where each id was recorded first. */
  readonly #recordedAt = new Map<string, ProcessorName>()
  #purgedAt = Number.NEGATIVE_INFINITY
  readonly #parts: WatchParts

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  /** A broken rule ends the simulation: what follows may only be its consequence. */
  fail(rule: Rule, detail: string): void {
    const { scheduler, history, tolerated } = this.#parts
    const isKnown = this.violations.some((each) => each.rule === rule)
    if (isKnown || scheduler.isStopped) return
    this.violations.push({ rule, detail, at: scheduler.now() })
    history.note('watch', `VIOLATION ${rule} (${RULES[rule]}): ${detail}`)
    if (!tolerated.has(rule)) scheduler.stop()
  }

  onCall(instance: Instance, what: string): void {
    const { history, postings, scheduler } = this.#parts
    history.note(instance.id, what)
    if (what.startsWith('ledger.purge')) {
      this.#purgedAt = scheduler.now()
      postings.forget()
      this.settledBy.clear()
    }
  }

  onBroken(instance: Instance, error: unknown): void {
    this.fail('supervisorRuns', `${instance.id}: ${String(error)}`)
  }

  onStopped(instance: Instance): void {
    const leases = this.#leasesOf.get(instance)
    const owned = [...this.#parts.store.open.values()].filter(({ owner }) =>
      leases?.has(owner ?? 0),
    )
    const left = owned.map(({ correlationId }) => short(correlationId))
    this.leftBy.set(instance, left)
    this.#parts.history.note(instance.id, `has stopped, left ${left.length}`)
  }

  onFact(instance: Instance, fact: Fact): void {
    if (QUIET_FACTS.has(fact.type)) return
    this.#parts.history.note(instance.id, describe(fact))
    if (fact.type === 'ledger.failed' || fact.type === 'batch.refused') {
      this.failedAt.set(instance, this.#parts.scheduler.now())
    }
    if (fact.type === 'child.restarted') {
      this.fail('noChildFails', `${instance.id}: ${fact.child}, ${fact.cause}`)
    } else if (fact.type === 'payment.broken') {
      this.fail('noChildFails', `${instance.id}: ${short(fact.correlationId)}, ${fact.cause}`)
    } else if (fact.type === 'drain.started' && !instance.isStopping) {
      this.fail('drainsOnlyWhenTold', `${instance.id}: ${fact.cause}`)
    } else if (fact.type === 'lease.acquired' || fact.type === 'lease.lost') {
      this.settledBy.set(instance, new Map())
      const leases = this.#leasesOf.get(instance) ?? new Set()
      this.#leasesOf.set(instance, leases.add(fact.leaseId))
    } else if (fact.type === 'payment.settled') {
      this.settledBy.get(instance)?.set(fact.correlationId, fact.processor)
    }
  }

  /** What is written is fenced by a lease, which has to be the writer's own. */
  onRecord(instance: Instance, leaseId: number): void {
    if (this.#leasesOf.get(instance)?.has(leaseId) === true) return
    this.fail('writtenUnderOwnLease', `${instance.id} writes under lease ${leaseId}`)
  }

  /** Whoever sends holds its lease, and the payment is open and its own. */
  onSent(instance: Instance, processor: ProcessorName, charge: Charge): void {
    const { history, store, postings, scheduler, leaseTtlMs } = this.#parts
    const { correlationId, amountCents, requestedAt } = charge
    const what = `${short(correlationId)} ${amountCents} stamped ${requestedAt % 1e6}`
    history.note(instance.id, `charge ${processor} ${what}`)
    const { id: leaseId } = instance.fence
    const row = store.rows.get(correlationId)
    const whose = `${instance.id} (lease ${leaseId}) sends ${short(correlationId)}`
    if (leaseId === null || !store.holds(leaseId)) this.fail('sentUnderLease', whose)
    // Whoever has not heard yet that everything is forgotten goes on until it has to renew its lease.
    const mayNotKnow = scheduler.now() - this.#purgedAt < leaseTtlMs
    if (postings.byId.get(correlationId)?.isForgotten === true && mayNotKnow) return
    if (row === undefined) this.fail('sentIsInLedger', whose)
    else if (row.state !== 'open') this.fail('sentIsOpen', `${whose}, ${row.state}`)
    else if (row.owner !== leaseId) {
      this.fail('sentByOwner', `${whose}, owned by lease ${row.owner}`)
    }
  }

  onRecorded(processor: ProcessorName, payment: RecordedPayment): void {
    const { history, postings } = this.#parts
    const { correlationId, amountCents } = payment
    history.note(processor, `records ${short(correlationId)}`)
    const posting = postings.byId.get(correlationId)
    if (posting === undefined || !posting.amounts.has(amountCents)) {
      this.fail('recordedWasPosted', short(correlationId))
      return
    }
    const elsewhere = this.#recordedAt.get(correlationId)
    this.#recordedAt.set(correlationId, processor)
    if (posting.isForgotten || elsewhere === undefined) return
    this.fail('paidOnce', `${short(correlationId)} at ${elsewhere}, ${processor}`)
  }
}

const QUIET_FACTS: ReadonlySet<Fact['type']> = new Set(['payments.measured', 'health.probed'])

function describe(fact: Fact): string {
  return Object.values(fact)
    .map((value) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value))
    .map((value) => (isId(value) ? short(value) : String(value)))
    .join(' ')
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('00000000-0000-4000-8000-')
}
