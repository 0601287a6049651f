// Writes outcomes of payments in batches, after the processor has answered: flushed on size or age,
// and kept until the ledger has them.

import assert from 'node:assert'
import { assign, setup } from 'xstate'
import { emptyQueue, takeOldest, withItem, type PendingQueue } from './pending-queue.ts'
import type { OutcomeEvent } from '../messages.ts'
import type { LedgerFailure, StatementRefused } from '../model/errors.ts'
import type { Outcome } from '../model/payment.ts'
import type { UnwrittenOutcome } from '../model/ports.ts'

export interface OutcomeBatcherInput {
  /** Outcomes in one commit. */
  readonly batchMax: number
  /** Age at which an unwritten outcome is flushed, ms. */
  readonly windowMs: number
  /** Unwritten outcomes above which nothing new is started. */
  readonly congestedAt: number
}

export interface OutcomeBatcherContext extends OutcomeBatcherInput {
  /** Outcomes that wait for the next commit. */
  readonly pending: PendingQueue<Outcome>
  /** Outcomes that are being written, oldest first; kept while that fails. */
  readonly batch: readonly Outcome[]
  /** Outcomes that PostgreSQL has refused, each by itself; `ASIDE_MAX` at most, oldest first. */
  readonly aside: readonly Outcome[]
  /** Whether `payments` was sent `outcomes.congested` and not yet `outcomes.relieved`. */
  readonly isCongested: boolean
  /** Whether everything is to be written at once from now on. */
  readonly isDraining: boolean
  /** Failed writes of this batch, for the growing pause. */
  readonly failures: number
}

export type OutcomeBatcherEvent =
  | OutcomeEvent
  | { readonly type: 'window.elapsed' }
  | {
      readonly type: 'batch.written'
      /** Those of the batch that the ledger does not have, and never will. */
      readonly unwritten: readonly UnwrittenOutcome[]
      /** Those that PostgreSQL has refused, each by itself. */
      readonly refused: readonly RefusedOutcome[]
      readonly tookMs: number
    }
  | { readonly type: 'batch.failed'; readonly error: LedgerFailure }
  | { readonly type: 'pause.elapsed' }
  /** What was refused is to be written again. */
  | { readonly type: 'aside.due' }
  /** Write at once what is left, without waiting for the window. */
  | { readonly type: 'drain.started' }

/** An outcome that PostgreSQL refuses by itself, and why. */
export interface RefusedOutcome {
  readonly outcome: Outcome
  readonly failure: StatementRefused
}

/** Outcomes kept aside; beyond it the oldest are let go. */
export const ASIDE_MAX = 1_000

interface Step {
  readonly context: OutcomeBatcherContext
  readonly event: OutcomeBatcherEvent
}

const unprovided = (name: string) => (): never => {
  throw new Error(`outcome batcher machine: effect ${name} was not provided`)
}

export const outcomeBatcherMachine = setup({
  types: {
    context: {} as OutcomeBatcherContext,
    input: {} as OutcomeBatcherInput,
    events: {} as OutcomeBatcherEvent,
  },
  actions: {
    // Effects, provided by outcome-batcher.ts.
    publishSettled: unprovided('publishSettled'),
    startWindow: unprovided('startWindow'),
    writeBatch: unprovided('writeBatch'),
    publishWritten: unprovided('publishWritten'),
    noteFailure: unprovided('noteFailure'),
    startPause: unprovided('startPause'),
    reportCongested: unprovided('reportCongested'),
    reportRelieved: unprovided('reportRelieved'),
    reportFlushed: unprovided('reportFlushed'),

    keep: assign(({ context, event }: Step) => {
      assert(event.type === 'outcome.reached', 'what is kept is an outcome')
      return { pending: withItem(context.pending, event.outcome) }
    }),
    takeBatch: assign(({ context }: Step) => {
      // After a failure the same batch is written again, with what has come since: in company it
      // shows whether one outcome is at fault.
      const { taken, rest } = takeOldest(context.pending, context.batchMax - context.batch.length)
      return { batch: [...context.batch, ...taken], pending: rest }
    }),
    dropBatch: assign(({ context, event }: Step) => {
      assert(event.type === 'batch.written', 'a batch is dropped once it is written')
      const refused = event.refused.map(({ outcome }) => outcome)
      return { batch: [], failures: 0, aside: [...context.aside, ...refused].slice(-ASIDE_MAX) }
    }),
    takeBackAside: assign(({ context: { pending, aside } }: Step) => {
      return { pending: aside.reduce<PendingQueue<Outcome>>(withItem, pending), aside: [] }
    }),
    countFailure: assign(({ context }) => ({ failures: context.failures + 1 })),
    markCongested: assign({ isCongested: true }),
    markRelieved: assign({ isCongested: false }),
    markDraining: assign({ isDraining: true }),
  },
  guards: {
    hasPending: ({ context }) => context.pending.size > 0,
    mustWrite: ({ context }) => context.isDraining || context.pending.size >= context.batchMax,
    isDraining: ({ context }) => context.isDraining,
    becomesCongested: ({ context }) =>
      !context.isCongested && context.pending.size >= context.congestedAt,
    isRelieved: ({ context }) =>
      context.isCongested && context.pending.size <= context.congestedAt / 2,
  },
}).createMachine({
  id: 'outcomeBatcher',
  context: ({ input }) => ({
    ...input,
    pending: emptyQueue<Outcome>(),
    batch: [],
    aside: [],
    isCongested: false,
    isDraining: false,
    failures: 0,
  }),
  initial: 'idle',
  on: {
    'outcome.reached': [
      {
        guard: 'becomesCongested',
        actions: ['keep', 'publishSettled', 'markCongested', 'reportCongested'],
      },
      { actions: ['keep', 'publishSettled'] },
    ],
    'aside.due': { actions: 'takeBackAside' },
    // Once more, so that nothing is left behind that could have been written by now.
    'drain.started': { actions: ['takeBackAside', 'markDraining'] },
  },
  states: {
    idle: {
      always: [
        { guard: 'hasPending', target: 'gathering' },
        { guard: 'isDraining', target: 'flushed' },
      ],
    },
    gathering: {
      entry: 'startWindow',
      on: { 'window.elapsed': { target: 'writing' } },
      always: { guard: 'mustWrite', target: 'writing' },
    },
    writing: {
      entry: ['takeBatch', 'writeBatch'],
      on: {
        'batch.written': [
          {
            guard: 'isRelieved',
            target: 'idle',
            actions: ['publishWritten', 'dropBatch', 'markRelieved', 'reportRelieved'],
          },
          { target: 'idle', actions: ['publishWritten', 'dropBatch'] },
        ],
        'batch.failed': { target: 'paused', actions: ['noteFailure', 'countFailure'] },
      },
    },
    paused: {
      entry: 'startPause',
      on: { 'pause.elapsed': { target: 'writing' } },
    },
    flushed: {
      entry: 'reportFlushed',
      always: { guard: 'hasPending', target: 'writing' },
    },
  },
})
