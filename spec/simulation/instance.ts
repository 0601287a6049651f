// One simulated Pit process: the real actors on a clock, a ledger, caches and processors of its own,
// and what a spec may put in the place of its parts.

import type { EdgeRequest } from '../../src/actors/messages.ts'
import type { Fact } from '../../src/actors/model/facts.ts'
import type { CommandRow, NewCommand, Orders } from '../../src/actors/model/operator.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { HistoryWatch } from '../../src/actors/model/ledger-history.ts'
import type {
  Charge,
  Clock,
  Ledger,
  LedgerHistory,
  Processor,
} from '../../src/actors/model/ports.ts'
import { outlasting } from '../../src/actors/model/settings.ts'
import { LeaseFence } from '../../src/actors/ownership/fence.ts'
import { capacityForClaims } from '../../src/actors/payments/capacity.ts'
import type { PaymentsSnapshot } from '../../src/actors/payments/payments.ts'
import {
  createSupervisor,
  type PitParts,
  type SupervisorActor,
} from '../../src/actors/supervisor/supervisor.ts'
import type { Chance, Span } from './chance.ts'
import type { Plan } from './plan.ts'
import { longestLeaseMs, type Settings } from './settings.ts'
import { createSimulatedLedger, type LedgerClientParts } from './simulated-ledger.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import {
  type CalledProcessor,
  createSimulatedProcessor,
  type Misread,
} from './simulated-processor.ts'
import { type CacheStore, createSimulatedCaches } from './simulated-redis.ts'
import type { SimulatedServer } from './simulated-server.ts'
import { Gate, type VirtualTime } from './virtual-time.ts'
import { MachineClock, type WallClock } from './wall-clock.ts'
import { reachedBy } from './worlds/cut-off.ts'
import type { HttpEnd, Reply } from './worlds/http-ends.ts'

/** What all instances share. */
export interface SharedWorld {
  readonly virtualTime: VirtualTime
  readonly chance: Chance
  readonly settings: Settings
  readonly planted: Planted
  readonly ledgerStore: LedgerStore
  readonly ledgerService: SimulatedServer
  readonly ledgerClock: WallClock
  readonly poisoned: ReadonlySet<string>
  readonly cacheStore: CacheStore
  readonly cacheService: SimulatedServer
  /** The processors as instances reach them. */
  readonly proxies: Readonly<Record<ProcessorName, CalledProcessor>>
  readonly observer: InstanceObserver
  /** What comes back for its requests where it does not reach that processor. */
  cutNow(instance: Instance, name: ProcessorName): Reply | undefined
  /** Whether an instance of this id has a lease of the longest length. */
  hasLongLease(id: string): boolean
}

/** A charge, and who has sent it where. */
export interface SentCharge {
  readonly instance: Instance
  readonly processor: ProcessorName
  readonly charge: Charge
}

/** Told what an instance does. */
export interface InstanceObserver {
  onFact(instance: Instance, fact: Fact): void
  onSent(instance: Instance, processor: ProcessorName, charge: Charge): void
  onEnded(sent: SentCharge, end: HttpEnd): void
  onLookUp(instance: Instance, processor: ProcessorName, id: string): (end: HttpEnd) => void
  onCall(instance: Instance, what: string): void
  onRecord(instance: Instance, leaseId: number): void
  /** It has been told what stands; it asked at that moment, virtual ms. */
  onOrders(instance: Instance, orders: Orders, askedAt: number): void
  /** It has stopped as it was asked to. */
  onStopped(instance: Instance): void
  onBroken(instance: Instance, error: unknown): void
}

/** What is registered as `payments` in an actor system. */
interface PaymentsActor {
  getSnapshot(): PaymentsSnapshot
}

export class Instance {
  readonly id: string
  readonly gate: Gate
  readonly fence: LeaseFence
  /** The clock of the machine that it runs on. */
  readonly clock: MachineClock
  /** Set once it has been asked to stop. */
  isStopping = false
  readonly #supervisor: SupervisorActor
  readonly #ledger: Ledger
  readonly #planted: Planted

  constructor(id: string, shared: SharedWorld) {
    this.id = id
    this.#planted = shared.planted
    this.gate = new Gate(shared.virtualTime, shared.chance)
    this.clock = clockOf(shared, this.gate)
    const clock = shared.planted.clock?.(this.clock, shared.ledgerClock) ?? this.clock
    this.fence = shared.planted.fence?.(clock) ?? new LeaseFence(clock)
    const parts = this.#assemble(shared, clock)
    this.#ledger = parts.ports.ledger
    this.#supervisor = createSupervisor(parts)
    this.#supervisor.subscribe({
      // As a bug does: it ends the process.
      error: (error) => {
        this.gate.kill()
        shared.observer.onBroken(this, error)
      },
      complete: () => {
        this.gate.kill()
        shared.observer.onStopped(this)
      },
    })
  }

  start(): void {
    this.#supervisor.start()
  }

  send(request: EdgeRequest): void {
    this.gate.enter(() => this.#supervisor.send(this.#planted.edge?.(request) ?? request))
  }

  /** As SIGTERM does. */
  stop(): void {
    this.isStopping = true
    this.gate.enter(() => this.#supervisor.send({ type: 'stop.requested', cause: 'SIGTERM' }))
  }

  /** As its operators' port does; nobody answers for one that has died. */
  give(command: NewCommand): Promise<CommandRow> {
    return new Promise((resolve, reject) => {
      this.gate.enter(() => void this.#ledger.giveCommand(command).then(resolve, reject))
    })
  }

  /** Payments that it would claim now if they were due. */
  capacity(): number {
    const { inMemory } = (this.#supervisor.system.get('payments') as PaymentsActor).getSnapshot()
      .work
    return capacityForClaims(inMemory.dependencies, inMemory.waiting.ready.size)
  }

  #assemble(shared: SharedWorld, clock: Clock): PitParts {
    const { settings, planted, chance, observer } = shared
    const caches = createSimulatedCaches({
      store: shared.cacheStore,
      service: shared.cacheService,
      gate: this.gate,
      instanceId: this.id,
    })
    const { work, leaseTtlMs: ownMs } = settings.configured
    const leaseTtlMs = shared.hasLongLease(this.id) ? longestLeaseMs(settings) : ownMs
    const telemetry = { emit: (fact: Fact) => observer.onFact(this, fact) }
    const watch = new HistoryWatch({
      clock,
      run: this.id,
      askMs: settings.rewindAskMs,
      landsForMs: outlasting(longestLeaseMs(settings) + work.settleByMs),
      onChanged: (change) => telemetry.emit({ type: 'history.changed', ...change }),
    })
    planted.watch?.(watch)
    const ledger = this.#toldOf(shared, {
      watch,
      wallNow: () => clock.wallNow(),
      renewals: caches.renewals,
      sharedRenewal: () => shared.cacheStore.renewal,
      store: shared.ledgerStore,
      service: shared.ledgerService,
      gate: this.gate,
      bounds: settings.ledger,
      poisoned: shared.poisoned,
      note: (what) => observer.onCall(this, what),
      onRecord: (leaseId) => observer.onRecord(this, leaseId),
    })
    const parts: PitParts = {
      ...settings.configured,
      leaseTtlMs,
      ports: {
        ledger: planted.ledger?.(ledger, shared.ledgerStore, shared.ledgerClock) ?? ledger,
        settledSet: caches.settled,
        lease: this.fence,
        history: planted.history?.(watch) ?? watch,
        clock,
        telemetry,
      },
      fence: this.fence,
      processors: {
        default: this.#processor(shared, 'default', clock),
        fallback: this.#processor(shared, 'fallback', clock),
      },
      circuitCache: caches.health,
      delayedQueue: caches.retry,
      random: chance.branch(1).next,
      quotaUsed: () => 0,
      instanceId: this.id,
    }
    return planted.parts?.(parts) ?? parts
  }

  /** A ledger that the observer hears of when orders are read. */
  #toldOf({ virtualTime, observer }: SharedWorld, parts: LedgerClientParts): Ledger {
    const ledger = createSimulatedLedger(parts)
    return {
      ...ledger,
      readOrders: async (request) => {
        const askedAt = virtualTime.now()
        const orders = await ledger.readOrders(request)
        observer.onOrders(this, orders, askedAt)
        return orders
      },
    }
  }

  #processor(shared: SharedWorld, name: ProcessorName, clock: Clock): Processor {
    const { settings, proxies, planted, observer } = shared
    const processor = createSimulatedProcessor({
      server: reachedBy(
        proxies[name],
        () => shared.cutNow(this, name),
        (ms, act) => shared.virtualTime.after(ms, act),
      ),
      name,
      gate: this.gate,
      clock,
      lease: this.fence,
      attemptTimeoutMs: settings.attemptTimeoutMs,
      lookupTimeoutMs: settings.lookupTimeoutMs,
      onSent: (charge) => observer.onSent(this, name, charge),
      onEnded: (charge, end) => observer.onEnded({ instance: this, processor: name, charge }, end),
      onLookUp: (correlationId) => observer.onLookUp(this, name, correlationId),
      misread: planted.misread ?? {},
    })
    return planted.processor?.(processor) ?? processor
  }
}

/** Machines' clocks differ: by this much a second, and by this many ms on the wall. */
const DRIFT: Span = [0.97, 1.03]
const SKEW_MS: Span = [-40, 40]

function clockOf({ virtualTime, chance, settings }: SharedWorld, gate: Gate): MachineClock {
  const rate = chance.between(settings.drift ?? DRIFT)
  const offsetMs = chance.between([0, 1e6])
  const skewMs = chance.between(SKEW_MS)
  return new MachineClock({ virtualTime, gate, rate, offsetMs, skewMs })
}

export interface Planted {
  readonly settings?: (settings: Settings) => Settings
  /** Which oracle says what must hold; absent: a fair one. */
  readonly oracle?: 'fair' | 'strict'
  /** What happens instead of what was drawn. */
  readonly plan?: (plan: Plan, settings: Settings) => Plan
  readonly history?: (history: LedgerHistory) => LedgerHistory
  readonly watch?: (watch: HistoryWatch) => void
  readonly fence?: (clock: Clock) => LeaseFence
  readonly ledger?: (ledger: Ledger, store: LedgerStore, clock: WallClock) => Ledger
  readonly processor?: (processor: Processor) => Processor
  readonly misread?: Misread
  readonly clock?: (clock: Clock, ledgerClock: WallClock) => Clock
  readonly parts?: (parts: PitParts) => PitParts
  readonly edge?: (request: EdgeRequest) => EdgeRequest
}

/** As it is meant to be. */
export const NOTHING_PLANTED: Planted = {}
