// The simulated Redis: what the caches hold, each call done at one instant, and the caches of one
// instance, whose calls travel there and are answered or fail within the command timeout.

import { CacheUnavailable } from '../../src/actors/model/errors.ts'
import type { ProcessorName, SettledPayment } from '../../src/actors/model/payment.ts'
import type {
  CircuitCache,
  CircuitReport,
  DelayedQueue,
  KnownRenewal,
  ParkedEntry,
  RenewalCache,
  ProbedHealth,
  SettledSet,
} from '../../src/actors/model/ports.ts'
import type { SimulatedServer } from './simulated-server.ts'
import type { Gate } from './virtual-time.ts'

export interface SimulatedCaches {
  readonly health: CircuitCache
  readonly retry: DelayedQueue
  readonly settled: SettledSet
  readonly renewals: RenewalCache
}

export interface CacheClientParts {
  readonly store: CacheStore
  readonly service: SimulatedServer
  readonly gate: Gate
  readonly instanceId: string
}

/** Longest wait for one reply, ms, as over ioredis. */
const COMMAND_TIMEOUT_MS = 100

export function createSimulatedCaches(parts: CacheClientParts): SimulatedCaches {
  const { store, instanceId } = parts
  const connection = { lastAt: 0 }
  const ask = <Value>(operation: string, apply: () => Value): Promise<Value> =>
    parts.service.call(parts.gate, {
      operation,
      effect: 'writes',
      connection,
      timeoutMs: COMMAND_TIMEOUT_MS,
      apply,
      failure: (_lost, code) =>
        new CacheUnavailable(operation, code === undefined ? undefined : new Error(code)),
    })
  return {
    health: {
      takeProbeLease: (ttlMs) => ask('takeProbeLease', () => store.takeProbeLease(ttlMs)),
      publishHealth: (name, health) =>
        ask('publishHealth', () => store.publishHealth(name, health)),
      readHealth: () => ask('readHealth', () => store.readHealth()),
      publishCircuit: (report) =>
        ask('publishCircuit', () => store.publishCircuit(instanceId, report)),
      readCircuits: () => ask('readCircuits', () => store.readCircuits()),
    },
    retry: {
      schedule: (entries) => ask('schedule', () => store.schedule(entries)),
      takeDue: (limit) => ask('takeDue', () => store.takeDue(limit)),
      claimRebuild: () => ask('claimRebuild', () => store.claimRebuild()),
    },
    settled: {
      add: (entries) => ask('add', () => store.addSettled(entries)),
      remove: (ids) => ask('remove', () => store.removeSettled(ids)),
      read: () => ask('read', () => store.readSettled()),
      clear: () => ask('clear', () => store.clearSettled()),
    },
    renewals: {
      read: () => ask('readRenewal', () => store.renewal),
      publish: (known) => ask('publishRenewal', () => store.publishRenewal(known)),
    },
  }
}

export interface CacheBounds {
  /** How long reports of health and circuits are kept, ms. */
  readonly keptMs: number
  /** Entries that the delayed queue holds at most. */
  readonly retryEntriesMax: number
}

interface Aged<Value> {
  readonly value: Value
  readonly at: number
}

type Health = Omit<ProbedHealth, 'ageMs'>

export class CacheStore {
  readonly #now: () => number
  readonly #bounds: CacheBounds
  #probeLeaseUntil = Number.NEGATIVE_INFINITY
  readonly #health = new Map<ProcessorName, Aged<Health>>()
  /** By instance id and processor. */
  readonly #circuits = new Map<string, Aged<CircuitReport> & { readonly instanceId: string }>()
  /** Due instants by id. */
  readonly #retries = new Map<string, number>()
  #isRebuilt = false
  readonly #settled = new Map<string, SettledPayment>()
  renewal: KnownRenewal | undefined

  constructor(now: () => number, bounds: CacheBounds) {
    this.#now = now
    this.#bounds = bounds
  }

  /** Loses all data, as a flush or a restart does. */
  lose(): void {
    this.#probeLeaseUntil = Number.NEGATIVE_INFINITY
    for (const held of [this.#health, this.#circuits, this.#retries, this.#settled]) held.clear()
    this.#isRebuilt = false
    this.renewal = undefined
  }

  takeProbeLease(ttlMs: number): boolean {
    if (this.#now() < this.#probeLeaseUntil) return false
    this.#probeLeaseUntil = this.#now() + ttlMs
    return true
  }

  publishHealth(processor: ProcessorName, health: Health): void {
    this.#health.set(processor, { value: health, at: this.#now() })
  }

  readHealth(): Partial<Record<ProcessorName, ProbedHealth>> {
    const read: Partial<Record<ProcessorName, ProbedHealth>> = {}
    for (const [processor, { value, at }] of this.#health) {
      const ageMs = this.#now() - at
      if (ageMs < this.#bounds.keptMs) read[processor] = { ...value, ageMs }
    }
    return read
  }

  publishCircuit(instanceId: string, report: CircuitReport): void {
    const key = `${report.processor}:${instanceId}`
    this.#circuits.set(key, { instanceId, value: report, at: this.#now() })
  }

  readCircuits(): Readonly<Record<string, readonly CircuitReport[]>> {
    const read: Record<string, CircuitReport[]> = {}
    for (const { instanceId, value, at } of this.#circuits.values()) {
      if (this.#now() - at >= this.#bounds.keptMs) continue
      read[instanceId] = [...(read[instanceId] ?? []), value]
    }
    return read
  }

  schedule(entries: readonly ParkedEntry[]): void {
    for (const { correlationId, dueInMs } of entries) {
      const isFull = this.#retries.size >= this.#bounds.retryEntriesMax
      if (isFull && !this.#retries.has(correlationId)) continue
      this.#retries.set(correlationId, this.#now() + Math.ceil(dueInMs))
    }
  }

  takeDue(limit: number): readonly string[] {
    if (limit <= 0 || this.#retries.size === 0) return []
    const due = [...this.#retries]
      .filter(([, dueAt]) => dueAt <= this.#now())
      .sort(([one, oneAt], [other, otherAt]) => oneAt - otherAt || (one < other ? -1 : 1))
      .slice(0, limit)
      .map(([id]) => id)
    for (const id of due) this.#retries.delete(id)
    return due
  }

  claimRebuild(): boolean {
    const isLost = !this.#isRebuilt
    this.#isRebuilt = true
    return isLost
  }

  publishRenewal(known: KnownRenewal): void {
    const { systemIdentifier, generation = 0 } = this.renewal ?? {}
    const isSame = systemIdentifier === known.systemIdentifier
    if (!isSame || generation <= known.generation) this.renewal = known
  }

  addSettled(entries: readonly SettledPayment[]): void {
    for (const { correlationId, processor, requestedAt, amountCents } of entries) {
      this.#settled.set(correlationId, { correlationId, processor, requestedAt, amountCents })
    }
  }

  removeSettled(correlationIds: readonly string[]): void {
    for (const id of correlationIds) this.#settled.delete(id)
  }

  readSettled(): readonly SettledPayment[] {
    return [...this.#settled.values()]
  }

  clearSettled(): void {
    this.#settled.clear()
  }
}
