// The retry queue: payments that wait are entries with a due time, in the ledger and, for speed, in
// the delayed queue. They come back when due and only as fast as `payments` offers capacity.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type RetryQueueEvent } from '../messages.ts'
import type { DelayedQueue, ParkedEntry, SharedPorts } from '../model/ports.ts'
import {
  cacheFailureOf,
  causeOf,
  errorIn,
  isLedgerFailure,
  ledgerFailureOf,
} from '../model/errors.ts'
import type { ClaimedPayment } from '../model/payment.ts'
import { ownerOf } from './fence.ts'
import type { LedgerClock } from './ledger-clock.ts'

export interface RetryQueueInput {
  readonly ports: SharedPorts
  readonly delayedQueue: DelayedQueue
  readonly ledgerClock: LedgerClock
  /** Time, from its sending, in which a request can still be processed, ms. */
  readonly settleByMs: number
  /** Longest time that a payment is parked for, ms. */
  readonly delayMaxMs: number
}

interface RetryQueueContext extends RetryQueueInput {
  /** What is being claimed, or was last; null before the first. */
  readonly claimRequest: ClaimRequest | null
  /** Monotonic instant of the last sweep, which claims by the ledger's own due times, ms. */
  readonly sweptAt: number
  /** Whether that sweep brought as many payments as it could: there may be more. */
  readonly sweptFull: boolean
  /** Whether payments were claimed the last time: more may be due. */
  readonly isFlowing: boolean
  /** Monotonic instant until which what was parked here, or claimed, may come due again, ms. */
  readonly quietFrom: number
  /** Whether a drain has ended the claiming; what is being claimed still arrives. */
  readonly isClosed: boolean
}

interface ClaimRequest {
  /** Payments that may be claimed. */
  readonly limit: number
  /** Lease that they are claimed under. */
  readonly leaseId: number
}

interface Claimed {
  readonly batch: readonly ClaimedPayment[]
  readonly sweptAt: number
  readonly sweptFull: boolean
}

/**
 * Between two sweeps for all that is due, ms. While nothing is, the ledger alone is asked, and more
 * seldom once nothing of this instance's can be: its share of an idle instance's CPU is large.
 */
const SWEEP_INTERVAL_MS = 250
const QUIET_SWEEP_INTERVAL_MS = 500

/** Entries that are read from the ledger when the delayed queue was lost. */
const REBUILD_MAX = 10_000

/** Pause after the ledger failed, ms. */
const PAUSE_MS = 500

export const retryQueueMachine = setup({
  types: {
    context: {} as RetryQueueContext,
    input: {} as RetryQueueInput,
    events: {} as RetryQueueEvent,
  },
  actors: {
    claimDue: fromPromise<Claimed, RetryQueueContext>(({ input }) => claimDue(input)),
  },
  actions: {
    noteClaimRequest: assign(({ context, event }) => {
      assert(event.type === 'capacity.offered', 'payments are claimed after an offer')
      return { claimRequest: { limit: event.limit, leaseId: ownerOf(context.ports.lease) } }
    }),
    schedule: ({ context, event }) => {
      assert(event.type === 'payments.parked', 'what is scheduled was parked')
      context.delayedQueue.schedule(event.entries).catch(cacheFailureOf)
    },
    stayAwake: assign(({ context }) => ({ quietFrom: quietFromNow(context) })),
    close: assign({ isClosed: true }),
    noteClaimed: assign(({ context }, { batch, sweptAt, sweptFull }: Claimed) => {
      const isFlowing = batch.length > 0
      const quietFrom = isFlowing ? quietFromNow(context) : context.quietFrom
      return { sweptAt, sweptFull, isFlowing, quietFrom }
    }),
    passOn: ({ context, self }, { batch }: Claimed) => {
      if (batch.length === 0) return
      const { leaseId } = claimRequestOf(context)
      const from = 'retryQueue'
      tell(self.system, 'payments', { type: 'payments.claimed', batch, from, leaseId })
    },
    reportEnded: ({ self }) =>
      tell(self.system, 'payments', { type: 'intake.ended', from: 'retryQueue' }),
    noteFailure: ({ context, event }) => {
      const cause = causeOf(event)
      context.ports.telemetry.emit({ type: 'ledger.failed', operation: 'claimDue', cause })
    },
  },
  guards: {
    mayClaimAny: ({ context }) => context.isFlowing || isSweepDue(context),
    isLedgerFailure: (_, error: unknown) => isLedgerFailure(error),
    isClosed: ({ context }) => context.isClosed,
  },
  delays: { failurePause: PAUSE_MS },
}).createMachine({
  id: 'retryQueue',
  context: ({ input }) => ({
    ...input,
    claimRequest: null,
    sweptAt: Number.NEGATIVE_INFINITY,
    sweptFull: false,
    isFlowing: false,
    quietFrom: quietFromNow(input),
    isClosed: false,
  }),
  initial: 'idle',
  on: {
    'payments.parked': { actions: ['schedule', 'stayAwake'] },
    'drain.started': { actions: 'close' },
  },
  states: {
    idle: {
      on: {
        'capacity.offered': {
          guard: 'mayClaimAny',
          target: 'claiming',
          actions: 'noteClaimRequest',
        },
      },
      always: { guard: 'isClosed', target: 'closed' },
    },
    claiming: {
      invoke: {
        id: 'claimDue',
        src: 'claimDue',
        input: ({ context }) => context,
        onDone: {
          target: 'idle',
          actions: [
            { type: 'noteClaimed', params: ({ event }) => event.output },
            { type: 'passOn', params: ({ event }) => event.output },
          ],
        },
        // Anything else that was thrown is a bug and ends the actor.
        onError: {
          guard: { type: 'isLedgerFailure', params: errorIn },
          target: 'paused',
          actions: 'noteFailure',
        },
      },
    },
    paused: {
      always: { guard: 'isClosed', target: 'closed' },
      after: { failurePause: { target: 'idle' } },
    },
    closed: {
      entry: 'reportEnded',
    },
  },
})

function claimRequestOf({ claimRequest }: RetryQueueContext): ClaimRequest {
  assert(claimRequest !== null, 'what is claimed is noted before the ledger is asked')
  return claimRequest
}

/** What is parked now is due by then. */
function quietFromNow({ ports, delayMaxMs }: RetryQueueInput): number {
  return ports.clock.now() + delayMaxMs + SWEEP_INTERVAL_MS
}

function isSweepDue({ ports, sweptAt, sweptFull, quietFrom }: RetryQueueContext): boolean {
  const now = ports.clock.now()
  const intervalMs = now < quietFrom ? SWEEP_INTERVAL_MS : QUIET_SWEEP_INTERVAL_MS
  return sweptFull || now - sweptAt >= intervalMs
}

/** What is claimed without an answer is found as a stray. */
async function claimDue(context: RetryQueueContext): Promise<Claimed> {
  const { ports, delayMaxMs, sweptAt } = context
  const { limit, leaseId } = claimRequestOf(context)
  const { ledger, clock } = ports
  const now = clock.now()
  const sweeps = isSweepDue(context)
  // All that is due is in the ledger. The delayed queue has it quicker while there is much.
  const ids = context.isFlowing ? await takeDue(context, { limit, sweeps }) : []
  const batch =
    ids.length > 0 ? await judged(context, () => ledger.claimParked(ids, { leaseId })) : []
  const left = limit - batch.length
  if (!sweeps || left <= 0) return { batch, sweptAt, sweptFull: false }
  const sweep = () => ledger.claimDue({ leaseId, limit: left, delayMaxMs })
  const swept = await judged(context, sweep).catch((error: unknown) => {
    const failure = ledgerFailureOf(error)
    // What was claimed by the delayed queue's due times is kept.
    if (batch.length > 0) return []
    throw failure
  })
  return { batch: [...batch, ...swept], sweptAt: now, sweptFull: swept.length >= left }
}

async function takeDue(
  context: RetryQueueContext,
  { limit, sweeps }: { readonly limit: number; readonly sweeps: boolean },
): Promise<readonly string[]> {
  if (sweeps) await rebuildIfLost(context)
  return context.delayedQueue.takeDue(limit).catch(noIds)
}

/** Claims payments, with deadlines that hold by this process's clock. */
async function judged(
  { ports: { clock }, ledgerClock, settleByMs: wholeMs }: RetryQueueContext,
  claim: () => Promise<readonly ClaimedPayment[]>,
): Promise<readonly ClaimedPayment[]> {
  const askedAt = clock.now()
  const claims = await claim()
  return ledgerClock.judged(claims, { askedAt, answeredAt: clock.now(), wholeMs })
}

async function rebuildIfLost({ ports, delayedQueue }: RetryQueueContext): Promise<void> {
  const isLost = await delayedQueue.claimRebuild().catch(isNotLost)
  if (!isLost) return
  const entries: readonly ParkedEntry[] = await ports.ledger.listParked(REBUILD_MAX)
  await delayedQueue.schedule(entries).catch(cacheFailureOf)
}

function noIds(error: unknown): readonly string[] {
  cacheFailureOf(error)
  return []
}

function isNotLost(error: unknown): boolean {
  cacheFailureOf(error)
  return false
}
