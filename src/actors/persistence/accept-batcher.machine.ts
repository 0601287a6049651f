// Group commit of accepted payments: while one batch is being committed the next one gathers, so a
// quiet system commits at once and a busy one many at a time. Beyond a rate of commits they are
// spaced out, since each costs the database more than a further payment in it.

import assert from 'node:assert'
import { assign, setup } from 'xstate'
import { emptyQueue, takeOldest, withItem, type PendingQueue } from './pending-queue.ts'
import type { LedgerFailure } from '../model/errors.ts'
import type { IntakeEvent, PaymentReceived } from '../messages.ts'
import type { Accepted, AcceptResult } from '../model/ports.ts'

export interface AcceptBatcherInput {
  /** Payments in one commit. */
  readonly batchMax: number
  /** How long a batch gathers when nothing is being committed, ms; 0 commits at once. */
  readonly windowMs: number
  /** Commits a second beyond which they are spaced out. */
  readonly commitsMax: number
  /** Payments that may wait for the next batch; beyond it they are refused. */
  readonly pendingMax: number
}

export interface AcceptBatcherContext extends AcceptBatcherInput {
  /** Payments that wait for the next commit. */
  readonly pending: PendingQueue<PaymentReceived>
  /** Payments that are being committed, oldest first. */
  readonly batch: readonly PaymentReceived[]
  /** Whether new payments are parked in the ledger instead of kept in memory. */
  readonly parks: boolean
  /** `parks` when the batch was taken. */
  readonly batchParks: boolean
  /** Whether nothing more is let in: what waits is written at once, and the batcher ends. */
  readonly isClosed: boolean
}

/** What became of a batch; of what PostgreSQL refuses by itself nothing was written. */
export interface AnsweredBatch extends Pick<Accepted, 'purges'> {
  /** In the order of the batch. */
  readonly results: readonly (AcceptResult | 'refused')[]
}

export type AcceptBatcherEvent =
  | PaymentReceived
  | IntakeEvent
  | { readonly type: 'window.elapsed' }
  | {
      readonly type: 'batch.written'
      readonly accepted: AnsweredBatch
      readonly tookMs: number
      /** Pause before the next commit, ms; 0 while commits are rare enough to need none. */
      readonly spacingMs: number
      /** Lease that the batch was written under. */
      readonly leaseId: number
    }
  /** What was committed all the same is found as a stray. */
  | { readonly type: 'batch.failed'; readonly error: LedgerFailure }
  | { readonly type: 'spacing.elapsed' }
  | { readonly type: 'pause.elapsed' }

interface Step {
  readonly context: AcceptBatcherContext
  readonly event: AcceptBatcherEvent
}

const unprovided = (name: string) => (): never => {
  throw new Error(`accept batcher machine: effect ${name} was not provided`)
}

export const acceptBatcherMachine = setup({
  types: {
    context: {} as AcceptBatcherContext,
    input: {} as AcceptBatcherInput,
    events: {} as AcceptBatcherEvent,
  },
  actions: {
    // Effects, provided by accept-batcher.ts.
    startWindow: unprovided('startWindow'),
    startSpacing: unprovided('startSpacing'),
    writeBatch: unprovided('writeBatch'),
    answerBatch: unprovided('answerBatch'),
    refuseAll: unprovided('refuseAll'),
    refuseOne: unprovided('refuseOne'),
    startPause: unprovided('startPause'),
    reportEnded: unprovided('reportEnded'),

    keep: assign((step: Step) => kept(step)),
    takeBatch: assign(({ context }: Step) => batchTaken(context)),
    dropBatch: assign({ batch: [] }),
    dropAll: assign({ batch: [], pending: emptyQueue<PaymentReceived>() }),
    noteIntake: assign(({ event }: Step) => {
      assert(event.type === 'intake.changed', 'the intake changes by its own event')
      return { parks: event.parks }
    }),
    // Nobody here is going to work on what is accepted from now on.
    close: assign({ isClosed: true, parks: true }),
  },
  guards: {
    mayWrite: ({ context }) =>
      context.pending.size > 0 &&
      (context.windowMs === 0 || context.pending.size >= context.batchMax),
    hasPending: ({ context }) => context.pending.size > 0,
    mustWrite: ({ context }) =>
      context.pending.size > 0 && (context.isClosed || context.pending.size >= context.batchMax),
    isDense: ({ event }) => {
      assert(event.type === 'batch.written', 'commits are spaced after a commit')
      return event.spacingMs > 0
    },
    isOpen: ({ context }) => !context.isClosed,
    isClosed: ({ context }) => context.isClosed,
    batcherIsFull: ({ context }) => context.pending.size >= context.pendingMax,
  },
}).createMachine({
  id: 'acceptBatcher',
  context: ({ input }) => ({
    ...input,
    pending: emptyQueue<PaymentReceived>(),
    batch: [],
    parks: false,
    batchParks: false,
    isClosed: false,
  }),
  initial: 'idle',
  on: {
    'intake.changed': { guard: 'isOpen', actions: 'noteIntake' },
    'intake.closed': { actions: 'close' },
  },
  states: {
    idle: {
      on: { 'payment.received': { actions: 'keep' } },
      always: [
        { guard: 'mayWrite', target: 'writing' },
        { guard: 'hasPending', target: 'gathering' },
        { guard: 'isClosed', target: 'closed' },
      ],
    },
    gathering: {
      entry: 'startWindow',
      on: {
        'payment.received': { actions: 'keep' },
        'window.elapsed': { target: 'writing' },
      },
      always: { guard: 'mustWrite', target: 'writing' },
    },
    writing: {
      entry: ['takeBatch', 'writeBatch'],
      on: {
        'payment.received': [{ guard: 'batcherIsFull', actions: 'refuseOne' }, { actions: 'keep' }],
        'batch.written': [
          {
            guard: 'isDense',
            target: 'spacing',
            actions: ['answerBatch', 'dropBatch', 'startSpacing'],
          },
          { target: 'idle', actions: ['answerBatch', 'dropBatch'] },
        ],
        'batch.failed': { target: 'paused', actions: ['refuseAll', 'dropAll'] },
      },
    },
    spacing: {
      on: {
        'payment.received': { actions: 'keep' },
        'spacing.elapsed': [{ guard: 'hasPending', target: 'writing' }, { target: 'idle' }],
      },
      always: [
        { guard: 'mustWrite', target: 'writing' },
        { guard: 'isClosed', target: 'closed' },
      ],
    },
    paused: {
      entry: 'startPause',
      on: {
        'payment.received': { actions: 'refuseOne' },
        'pause.elapsed': { target: 'idle' },
      },
    },
    closed: {
      entry: 'reportEnded',
      on: { 'payment.received': { actions: 'refuseOne' } },
    },
  },
})

function kept({ context, event }: Step): Partial<AcceptBatcherContext> {
  assert(event.type === 'payment.received', 'what is kept is a payment')
  return { pending: withItem(context.pending, event) }
}

function batchTaken(context: AcceptBatcherContext): Partial<AcceptBatcherContext> {
  const { taken, rest } = takeOldest(context.pending, context.batchMax)
  return { batch: taken, pending: rest, batchParks: context.parks }
}
