// Since when each instance can be expected to do its work: what disturbs it, and for how long after.

import type { Instance } from './instance.ts'
import type { Observer } from './observer.ts'
import { longestLeaseMs, type Settings } from './settings.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import type { SimulatedServer } from './simulated-server.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { WallClock } from './wall-clock.ts'

/** Between two checks, virtual ms. */
const CHECK_EVERY_MS = 20

/** What rules are checked with. */
export interface Moment {
  /** Virtual ms. */
  readonly now: number
  readonly ready: readonly ReadyInstance[]
  readonly readiness: Readiness
}

/** Checks rules several times a second until the simulation ends. */
export function checkOften(
  world: ObservedWorld,
  rules: readonly ((moment: Moment) => void)[],
): void {
  const readiness = new Readiness(world)
  const check = (): void => {
    const now = world.virtualTime.now()
    const ready = readiness.observe(now)
    for (const rule of rules) rule({ now, ready, readiness })
    world.virtualTime.after(CHECK_EVERY_MS, check)
  }
  world.virtualTime.after(CHECK_EVERY_MS, check)
}

/** The part of the world that these rules need. */
export interface ObservedWorld {
  readonly virtualTime: VirtualTime
  readonly settings: Settings
  readonly observer: Observer
  readonly ledgerStore: LedgerStore
  readonly ledgerService: SimulatedServer
  readonly ledgerClock: WallClock
  readonly cacheService: SimulatedServer
  readonly places: readonly Instance[]
}

/** An instance that works, and since when it should do what; virtual ms. */
export interface ReadyInstance {
  readonly instance: Instance
  /** Claims parked payments. */
  readonly ableAt: number
  /** Would claim all that is due. */
  readonly capacityAt: number
  /** Takes over from the dead: it has given the living one lifetime of a lease to renew theirs. */
  readonly settledAt: number
}

interface Stop {
  readonly instance: Instance
  /** When it was told, virtual ms. */
  readonly since: number
}

/** Clocks of instances differ by 3 in 100 each way. */
export const DRIFT = 1.05

/** From the last call that may be lost until its consequences are over, ms: a pause, another lease. */
const RECOVERED_WITHIN_MS = 1500

const NEVER = Number.NEGATIVE_INFINITY

/** What has happened to one instance. */
interface Presence {
  readonly startedAt: number
  /** When the last pause ended; never before the first. */
  resumedAt: number
  isRunning: boolean
  capacityAt: number
  /** When it was told to stop; null before. */
  stoppedAt: number | null
}

/** Since when each instance can be expected to take payments on, and what disturbs a stop. */
export class Readiness {
  readonly #world: ObservedWorld
  readonly #presences = new Map<Instance, Presence>()
  /** When calls were last lost or late. */
  readonly #troubledAt = { ledger: NEVER, caches: NEVER }
  #rewinds = 0

  constructor(world: ObservedWorld) {
    this.#world = world
  }

  /** Notes how everything is; returns the instances that work at this moment. */
  observe(now: number): readonly ReadyInstance[] {
    const { places, ledgerService, ledgerClock, cacheService, ledgerStore } = this.#world
    const isClockSet = now - ledgerClock.disturbedAt <= CHECK_EVERY_MS
    const isRewound = ledgerStore.history.rewinds !== this.#rewinds
    this.#rewinds = ledgerStore.history.rewinds
    if (ledgerService.isTroubled || isClockSet || isRewound) this.#troubledAt.ledger = now
    if (cacheService.isTroubled) this.#troubledAt.caches = now
    const due = ledgerStore.countDue()
    return places.flatMap((instance) => {
      const presence = this.#note(instance, { now, due })
      return presence.isRunning && !instance.isStopping
        ? [this.#readyInstance(instance, presence)]
        : []
    })
  }

  /** Stops that nothing has disturbed, neither while they lasted nor by what came before. */
  stops(): readonly Stop[] {
    const { ledger, caches } = this.#troubledAt
    return [...this.#presences].flatMap(([instance, { stoppedAt, resumedAt }]) => {
      if (stoppedAt === null) return []
      // As it is now: one that was killed may have been replaced before the next check.
      const isKilled = !isRunning(instance) && !this.#world.observer.leftBy.has(instance)
      // A call that was not answered may leave payments that the instance does not know of.
      const failedAt = this.#world.observer.failedAt.get(instance) ?? NEVER
      const disturbedAt = Math.max(ledger, caches, resumedAt, failedAt)
      const isDisturbed = isKilled || disturbedAt + this.#recoveryMs() >= stoppedAt
      return isDisturbed ? [] : [{ instance, since: stoppedAt }]
    })
  }

  /** Whether it has run since that moment without a pause, virtual ms. */
  hasRunSince(instance: Instance, since: number): boolean {
    return (this.#presences.get(instance)?.resumedAt ?? NEVER) < since
  }

  /** Whether calls of the ledger since that moment may have been lost or late, virtual ms. */
  isLedgerTroubledSince(since: number): boolean {
    return this.#troubledAt.ledger + this.#recoveryMs() >= since
  }

  #note(instance: Instance, { now, due }: { now: number; due: number }): Presence {
    const runs = isRunning(instance)
    const presence = this.#presences.get(instance) ?? {
      startedAt: now,
      resumedAt: NEVER,
      isRunning: runs,
      capacityAt: now,
      stoppedAt: null,
    }
    this.#presences.set(instance, presence)
    // It may have ended its stop between two checks, right after a pause.
    const hasRun = runs || this.#world.observer.leftBy.has(instance)
    if (hasRun && !presence.isRunning) presence.resumedAt = now
    presence.isRunning = runs
    if (!runs || instance.capacity() < Math.max(1, due)) presence.capacityAt = now
    if (instance.isStopping) presence.stoppedAt ??= now
    return presence
  }

  #readyInstance(
    instance: Instance,
    { startedAt, resumedAt, capacityAt }: Presence,
  ): ReadyInstance {
    const troubledAt = Math.max(this.#troubledAt.ledger, resumedAt)
    const leaseMs = longestLeaseMs(this.#world.settings) * DRIFT
    // A clock that is set closes the fence until the lease is renewed.
    const fencedUntil = instance.clock.wall.disturbedAt + leaseMs
    const ableAt = Math.max(startedAt, fencedUntil, troubledAt + this.#recoveryMs())
    const settledAt = ableAt + leaseMs
    return { instance, ableAt, capacityAt, settledAt }
  }

  #recoveryMs(): number {
    return this.#world.settings.ledger.statementTimeoutMs * DRIFT + RECOVERED_WITHIN_MS
  }
}

/** Neither dead nor paused. */
export function isRunning({ gate }: Instance): boolean {
  return gate.state === 'running'
}
