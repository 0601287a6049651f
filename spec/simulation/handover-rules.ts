// The rules about handovers, checked several times a second: payments that nobody works on are
// taken on in time, those of the dead and those that a stopping instance hands over.

import type { Instance } from './instance.ts'
import type { PaymentRow } from './ledger-tables.ts'
import { short, type Observer } from './observer.ts'
import type { Settings } from './settings.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import type { SimulatedServer } from './simulated-server.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { WallClock } from './wall-clock.ts'

/** Between two checks, virtual ms. */
const CHECK_EVERY_MS = 20

/**
 * From the end of a dead owner's lease, or from the end of the wait for owners where that is later, to
 * the claim, ms: with the default lease of 3 s that is 5 s from the death.
 */
const CLAIMED_WITHIN_MS = 2000

/** From a stop's grace to its end, ms. */
const FLUSHED_WITHIN_MS = 500

/** From the moment in which a payment is due and fits to the claim, ms. */
const TAKEN_ON_WITHIN_MS = 1000

/** Checks until the simulation ends. */
export function checkHandovers(world: ObservedWorld): void {
  const readiness = new Readiness(world)
  const waits = new Waits()
  const check = (): void => {
    const now = world.virtualTime.now()
    const ready = readiness.observe(now)
    waits.observe(world, now)
    for (const wait of waits.orphans.values()) checkOrphan(world, { wait, ready, now })
    for (const wait of waits.due.values()) checkDue(world, { wait, ready, now })
    checkStops(world, readiness, now)
    world.virtualTime.after(CHECK_EVERY_MS, check)
  }
  world.virtualTime.after(CHECK_EVERY_MS, check)
}

/** A payment that nobody works on, since when (virtual ms), and what it was then. */
interface Wait {
  readonly row: PaymentRow
  readonly fencingToken: number
  readonly since: number
}

class Waits {
  /** Owned by an instance that is dead, paused or has another lease by now; by id. */
  orphans = new Map<string, Wait>()
  /** Parked, and due; by id. */
  due = new Map<string, Wait>()

  observe({ ledgerStore, places }: ObservedWorld, now: number): void {
    const kept = new Set(places.filter(isRunning).map(({ fence }) => fence.id))
    const orphans = new Map<string, Wait>()
    const due = new Map<string, Wait>()
    for (const row of ledgerStore.open.values()) {
      const { correlationId: id, owner } = row
      if (owner === null && ledgerStore.isDue(row)) due.set(id, waitOf(this.due.get(id), row, now))
      else if (owner !== null && !kept.has(owner)) {
        orphans.set(id, waitOf(this.orphans.get(id), row, now))
      }
    }
    this.orphans = orphans
    this.due = due
  }
}

/** The same wait as before while nobody claims the payment. */
function waitOf(before: Wait | undefined, row: PaymentRow, now: number): Wait {
  if (before?.row === row && before.fencingToken === row.fencingToken) return before
  return { row, fencingToken: row.fencingToken, since: now }
}

interface Question {
  readonly wait: Wait
  readonly ready: readonly ReadyInstance[]
  readonly now: number
}

function checkOrphan({ settings, observer }: ObservedWorld, { wait, ready, now }: Question): void {
  const leaseEndsAt = wait.since + settings.configured.leaseTtlMs
  for (const { instance, settledAt } of ready) {
    if (now <= Math.max(leaseEndsAt, settledAt) + CLAIMED_WITHIN_MS) continue
    const { correlationId, owner } = wait.row
    const detail = `${short(correlationId)} of lease ${owner}, dead since ${wait.since}`
    observer.fail('takenOverInTime', `${instance.id}: ${detail}`)
  }
}

function checkDue({ observer }: ObservedWorld, { wait, ready, now }: Question): void {
  for (const { instance, ableAt, capacityAt } of ready) {
    if (now <= Math.max(wait.since, ableAt, capacityAt) + TAKEN_ON_WITHIN_MS) continue
    const detail = `${short(wait.row.correlationId)}, due since ${wait.since}`
    observer.fail('claimedInTime', `${instance.id}: ${detail}`)
  }
}

function checkStops(
  { settings, observer }: ObservedWorld,
  readiness: Readiness,
  now: number,
): void {
  const { drainGraceMs, shutdownDeadlineMs } = settings.configured
  const graceMs = Math.min(drainGraceMs, shutdownDeadlineMs / 2)
  for (const { instance, since } of readiness.stops()) {
    const left = observer.leftBy.get(instance)
    if (left === undefined) {
      if (now <= since + graceMs * DRIFT + FLUSHED_WITHIN_MS) continue
      const detail = `${instance.id}, told ${(now - since).toFixed(0)} ms ago`
      observer.fail('stopsInTime', detail)
    } else if (left.length > 0) {
      observer.fail('handsOverAll', `${instance.id}: ${left.join()}`)
    }
  }
}

/** The part of the world that these rules need. */
interface ObservedWorld {
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
interface ReadyInstance {
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
const DRIFT = 1.05

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
class Readiness {
  readonly #world: ObservedWorld
  readonly #presences = new Map<Instance, Presence>()
  /** When calls were last lost or late. */
  readonly #troubledAt = { ledger: NEVER, caches: NEVER }

  constructor(world: ObservedWorld) {
    this.#world = world
  }

  /** Notes how everything is; returns the instances that work at this moment. */
  observe(now: number): readonly ReadyInstance[] {
    const { places, ledgerService, ledgerClock, cacheService, ledgerStore } = this.#world
    const isClockSet = now - ledgerClock.disturbedAt <= CHECK_EVERY_MS
    if (ledgerService.isTroubled || isClockSet) this.#troubledAt.ledger = now
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
    if (runs && !presence.isRunning) presence.resumedAt = now
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
    const ableAt = Math.max(startedAt, troubledAt + this.#recoveryMs())
    const { leaseTtlMs } = this.#world.settings.configured
    return { instance, ableAt, capacityAt, settledAt: ableAt + leaseTtlMs * DRIFT }
  }

  #recoveryMs(): number {
    return this.#world.settings.ledger.statementTimeoutMs * DRIFT + RECOVERED_WITHIN_MS
  }
}

/** Neither dead nor paused. */
function isRunning({ gate }: Instance): boolean {
  return gate.state === 'running'
}
