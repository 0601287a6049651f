// The rules about operators' orders, checked several times a second: each instance follows what the
// ledger has, soon after its commit, and lets go of what is over.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Instance } from './instance.ts'
import { standsSurely } from './known-orders.ts'
import {
  DRIFT,
  isRunning,
  type Moment,
  type ObservedWorld,
  type ReadyInstance,
} from './readiness.ts'
import type { CommandTable } from './simulated-commands.ts'

/** From the commit of an order until each instance has followed it, ms. */
const FOLLOWED_WITHIN_MS = 1000

/** Until a hold that is over has ended, ms; while the ledger does not answer, one call of it more. */
const ENDED_WITHIN_MS = 100
const ENDED_AFTER_CALL_MS = 700

/** Share of a hold for which it surely stands, by whoever's clock, 0 to 1. */
const SURE_SHARE = 0.9

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

type Row = CommandTable['rows'][number]

export function orderRules(world: ObservedWorld): (moment: Moment) => void {
  const commits = new Commits(world.ledgerStore.commands)
  return (moment) => {
    commits.observe(moment.now)
    for (const ready of moment.ready) {
      for (const processor of PROCESSORS) checkCircuit(world, { ready, processor, commits, moment })
      for (const row of world.ledgerStore.commands.rows) {
        checkAnswer(world, { ready, row, commits, moment })
      }
    }
    for (const instance of world.places) checkEnds(world, instance, moment)
  }
}

/** When each command was committed, virtual ms: the ledger's own clock may be set. */
class Commits {
  readonly #table: CommandTable
  readonly #at = new Map<string, number>()

  constructor(table: CommandTable) {
    this.#table = table
  }

  observe(now: number): void {
    for (const row of this.#table.rows) {
      const key = keyOf(row)
      if (!this.#at.has(key)) this.#at.set(key, now)
    }
  }

  of(row: Row): number {
    return this.#at.get(keyOf(row)) ?? Number.NEGATIVE_INFINITY
  }
}

/** A ledger that went back gives ids again. */
function keyOf({ id, at }: Row): string {
  return `${id} ${at}`
}

interface Question {
  readonly ready: ReadyInstance
  readonly commits: Commits
  readonly moment: Moment
}

/** A circuit is held as the last order about its processor says, and free if that says so. */
function checkCircuit(
  { observer, ledgerStore, ledgerClock }: ObservedWorld,
  { ready, processor, commits, moment }: Question & { processor: ProcessorName },
): void {
  const { instance, ableAt } = ready
  const { now } = moment
  const row = ledgerStore.commands.rows.findLast(({ order }) => {
    return 'processor' in order && order.processor === processor
  })
  const committedAt = row === undefined ? Number.NEGATIVE_INFINITY : commits.of(row)
  if (now <= Math.max(committedAt, ableAt) + FOLLOWED_WITHIN_MS) return
  const known = observer.knownOrders.of(instance)
  if (known === undefined) return
  const told = known.orders.holds.find(({ command }) => command === row?.id)
  if (told !== undefined && !standsSurely(known, told, now)) return
  const isClockSet = ledgerClock.disturbedAt >= committedAt
  const wanted = wantedState(row, isClockSet ? null : now - committedAt)
  const state = observer.knownOrders.circuitAt(instance, processor)
  const isHeld = state.startsWith('held')
  if (wanted === null || (wanted === 'free' ? !isHeld : state === wanted)) return
  const about = row === undefined ? 'no order' : `order ${row.id} since ${committedAt}`
  observer.fail('ordersFollowed', `${instance.id}: ${processor} is ${state}, ${about}`)
}

/** `standsMs`: how long the order has stood, null: nobody knows. Null: it may be any. */
function wantedState(
  row: Row | undefined,
  standsMs: number | null,
): 'heldOpen' | 'heldClosed' | 'free' | null {
  if (row === undefined || row.order.kind === 'resume') return 'free'
  if (row.order.kind !== 'hold') return 'heldOpen'
  const { to, forMs } = row.order
  if (standsMs === null || standsMs > forMs * SURE_SHARE) return null
  return to === 'open' ? 'heldOpen' : 'heldClosed'
}

/** Each instance that lived says what the order met, and drains if it is told to. */
function checkAnswer(
  { observer }: ObservedWorld,
  { ready, row, commits, moment }: Question & { row: Row },
): void {
  const { instance, ableAt } = ready
  const committedAt = commits.of(row)
  // Until its payment is handed back it may not be.
  if (row.order.kind === 'resolve') return
  const known = observer.knownOrders.of(instance)
  // Where a call was lost, the note may be; what came before its start is not for it.
  if (known === undefined || row.id <= known.firstLast) return
  if (Math.max(ableAt, known.firstReadAt) >= committedAt) return
  if (moment.now <= committedAt + FOLLOWED_WITHIN_MS) return
  if (!row.awaited.includes(instance.id) || Object.hasOwn(row.result, instance.id)) return
  observer.fail('ordersFollowed', `${instance.id} has not answered ${row.kind} ${row.id}`)
}

/** A hold ends by itself, by what the instance was told of it, whatever the ledger does. */
function checkEnds(
  { observer, settings }: ObservedWorld,
  instance: Instance,
  moment: Moment,
): void {
  const { now, readiness } = moment
  const known = observer.knownOrders.of(instance)
  if (known === undefined || !isRunning(instance) || instance.isStopping) return
  if (!readiness.hasRunSince(instance, known.readAt)) return
  const callMs = settings.ledger.statementTimeoutMs * DRIFT + ENDED_AFTER_CALL_MS
  const isTroubled = readiness.isLedgerTroubledSince(known.readAt)
  const withinMs = isTroubled ? callMs : ENDED_WITHIN_MS
  for (const { processor, command, endsInMs } of known.orders.holds) {
    if (endsInMs === null || now <= known.readAt + endsInMs * DRIFT + withinMs) continue
    const state = observer.knownOrders.circuitAt(instance, processor)
    if (!state.startsWith('held')) continue
    observer.fail('holdsEnd', `${instance.id}: ${processor} is ${state} by order ${command}`)
  }
}
