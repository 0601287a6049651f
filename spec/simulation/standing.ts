// Since when an instance can be expected to take payments on: what faults leave behind has passed.

import type { Instance } from './instance.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { Scheduler } from './scheduler.ts'
import type { Settings } from './settings.ts'
import type { SimulatedServer } from './simulated-server.ts'
import type { Watch } from './watch.ts'

/** The part of the world that is looked at. */
export interface Watched {
  readonly scheduler: Scheduler
  readonly settings: Settings
  readonly observer: Watch
  readonly ledgerStore: LedgerStore
  readonly ledgerService: SimulatedServer
  readonly cacheService: SimulatedServer
  readonly places: readonly Instance[]
}

/** An instance that works, and since when it should do what; virtual ms. */
export interface Fitness {
  readonly instance: Instance
  /** Claims parked payments. */
  readonly ableAt: number
  /** Would claim all that is due. */
  readonly roomyAt: number
  /** Takes over from the dead: it has given the living one lifetime of a lease to renew theirs. */
  readonly settledAt: number
}

export interface Stop {
  readonly instance: Instance
  /** When it was told, virtual ms. */
  readonly since: number
}

/** Clocks of instances differ by 3 in 100 each way. */
export const DRIFT = 1.05

/** From the last call that may be lost until its consequences are over, ms: a pause, another lease. */
const RECOVERED_WITHIN_MS = 1500

const NEVER = Number.NEGATIVE_INFINITY

interface Stay {
  readonly startedAt: number
  /** When the last pause ended; never before the first. */
  resumedAt: number
  isRunning: boolean
  roomyAt: number
  /** When it was told to stop; null before. */
  stoppedAt: number | null
}

export class Standing {
  readonly #world: Watched
  readonly #stays = new Map<Instance, Stay>()
  /** When calls were last lost or late. */
  readonly #troubledAt = { ledger: NEVER, caches: NEVER }

  constructor(world: Watched) {
    this.#world = world
  }

  /** Takes down how everything is; the instances that work at this moment. */
  look(now: number): readonly Fitness[] {
    const { places, ledgerService, cacheService, ledgerStore } = this.#world
    if (ledgerService.isTroubled) this.#troubledAt.ledger = now
    if (cacheService.isTroubled) this.#troubledAt.caches = now
    const due = ledgerStore.countDue()
    return places.flatMap((instance) => {
      const stay = this.#note(instance, { now, due })
      return stay.isRunning && !instance.isStopping ? [this.#fitness(instance, stay)] : []
    })
  }

  /** Stops that nothing has disturbed, neither while they lasted nor by what came before. */
  stops(): readonly Stop[] {
    const { ledger, caches } = this.#troubledAt
    return [...this.#stays].flatMap(([instance, { stoppedAt, resumedAt }]) => {
      if (stoppedAt === null) return []
      // As it is now: one that was killed may have been replaced before the next look.
      const isKilled = !isRunning(instance) && !this.#world.observer.leftBy.has(instance)
      // A call that was not answered may leave payments that the instance does not know of.
      const failedAt = this.#world.observer.failedAt.get(instance) ?? NEVER
      const disturbedAt = Math.max(ledger, caches, resumedAt, failedAt)
      const isDisturbed = isKilled || disturbedAt + this.#recoveryMs() >= stoppedAt
      return isDisturbed ? [] : [{ instance, since: stoppedAt }]
    })
  }

  #note(instance: Instance, { now, due }: { now: number; due: number }): Stay {
    const runs = isRunning(instance)
    const stay = this.#stays.get(instance) ?? {
      startedAt: now,
      resumedAt: NEVER,
      isRunning: runs,
      roomyAt: now,
      stoppedAt: null,
    }
    this.#stays.set(instance, stay)
    if (runs && !stay.isRunning) stay.resumedAt = now
    stay.isRunning = runs
    if (!runs || instance.room() < Math.max(1, due)) stay.roomyAt = now
    if (instance.isStopping) stay.stoppedAt ??= now
    return stay
  }

  #fitness(instance: Instance, { startedAt, resumedAt, roomyAt }: Stay): Fitness {
    const troubledAt = Math.max(this.#troubledAt.ledger, resumedAt)
    const ableAt = Math.max(startedAt, troubledAt + this.#recoveryMs())
    const { leaseTtlMs } = this.#world.settings.configured
    return { instance, ableAt, roomyAt, settledAt: ableAt + leaseTtlMs * DRIFT }
  }

  #recoveryMs(): number {
    return this.#world.settings.ledger.statementTimeoutMs * DRIFT + RECOVERED_WITHIN_MS
  }
}

/** Neither dead nor paused. */
export function isRunning({ gate }: Instance): boolean {
  return gate.state === 'running'
}
