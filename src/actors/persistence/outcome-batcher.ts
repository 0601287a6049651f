// The effects of the outcome batcher: it writes batches, keeps the settled set, and tells the retry
// queue what was parked.

import assert from 'node:assert'
import type { Actor } from 'xstate'
import type { SettledTotals } from '../model/facts.ts'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { tell, type Directory } from '../messages.ts'
import { cacheFailureOf, isHeld, isOfValue, isRefused, ledgerFailureOf } from '../model/errors.ts'
import { ownerOf } from '../ownership/fence.ts'
import type { Outcome, SettledPayment } from '../model/payment.ts'
import { doubled } from '../model/settings.ts'
import type { Ledger, SharedPorts, UnwrittenOutcome } from '../model/ports.ts'
import { writeOneByOne } from './apart.ts'
import {
  ASIDE_MAX,
  outcomeBatcherMachine,
  type OutcomeBatcherContext,
  type OutcomeBatcherEvent,
  type RefusedOutcome,
} from './outcome-batcher.machine.ts'

export type OutcomeBatcherActor = Actor<typeof outcomeBatcherMachine>

export type SettledOutcome = Extract<Outcome, { kind: 'settled' }>

/** First and longest pause after a failed write, ms. */
const WRITE_PAUSE_MS = 100
const WRITE_PAUSE_MAX_MS = 1000

/** How long what was refused stays aside before it is written again, ms. */
export const ASIDE_PAUSE_MS = 10_000

interface Parts {
  readonly ports: SharedPorts
  readonly system: Directory
}

interface BatcherSelf {
  send(event: OutcomeBatcherEvent): void
}

/** The chart with its effects, compiled: it takes an event per payment. */
export function providedOutcomeBatcher(parts: Parts): typeof outcomeBatcherMachine {
  const { ports, system } = parts
  const { clock, telemetry } = ports
  const publisher = createSettledPublisher(ports)
  const provided = outcomeBatcherMachine.provide({
    actions: {
      publishSettled: ({ event }) => {
        assert(event.type === 'outcome.reached', 'what is published is an outcome')
        if (event.outcome.kind === 'settled') publisher.add(event.outcome)
      },
      startWindow: ({ context, self }) =>
        void clock.setTimeout(() => self.send({ type: 'window.elapsed' }), context.windowMs),
      writeBatch: ({ context, self }) => {
        // The same turn of the event loop saves a wakeup.
        publisher.flush()
        void writeBatch(ports, context, self)
      },
      publishWritten: ({ context, event, self }) => {
        assert(event.type === 'batch.written', 'a batch is published once it is written')
        publishWritten({ ...parts, publisher }, context.batch, event)
        if (event.refused.length === 0) return
        noteRefused(ports, context.aside, event.refused)
        // What is aside already has its timer; in a drain nothing waits for one.
        if (context.aside.length > 0 || context.isDraining) return
        clock.setTimeout(() => self.send({ type: 'aside.due' }), ASIDE_PAUSE_MS)
      },
      noteFailure: ({ event }) => {
        assert(event.type === 'batch.failed', 'a failure is noted when a write has failed')
        telemetry.emit({ type: 'ledger.failed', operation: 'record', cause: event.error.message })
      },
      startPause: ({ context, self }) => {
        const pauseMs = doubled(WRITE_PAUSE_MS, context.failures - 1, WRITE_PAUSE_MAX_MS)
        clock.setTimeout(() => self.send({ type: 'pause.elapsed' }), pauseMs)
      },
      reportCongested: () => tell(system, 'payments', { type: 'outcomes.congested' }),
      reportRelieved: () => tell(system, 'payments', { type: 'outcomes.relieved' }),
      reportFlushed: () => {
        publisher.flush()
        tell(system, 'supervisor', { type: 'persistence.flushed' })
      },
    },
  })
  return compileChart(provided)
}

/** The settled ones among outcomes, as summaries count them. */
export function settledOf(outcomes: readonly Outcome[]): readonly SettledOutcome[] {
  return outcomes.filter((outcome) => outcome.kind === 'settled')
}

/** Let go as a promise: it ends in an event, or in a rejection by a bug, which ends the process. */
async function writeBatch(
  { ledger, lease, clock }: SharedPorts,
  { batch }: OutcomeBatcherContext,
  self: BatcherSelf,
): Promise<void> {
  const startedAt = clock.now()
  try {
    const recorded = await recordApart(ledger, batch, { leaseId: ownerOf(lease) })
    self.send({ type: 'batch.written', ...recorded, tookMs: clock.now() - startedAt })
  } catch (error) {
    self.send({ type: 'batch.failed', error: ledgerFailureOf(error) })
  }
}

/**
 * Writes a batch. One that PostgreSQL refuses for what is in it is halved until that is found, and
 * the others are written. Rejects where nothing of it could be written and no value is at fault:
 * then it is the statement that is refused, and not an outcome.
 */
async function recordApart(
  ledger: Ledger,
  batch: readonly Outcome[],
  request: { readonly leaseId: number },
): Promise<Recorded> {
  const recorded = await recordOrHalve(ledger, batch, request)
  const { refused } = recorded
  if (refused.length < batch.length) return recorded
  const ofStatement = refused.find(({ failure }) => !isOfValue(failure.refusal))
  if (ofStatement !== undefined) throw ofStatement.failure
  return recorded
}

interface Recorded {
  readonly unwritten: readonly UnwrittenOutcome[]
  readonly refused: readonly RefusedOutcome[]
}

async function recordOrHalve(
  ledger: Ledger,
  batch: readonly Outcome[],
  request: { readonly leaseId: number },
): Promise<Recorded> {
  try {
    return { unwritten: await ledger.record(batch, request), refused: [] }
  } catch (failure) {
    if (!isRefused(failure)) throw failure
    if (batch.length === 1) {
      return { unwritten: [], refused: batch.map((outcome) => ({ outcome, failure })) }
    }
    if (isHeld(failure.refusal)) return await recordOneByOne(ledger, batch, request)
    const middle = Math.ceil(batch.length / 2)
    const first = await recordOrHalve(ledger, batch.slice(0, middle), request)
    const second = await recordOrHalve(ledger, batch.slice(middle), request)
    return {
      unwritten: [...first.unwritten, ...second.unwritten],
      refused: [...first.refused, ...second.refused],
    }
  }
}

/** Each half with the row that somebody holds would wait for it. */
async function recordOneByOne(
  ledger: Ledger,
  batch: readonly Outcome[],
  request: { readonly leaseId: number },
): Promise<Recorded> {
  const { written, refused } = await writeOneByOne(batch, (part) => ledger.record(part, request))
  return {
    unwritten: written.flatMap(({ value }) => value),
    refused: refused.map(({ item: outcome, failure }) => ({ outcome, failure })),
  }
}

function publishWritten(
  parts: Parts & { readonly publisher: SettledPublisher },
  batch: readonly Outcome[],
  { unwritten, refused, tookMs }: Recorded & { readonly tookMs: number },
): void {
  // What is not in the ledger stays in the settled set, where a summary finds whether it counts. But
  // what a purge has deleted would be counted for a payment that was posted anew.
  const missing = unwritten.filter(({ why }) => why !== 'settledBefore')
  const absent = refused.length === 0 ? missing : [...missing, ...refused]
  const written = absent.length === 0 ? batch : without(batch, absent)
  for (const each of missing) noteContradiction(parts.ports, each)
  const purged = missing.filter(({ why }) => why === 'purged').map(({ outcome }) => outcome)
  const leaving = purged.length === 0 ? written : [...written, ...purged]
  parts.publisher.remove(settledOf(leaving).map(({ correlationId }) => correlationId))
  const entries = written.flatMap((outcome) =>
    outcome.kind === 'parked'
      ? [{ correlationId: outcome.correlationId, dueInMs: outcome.delayMs }]
      : [],
  )
  if (entries.length > 0) tell(parts.system, 'retryQueue', { type: 'payments.parked', entries })
  parts.ports.telemetry.emit({
    type: 'batch.recorded',
    outcomes: batch.length - refused.length,
    settled: settledBy(unwritten.length === 0 ? written : without(written, unwritten)),
    tookMs,
  })
}

/** What is settled in the ledger by the writing of these, whoever has their payments now. */
function settledBy(written: readonly Outcome[]): SettledTotals {
  const totals = { default: { payments: 0, cents: 0 }, fallback: { payments: 0, cents: 0 } }
  for (const outcome of settledOf(written)) {
    const total = totals[outcome.processor]
    total.payments += 1
    total.cents += outcome.amountCents
  }
  return totals
}

function without(
  batch: readonly Outcome[],
  absent: readonly { readonly outcome: Outcome }[],
): readonly Outcome[] {
  const left = new Set(absent.map(({ outcome }) => outcome))
  return batch.filter((outcome) => !left.has(outcome))
}

/** A decision that came too late and what a purge has deleted contradict nothing. */
function noteContradiction({ telemetry }: SharedPorts, { outcome, why }: UnwrittenOutcome): void {
  if (outcome.kind !== 'settled' || why === 'purged') return
  const { correlationId, processor, amountCents, requestedAt } = outcome
  const kind = why === 'rejected' ? 'rejection' : 'settlement'
  const contradiction = { kind, requestedAt } as const
  const type = 'payment.contradicted'
  telemetry.emit({ type, correlationId, processor, amountCents, contradiction })
}

function noteRefused(
  { telemetry }: SharedPorts,
  aside: readonly Outcome[],
  refused: readonly RefusedOutcome[],
): void {
  for (const { outcome, failure } of refused) {
    const { correlationId, kind } = outcome
    const { sqlState, words: cause } = failure.refusal
    telemetry.emit({ type: 'outcome.refused', correlationId, outcome: kind, sqlState, cause })
  }
  const kept = [...aside, ...refused.map(({ outcome }) => outcome)]
  for (const { correlationId } of kept.slice(0, -ASIDE_MAX))
    telemetry.emit({ type: 'outcome.forgotten', correlationId })
}

/**
 * Keeps the settled set: what this instance has settled is added a few at a time, and removed once
 * it is committed. Where that fails, the other instances' summaries have it later.
 */
export interface SettledPublisher {
  /** Adds it to the settled set within the window. */
  add(settled: SettledPayment): void
  /** Removes them within the window; until then a summary counts them once, from the ledger. */
  remove(correlationIds: readonly string[]): void
  /** Makes at once the changes that wait. */
  flush(): void
}

/** How long changes gather before they are made together, ms: each by itself would be a wakeup. */
export const PUBLISH_WINDOW_MS = 10

export function createSettledPublisher({
  clock,
  settledSet,
}: Pick<SharedPorts, 'clock' | 'settledSet'>): SettledPublisher {
  let settled: SettledPayment[] = []
  let committed: string[] = []
  let timer: unknown = undefined

  const change = (): void => {
    timer = undefined
    const [entries, ids] = [settled, committed]
    settled = []
    committed = []
    // The order counts: what is committed already may still wait to be added.
    if (entries.length > 0) settledSet.add(entries).catch(cacheFailureOf)
    if (ids.length > 0) settledSet.remove(ids).catch(cacheFailureOf)
  }
  const arm = (): void => {
    timer ??= clock.setTimeout(change, PUBLISH_WINDOW_MS)
  }

  return {
    add(payment) {
      settled.push(payment)
      arm()
    },
    remove(correlationIds) {
      if (correlationIds.length === 0) return
      for (const correlationId of correlationIds) committed.push(correlationId)
      arm()
    },
    flush() {
      if (timer === undefined) return
      clock.clearTimeout(timer)
      change()
    },
  }
}
