// Looks several times a second whether payments that nobody works on are taken on in time: those of
// the dead, and those that a stopping instance hands over.

import { short } from './history.ts'
import type { PaymentRow } from './ledger-rows.ts'
import { DRIFT, isRunning, Standing, type Fitness, type Watched } from './standing.ts'

/** Between two looks, virtual ms. */
const LOOK_MS = 20

/**
 * From the end of a dead owner's lease, or from the end of the settling time where that is later, to
 * the claim, ms: with the default lease of 3 s that is 5 s from the death.
 */
const CLAIMED_WITHIN_MS = 2000

/** From a stop's grace to its end, ms. */
const FLUSHED_WITHIN_MS = 500

/** From the moment in which a payment is due and there is room for it to the claim, ms. */
const TAKEN_ON_WITHIN_MS = 1000

/** Checks until the simulation ends. */
export function watchHandovers(world: Watched): void {
  const standing = new Standing(world)
  const waits = new Waits()
  const look = (): void => {
    const now = world.scheduler.now()
    const fit = standing.look(now)
    waits.look(world, now)
    for (const wait of waits.orphans.values()) checkOrphan(world, { wait, fit, now })
    for (const wait of waits.due.values()) checkDue(world, { wait, fit, now })
    checkStops(world, standing, now)
    world.scheduler.after(LOOK_MS, look)
  }
  world.scheduler.after(LOOK_MS, look)
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

  look({ ledgerStore, places }: Watched, now: number): void {
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

/** Goes on while nobody claims it. */
function waitOf(before: Wait | undefined, row: PaymentRow, now: number): Wait {
  if (before?.row === row && before.fencingToken === row.fencingToken) return before
  return { row, fencingToken: row.fencingToken, since: now }
}

interface Question {
  readonly wait: Wait
  readonly fit: readonly Fitness[]
  readonly now: number
}

function checkOrphan({ settings, observer }: Watched, { wait, fit, now }: Question): void {
  const leaseEndsAt = wait.since + settings.configured.leaseTtlMs
  for (const { instance, settledAt } of fit) {
    if (now <= Math.max(leaseEndsAt, settledAt) + CLAIMED_WITHIN_MS) continue
    const { correlationId, owner } = wait.row
    const detail = `${short(correlationId)} of lease ${owner}, dead since ${wait.since}`
    observer.fail('takenOverInTime', `${instance.id}: ${detail}`)
  }
}

function checkDue({ observer }: Watched, { wait, fit, now }: Question): void {
  for (const { instance, ableAt, roomyAt } of fit) {
    if (now <= Math.max(wait.since, ableAt, roomyAt) + TAKEN_ON_WITHIN_MS) continue
    const detail = `${short(wait.row.correlationId)}, due since ${wait.since}`
    observer.fail('claimedInTime', `${instance.id}: ${detail}`)
  }
}

function checkStops({ settings, observer }: Watched, standing: Standing, now: number): void {
  const { drainGraceMs, shutdownDeadlineMs } = settings.configured
  const graceMs = Math.min(drainGraceMs, shutdownDeadlineMs / 2)
  for (const { instance, since } of standing.stops()) {
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
