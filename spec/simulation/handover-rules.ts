// The rules about handovers, checked several times a second: payments that nobody works on are
// taken on in time, those of the dead and those that a stopping instance hands over.

import type { PaymentRow } from './ledger-tables.ts'
import { short } from './observer.ts'
import {
  DRIFT,
  isRunning,
  type Moment,
  type ObservedWorld,
  type Readiness,
  type ReadyInstance,
} from './readiness.ts'

/**
 * From the end of a dead owner's lease, or from the end of the wait for owners where that is later, to
 * the claim, ms: with the default lease of 3 s that is 5 s from the death.
 */
const CLAIMED_WITHIN_MS = 2000

/** From a stop's grace to its end, ms. */
const FLUSHED_WITHIN_MS = 500

/** From the moment in which a payment is due and fits to the claim, ms. */
const TAKEN_ON_WITHIN_MS = 1000

export function handoverRules(world: ObservedWorld): (moment: Moment) => void {
  const waits = new Waits()
  return ({ now, ready, readiness }) => {
    waits.observe(world, now)
    for (const wait of waits.orphans.values()) checkOrphan(world, { wait, ready, now })
    for (const wait of waits.due.values()) checkDue(world, { wait, ready, now })
    checkStops(world, readiness, now)
  }
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
