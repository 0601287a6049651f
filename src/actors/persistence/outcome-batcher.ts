// The effects of the outcome batcher: it writes batches, keeps the settled set, and tells the retry
// queue what was parked.

import assert from 'node:assert'
import type { Actor } from 'xstate'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { tell, type Directory } from '../messages.ts'
import { cacheFailureOf, ledgerFailureOf } from '../model/errors.ts'
import { ownerOf } from '../ownership/fence.ts'
import type { Outcome, SettledPayment } from '../model/payment.ts'
import { doubled } from '../model/settings.ts'
import type { SharedPorts, UnwrittenOutcome } from '../model/ports.ts'
import {
  outcomeBatcherMachine,
  type OutcomeBatcherContext,
  type OutcomeBatcherEvent,
} from './outcome-batcher.machine.ts'

export type OutcomeBatcherActor = Actor<typeof outcomeBatcherMachine>

export type SettledOutcome = Extract<Outcome, { kind: 'settled' }>

/** First and longest pause after a failed write, ms. */
const WRITE_PAUSE_MS = 100
const WRITE_PAUSE_MAX_MS = 1000

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
        // In the same turn of the event loop, which saves a wakeup.
        publisher.flush()
        void writeBatch(ports, context, self)
      },
      publishWritten: ({ context, event }) =>
        publishWritten({ ...parts, publisher }, context, event),
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
      reportWritten: () => tell(system, 'lease', { type: 'outcomes.written' }),
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
    const unwritten = await ledger.record(batch, { leaseId: ownerOf(lease) })
    self.send({ type: 'batch.written', unwritten, tookMs: clock.now() - startedAt })
  } catch (error) {
    self.send({ type: 'batch.failed', error: ledgerFailureOf(error) })
  }
}

function publishWritten(
  parts: Parts & { readonly publisher: SettledPublisher },
  { batch }: OutcomeBatcherContext,
  event: OutcomeBatcherEvent,
): void {
  assert(event.type === 'batch.written', 'a batch is published once it is written')
  const { unwritten } = event
  // What is not in the ledger stays in the settled set, until a summary finds it of no use there.
  const written = unwritten.length === 0 ? batch : without(batch, unwritten)
  for (const each of unwritten) noteContradiction(parts.ports, each)
  parts.publisher.remove(settledOf(written).map(({ correlationId }) => correlationId))
  const entries = written.flatMap((outcome) =>
    outcome.kind === 'parked'
      ? [{ correlationId: outcome.correlationId, dueInMs: outcome.delayMs }]
      : [],
  )
  if (entries.length > 0) tell(parts.system, 'retryQueue', { type: 'payments.parked', entries })
  parts.ports.telemetry.emit({
    type: 'batch.recorded',
    outcomes: batch.length,
    tookMs: event.tookMs,
  })
}

function without(
  batch: readonly Outcome[],
  unwritten: readonly UnwrittenOutcome[],
): readonly Outcome[] {
  const left = new Set(unwritten.map(({ outcome }) => outcome))
  return batch.filter((outcome) => !left.has(outcome))
}

/** A decision that came too late and what a purge has deleted contradict nothing. */
function noteContradiction(
  { telemetry }: SharedPorts,
  { outcome, why: reason }: UnwrittenOutcome,
): void {
  if (outcome.kind !== 'settled' || reason === 'purged' || reason === 'fenced') return
  const { correlationId, processor } = outcome
  telemetry.emit({ type: 'payment.contradicted', correlationId, processor, reason })
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
    // In this order: what is committed already may still wait to be added.
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
