// The effects of the outcome batcher: shares settlements with the other instances, writes batches, and
// tells the retry queue what was parked.

import type { Actor } from 'xstate'
import { tell, type Directory } from '../messages.ts'
import { createSettledPublisher, type SettledPublisher } from './settled-publisher.ts'
import { WRITE_PAUSE_MAX_MS, WRITE_PAUSE_MS, type SharedPorts } from '../model/shared-ports.ts'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { ledgerFailureOf } from '../model/ledger-failure.ts'
import {
  outcomeBatcherMachine,
  type OutcomeBatcherContext,
  type OutcomeBatcherEvent,
} from './outcome-batcher.machine.ts'
import type { Outcome } from '../model/payment.ts'
import { doubled } from '../model/settings.ts'

export type OutcomeBatcherActor = Actor<typeof outcomeBatcherMachine>

export type SettledOutcome = Extract<Outcome, { kind: 'settled' }>

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
      announce: ({ event }) => {
        if (event.type !== 'outcome.reached' || event.outcome.kind !== 'settled') return
        publisher.add(event.outcome)
      },
      startWindow: ({ context, self }) =>
        void clock.setTimeout(() => self.send({ type: 'window.elapsed' }), context.windowMs),
      writeBatch: ({ context, self }) => {
        // In the same turn, which saves the wakeup that the announcement would be.
        publisher.announce()
        void writeBatch(ports, context, self)
      },
      publishWritten: ({ context, event }) =>
        publishWritten({ ...parts, publisher }, context, event),
      noteFailure: ({ event }) => {
        if (event.type !== 'batch.failed') return
        telemetry.emit({ type: 'ledger.failed', operation: 'record', cause: event.error.message })
      },
      startPause: ({ context, self }) => {
        const pauseMs = doubled(WRITE_PAUSE_MS, context.failures - 1, WRITE_PAUSE_MAX_MS)
        clock.setTimeout(() => self.send({ type: 'pause.elapsed' }), pauseMs)
      },
      reportCongested: () => tell(system, 'payments', { type: 'outcomes.congested' }),
      reportRelieved: () => tell(system, 'payments', { type: 'outcomes.relieved' }),
      reportFlushed: () => {
        publisher.announce()
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

async function writeBatch(
  { ledger, lease, clock }: SharedPorts,
  { batch }: OutcomeBatcherContext,
  self: BatcherSelf,
): Promise<void> {
  const startedAt = clock.now()
  try {
    await ledger.record(batch, { leaseId: lease.id })
    self.send({ type: 'batch.written', tookMs: clock.now() - startedAt })
  } catch (error) {
    self.send({ type: 'batch.failed', error: ledgerFailureOf(error) })
  }
}

function publishWritten(
  parts: Parts & { readonly publisher: SettledPublisher },
  { batch }: OutcomeBatcherContext,
  event: OutcomeBatcherEvent,
): void {
  if (event.type !== 'batch.written') return
  parts.publisher.remove(settledOf(batch).map(({ correlationId }) => correlationId))
  const entries = batch.flatMap((outcome) =>
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
