// The effects of the accept batcher: it commits batches, answers each payment once, passes the new
// ones on to be worked on, and spaces commits out that come too densely.

import assert from 'node:assert'
import type { Actor } from 'xstate'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { tell, type Directory } from '../messages.ts'
import { isHeld, isOfStatement, ledgerFailureOf, LedgerUnavailable } from '../model/errors.ts'
import type { Fact } from '../model/facts.ts'
import { ownerOf } from '../ownership/fence.ts'
import type { SharedPorts } from '../model/ports.ts'
import {
  acceptBatcherMachine,
  type AcceptBatcherContext,
  type AcceptBatcherEvent,
  type AnsweredBatch,
} from './accept-batcher.machine.ts'
import { writeApart, type Apart } from './apart.ts'
import { itemsOf } from './pending-queue.ts'

export type AcceptBatcherActor = Actor<typeof acceptBatcherMachine>

/** Pause after a failed commit, ms. */
export const WRITE_PAUSE_MS = 100

interface Parts {
  readonly ports: SharedPorts
  readonly system: Directory
  readonly budget: CommitBudget
}

interface BatcherSelf {
  send(event: AcceptBatcherEvent): void
}

interface Step {
  readonly context: AcceptBatcherContext
  readonly event: AcceptBatcherEvent
}

/** The chart with its effects, compiled: it takes an event per payment. */
export function providedAcceptBatcher(parts: Parts): typeof acceptBatcherMachine {
  const { clock } = parts.ports
  const provided = acceptBatcherMachine.provide({
    actions: {
      startWindow: ({ context, self }) =>
        void clock.setTimeout(() => self.send({ type: 'window.elapsed' }), context.windowMs),
      startSpacing: ({ event, self }) => {
        assert(event.type === 'batch.written', 'commits are spaced after a commit')
        clock.setTimeout(() => self.send({ type: 'spacing.elapsed' }), event.spacingMs)
      },
      writeBatch: ({ context, self }) => void writeBatch(parts, context, self),
      answerBatch: (step) => answerBatch(parts, step),
      refuseAll: (step) => refuseAll(parts, step),
      refuseOne: ({ event }) => {
        assert(event.type === 'payment.received', 'what is refused is a payment')
        event.replyTo('unavailable')
      },
      startPause: ({ self }) =>
        void clock.setTimeout(() => self.send({ type: 'pause.elapsed' }), WRITE_PAUSE_MS),
      reportEnded: () => tell(parts.system, 'payments', { type: 'intake.ended', from: 'accepts' }),
    },
  })
  return compileChart(provided)
}

/** Let go as a promise: it ends in an event, or in a rejection by a bug, which ends the process. */
async function writeBatch(
  { ports, budget }: Parts,
  context: AcceptBatcherContext,
  self: BatcherSelf,
): Promise<void> {
  const { lease, clock } = ports
  const startedAt = clock.now()
  const leaseId = ownerOf(lease)
  const spacingMs = budget(startedAt)
  try {
    const accepted = await acceptApart(ports, context, leaseId)
    const tookMs = clock.now() - startedAt
    self.send({ type: 'batch.written', accepted, tookMs, spacingMs, leaseId })
  } catch (error) {
    self.send({ type: 'batch.failed', error: ledgerFailureOf(error) })
  }
}

/** How long the payments of a refused batch may be committed one by one, ms: clients wait for it. */
export const APART_MAX_MS = 2_000

function outOfTime(): LedgerUnavailable {
  return new LedgerUnavailable('accept', 'none', new Error('no time for the rest of a batch'))
}

/**
 * Commits a batch. Of one that PostgreSQL refuses for what is in it the others are committed. Rejects
 * where it is the statement that is refused.
 */
async function acceptApart(
  { ledger, clock, telemetry }: SharedPorts,
  { batch, batchParks: parked }: AcceptBatcherContext,
  leaseId: number,
): Promise<AnsweredBatch> {
  const startedAt = clock.now()
  const { written, refused } = await writeApart(batch, (part) => {
    const isLate = clock.now() - startedAt >= APART_MAX_MS
    return isLate ? Promise.reject(outOfTime()) : ledger.accept(part, { leaseId, parked })
  })
  const ofStatement = refused.find(({ failure }) => isOfStatement(failure.refusal))
  if (ofStatement !== undefined && written.length === 0) throw ofStatement.failure
  for (const fact of refusalsIn(refused, written.length > 0)) telemetry.emit(fact)
  const [first, ...others] = written
  if (first !== undefined && others.length === 0 && refused.length === 0) return first.value
  const values = new Map(written.flatMap(({ items, value }) => items.map((each) => [each, value])))
  return {
    results: batch.map((payment) => values.get(payment)?.results[0] ?? 'refused'),
    // What was committed before a purge that a later one has counted is dropped by it.
    purges: written.reduce((least, { value }) => Math.min(least, value.purges), Infinity),
  }
}

type RefusedAccept = Apart<AcceptBatcherContext['batch'][number], unknown>['refused'][number]

/** How many payments are named that were refused for one cause. */
const NAMED_MAX = 8

/**
 * One fact for each cause. Where a lock was waited for in vain and no other payment of the batch was
 * taken, somebody may as well hold the whole table.
 */
function refusalsIn(
  refused: readonly RefusedAccept[],
  othersWereTaken: boolean,
): readonly Extract<Fact, { type: 'accept.refused' }>[] {
  const causeOf = ({ failure }: RefusedAccept): string =>
    `${failure.refusal.sqlState} ${failure.refusal.words}`
  const firsts = new Map(refused.toReversed().map((each) => [causeOf(each), each]))
  return [...firsts].toReversed().map(([of, { failure }]) => {
    const { sqlState, words: cause } = failure.refusal
    const same = refused.filter((each) => causeOf(each) === of)
    const areAtFault = othersWereTaken || !isHeld(failure.refusal)
    const named = areAtFault ? same.slice(0, NAMED_MAX) : []
    const correlationIds = named.map(({ item }) => item.correlationId)
    return { type: 'accept.refused', payments: same.length, correlationIds, sqlState, cause }
  })
}

function answerBatch({ ports, system }: Parts, { context, event }: Step): void {
  assert(event.type === 'batch.written', 'a batch is answered once it is committed')
  const { tookMs, leaseId } = event
  const { results, purges } = event.accepted
  const counts = { accepted: 0, known: 0, conflicting: 0, unread: 0, refused: 0 }
  context.batch.forEach((payment, index) => {
    const result = results[index]
    assert(result !== undefined, 'the ledger answers each payment of a batch')
    counts[result] += 1
    payment.replyTo(result === 'unread' || result === 'refused' ? 'unavailable' : result)
  })
  const accepted =
    counts.accepted === context.batch.length
      ? context.batch
      : context.batch.filter((_, index) => results[index] === 'accepted')
  if (accepted.length > 0 && context.batchParks) {
    const entries = accepted.map(({ correlationId }) => ({ correlationId, dueInMs: 0 }))
    tell(system, 'retryQueue', { type: 'payments.parked', entries })
  } else if (accepted.length > 0)
    tell(system, 'payments', { type: 'payments.accepted', batch: accepted, leaseId, purges })
  const { unread: payments, refused, ...known } = counts
  if (refused === context.batch.length) return
  ports.telemetry.emit({ type: 'batch.accepted', ...known, parked: context.batchParks, tookMs })
  if (payments > 0) ports.telemetry.emit({ type: 'batch.refused', payments, cause: UNREAD })
}

const UNREAD = 'ledger: what is known of an id was not read in time'

function refuseAll({ ports }: Parts, { context, event }: Step): void {
  assert(event.type === 'batch.failed', 'all are refused when a commit failed')
  const refused = [...context.batch, ...itemsOf(context.pending)]
  for (const payment of refused) payment.replyTo('unavailable')
  const cause = event.error.message
  ports.telemetry.emit({ type: 'batch.refused', payments: refused.length, cause })
}

/** Share of a second's commits that may be made as fast as they come, after a quiet time. */
const BURST_SHARE = 0.1

/**
 * How densely commits may follow on each other: each costs the database more than a further payment
 * in it does, so beyond a rate more is gained by spacing them out than by committing at once.
 *
 * Counts a commit that begins at `now` (monotonic, ms). The answer is the time to leave between its
 * end and the next, ms: 0 while commits are no more than so many a second.
 */
export type CommitBudget = (now: number) => number

export function createCommitBudget(perSecond: number): CommitBudget {
  const burst = perSecond * BURST_SHARE
  const spacingMs = 1000 / perSecond
  let left = burst
  let lastAt = 0
  return (now) => {
    const refilled = left + ((now - lastAt) * perSecond) / 1000
    // Never below zero: full batches do not wait, and payments after them must not wait for that.
    left = Math.min(burst, Math.max(0, refilled)) - 1
    lastAt = now
    return left > 0 ? 0 : spacingMs
  }
}
