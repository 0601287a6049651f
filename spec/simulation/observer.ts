// Observes a simulation: the trace of all that happened, and the rules that must hold at each moment.

import { createHash, type Hash } from 'node:crypto'
import type { Fact } from '../../src/actors/model/facts.ts'
import type { ClaimedPayment, ProcessorName } from '../../src/actors/model/payment.ts'
import type { Orders } from '../../src/actors/model/operator.ts'
import type { Charge, TakenOver } from '../../src/actors/model/ports.ts'
import type { Postings } from './postings.ts'
import type { Instance, InstanceObserver, SentCharge } from './instance.ts'
import { KnownOrders } from './known-orders.ts'
import { type Rule, RULES, type Violation } from './rules.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import type { RecordedPayment } from './simulated-processor.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { HttpEnd } from './worlds/http-ends.ts'
import { HiddenPayments } from './worlds/hidden-payments.ts'
import type { Oracle } from './worlds/oracle.ts'
import { SaidNever } from './worlds/said-never.ts'

export interface ObserverParts {
  readonly virtualTime: VirtualTime
  readonly trace: Trace
  readonly store: LedgerStore
  readonly postings: Postings
  readonly leaseTtlMs: number
  /** How far look-ups lag behind records at most, ms. */
  readonly lookUpLagMs: number
  /** How long nothing is believed after an answer about another payment, ms. */
  readonly mixedUpMs: number
  readonly oracle: Oracle
  /** Rules that may break without an end to the simulation. */
  readonly tolerated: ReadonlySet<Rule>
}

export class Observer implements InstanceObserver {
  /** The first of each rule, in the order in which they came. */
  readonly violations: Violation[] = []
  /** Settled by that instance under its present lease, by id. */
  readonly settledBy = new Map<Instance, Map<string, ProcessorName>>()
  /** Payments that instances which have stopped in good order still owned then. */
  readonly leftBy = new Map<Instance, readonly string[]>()
  /** When that instance was last told that the ledger has failed it, virtual ms. */
  readonly failedAt = new Map<Instance, number>()
  /** Payments of which an instance told that a processor contradicts itself, or Pit. */
  readonly contradicted = new Set<string>()
  readonly knownOrders = new KnownOrders()
  readonly saidNever: SaidNever
  readonly #leasesOf = new Map<Instance, Set<number>>()
  /** Where each id was recorded first. */
  readonly #recordedAt = new Map<string, ProcessorName>()
  #purgedAt = Number.NEGATIVE_INFINITY
  /** When PostgreSQL last went back, virtual ms. */
  #rewoundAt = Number.NEGATIVE_INFINITY
  readonly #hiddenPayments: HiddenPayments
  readonly #parts: ObserverParts

  constructor(parts: ObserverParts) {
    this.#parts = parts
    this.saidNever = new SaidNever(parts.oracle, (instance) => this.leftBy.has(instance))
    this.#hiddenPayments = new HiddenPayments({ now: parts.virtualTime.now, ...parts })
  }

  /** A broken rule ends the simulation: what follows may only be its consequence. */
  fail(rule: Rule, detail: string): void {
    const { virtualTime, trace, tolerated } = this.#parts
    const isKnown = this.violations.some((each) => each.rule === rule)
    if (isKnown || virtualTime.isStopped) return
    this.violations.push({ rule, detail, at: virtualTime.now() })
    trace.note('observer', `VIOLATION ${rule} (${RULES[rule]}): ${detail}`)
    if (!tolerated.has(rule)) virtualTime.stop()
  }

  onCall(instance: Instance, what: string): void {
    const { trace, postings, virtualTime } = this.#parts
    trace.note(instance.id, what)
    this.#noteClaims(what)
    if (what.startsWith('ledger.purge')) {
      this.#purgedAt = virtualTime.now()
      this.#parts.oracle.hasPurged = true
      postings.forget()
      this.settledBy.clear()
    }
  }

  onRewound(): void {
    this.#rewoundAt = this.#parts.virtualTime.now()
    this.#parts.oracle.hasPurged = true
    this.settledBy.clear()
  }

  #noteClaims(call: string): void {
    const { takenOver, claimed } = this.#parts.oracle
    for (const { correlationId } of claimedBy(call, IN_ORDER)) claimed.add(correlationId)
    for (const { correlationId } of claimedBy(call, IN_DOUBT)) {
      claimed.add(correlationId)
      takenOver.add(correlationId)
    }
  }

  onBroken(instance: Instance, error: unknown): void {
    this.fail('supervisorRuns', `${instance.id}: ${String(error)}`)
  }

  onStopped(instance: Instance): void {
    const leases = this.#leasesOf.get(instance)
    const { store } = this.#parts
    // A store that went back may have granted the id of its lease again. What was under an earlier
    // lease there is taken over once that has not been renewed for its length.
    const isOwn = (id: number): boolean =>
      leases?.has(id) === true &&
      (store.history.rewinds === 0 || id === instance.fence.id) &&
      (store.leases.get(id)?.instanceId ?? instance.id) === instance.id
    const owned = [...store.open.values()].filter(({ owner }) => isOwn(owner ?? 0))
    const left = owned.map(({ correlationId }) => short(correlationId))
    this.leftBy.set(instance, left)
    this.#parts.trace.note(instance.id, `has stopped, left ${left.length}`)
  }

  onOrders(instance: Instance, orders: Orders, askedAt: number): void {
    this.knownOrders.onRead(instance, { orders, askedAt, readAt: this.#parts.virtualTime.now() })
  }

  onFact(instance: Instance, fact: Fact): void {
    if (QUIET_FACTS.has(fact.type)) return
    this.#parts.trace.note(instance.id, describe(fact))
    const isWrite = fact.type === 'ledger.failed' && !READS.has(fact.operation)
    if (isWrite || fact.type === 'batch.refused') {
      this.failedAt.set(instance, this.#parts.virtualTime.now())
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
    } else if (fact.type === 'instance.doubled') {
      // No world starts one id twice at a time.
      this.fail('ownIdIsKnown', `${instance.id}: lease ${fact.otherLeaseId}`)
    } else if (fact.type === 'circuit.changed') {
      this.knownOrders.onCircuit(instance, fact.processor, fact.to)
    } else if (fact.type === 'payment.parked') {
      if (fact.doubts > 0) this.#parts.oracle.onHandedOver(fact.correlationId)
    } else if (fact.type === 'payment.contradicted') {
      this.contradicted.add(fact.correlationId)
    } else if (fact.type === 'payment.settled') {
      this.settledBy.get(instance)?.set(fact.correlationId, fact.processor)
      this.#hiddenPayments.onSettled(instance, fact.processor, fact.correlationId)
    }
  }

  /** Outcomes are written under a lease, which has to be the writer's own. */
  onRecord(instance: Instance, leaseId: number): void {
    if (this.#leasesOf.get(instance)?.has(leaseId) === true) return
    this.fail('writtenUnderOwnLease', `${instance.id} writes under lease ${leaseId}`)
  }

  /** An instance that sends holds its lease, and the payment is open and its own. */
  onSent(instance: Instance, processor: ProcessorName, charge: Charge): void {
    const { trace, store, postings, virtualTime, leaseTtlMs } = this.#parts
    const { correlationId, amountCents, requestedAt } = charge
    const what = `${short(correlationId)} ${amountCents} stamped ${requestedAt % 1e6}`
    trace.note(instance.id, `charge ${processor} ${what}`)
    const { id: leaseId } = instance.fence
    const row = store.rows.get(correlationId)
    const whose = `${instance.id} (lease ${leaseId}) sends ${short(correlationId)}`
    this.#parts.oracle.onSent(processor, correlationId)
    this.saidNever.onSent(processor, charge)
    const held = this.knownOrders.heldOpen(instance, processor, virtualTime.now())
    if (held !== undefined) this.fail('heldOpenGetsNothing', `${whose}, order ${held.command}`)
    // Under the lease that it was granted before; what it sends lands before anybody is sure.
    if (virtualTime.now() - this.#rewoundAt < leaseTtlMs) return
    if (leaseId === null || !store.isFresh(leaseId)) this.fail('sentUnderLease', whose)
    // An instance that has not yet been told of a purge goes on until it has to renew its lease.
    const mayNotKnow = virtualTime.now() - this.#purgedAt < leaseTtlMs
    if (postings.byId.get(correlationId)?.isForgotten === true && mayNotKnow) return
    const isSame = row?.processor === processor && row.requestedAt === requestedAt
    if (row === undefined) this.fail('sentIsInLedger', whose)
    // An answer to its earlier owner has settled it meanwhile, by the very request sent again here.
    else if (isSame && row.owner !== leaseId) return
    // Its owner goes by what operators have said of that answer.
    else if (this.saidNever.isToldToOthers(correlationId, instance)) return
    else if (row.state !== 'open') this.fail('sentIsOpen', `${whose}, ${row.state}`)
    else if (row.owner !== leaseId) {
      this.fail('sentByOwner', `${whose}, owned by lease ${row.owner}`)
    }
  }

  onEnded(sent: SentCharge, end: HttpEnd): void {
    this.#parts.oracle.onEnded(sent.processor, sent.charge.correlationId, end)
    this.saidNever.onEnded(sent, end)
  }

  onLookUp(instance: Instance, processor: ProcessorName, id: string): (end: HttpEnd) => void {
    const onEnd = this.#hiddenPayments.onLookUp(instance, processor, id)
    return (end) => {
      onEnd(end)
      this.saidNever.onLookedUp(instance, id, end)
    }
  }

  onRecorded(processor: ProcessorName, payment: RecordedPayment): void {
    this.#hiddenPayments.onRecorded(processor, payment)
    this.saidNever.onRecorded(processor, payment)
    const { trace, postings } = this.#parts
    const { correlationId, amountCents } = payment
    trace.note(processor, `records ${short(correlationId)}`)
    const posting = postings.byId.get(correlationId)
    if (posting === undefined || !posting.amounts.has(amountCents)) {
      this.fail('recordedWasPosted', short(correlationId))
      return
    }
    const elsewhere = this.#recordedAt.get(correlationId)
    this.#recordedAt.set(correlationId, processor)
    if (posting.isForgotten || elsewhere === undefined) return
    if (this.#parts.oracle.beyond.has(correlationId)) return
    this.fail('paidOnce', `${short(correlationId)} at ${elsewhere}, ${processor}`)
  }
}

/** Calls that claim what was handed over, and those that do not know what was sent of it. */
const IN_ORDER = ['ledger.claimDue ', 'ledger.claimParked ']
const IN_DOUBT = ['ledger.takeOver ', 'ledger.reclaim ']

/** Payments that a call has claimed, if it is one of these. */
function claimedBy(call: string, claims: readonly string[]): readonly ClaimedPayment[] {
  const claim = claims.find((each) => call.startsWith(each))
  if (claim === undefined) return []
  const taken = JSON.parse(call.slice(claim.length)) as readonly ClaimedPayment[] | TakenOver
  return 'payments' in taken ? taken.payments : taken
}

/** Operations of the ledger whose failure delays no payment. */
const READS: ReadonlySet<string> = new Set(['find', 'summarize', 'purge', 'findControl'])

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

export class Trace {
  readonly #now: () => number
  readonly #print: ((line: string) => void) | undefined
  readonly #hash: Hash = createHash('sha256')
  #pending = ''
  lines = 0

  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now
    this.#print = print
  }

  note(who: string, what: string): void {
    const line = `${this.#now().toFixed(3).padStart(10)} ${who} ${what}`
    this.lines += 1
    this.#pending += `${line}\n`
    if (this.#pending.length > 4096) this.#flush()
    this.#print?.(line)
  }

  /** Digest of all lines so far; ends the trace. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex').slice(0, 16)
  }

  #flush(): void {
    this.#hash.update(this.#pending)
    this.#pending = ''
  }
}

/** The end of an id, which tells them apart in a simulation. */
export function short(correlationId: string): string {
  return `p${Number.parseInt(correlationId.slice(24), 16)}`
}
