// The retry queue: payments that wait are entries with a due time, in the ledger and, for speed, on
// the cache. They come back when due and only as fast as `payments` offers room.

import { assign, fromPromise, setup } from 'xstate'
import { tell, type RetryQueueEvent } from '../messages.ts'
import type { SharedPorts, ParkedEntry, DelayedQueue } from '../model/ports.ts'
import { cacheFailureOf, causeOf, mayBeDone } from '../model/errors.ts'
import type { ClaimedPayment } from '../model/payment.ts'

export interface RetryQueueInput {
  readonly ports: SharedPorts
  readonly cache: DelayedQueue
}

interface RetryQueueContext extends RetryQueueInput {
  /** Payments that may be claimed now. */
  readonly limit: number
  /** Lease that they are claimed under. */
  readonly leaseId: number
  /** Monotonic instant of the last look into the ledger itself, ms. */
  readonly sweptAt: number
  /** Whether that look found more than it could take. */
  readonly sweptFull: boolean
  /** Whether the last look brought payments: more may be due. */
  readonly isFlowing: boolean
  /** Whether a drain has ended the claims; what is being claimed still arrives. */
  readonly isClosed: boolean
}

interface Claimed {
  /** Whether the ledger may have claimed more than it said. */
  readonly mayHaveStrays: boolean
  readonly batch: readonly ClaimedPayment[]
  readonly sweptAt: number
  readonly sweptFull: boolean
}

/**
 * Between two looks for due payments that are not on the cache, ms. While nothing is due the cache
 * is looked at as rarely: asking both at each tick cost an idle instance a third of its CPU.
 */
const SWEEP_INTERVAL_MS = 250

/** Entries that are read from the ledger when the cache was lost. */
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
    noteLimit: assign(({ context, event }) =>
      event.type === 'capacity.offered'
        ? { limit: event.limit, leaseId: context.ports.lease.id }
        : {},
    ),
    schedule: ({ context, event }) => {
      if (event.type !== 'payments.parked') return
      context.cache.schedule(event.entries).catch(cacheFailureOf)
    },
    close: assign({ isClosed: true }),
    noteLook: assign((_, { batch, sweptAt, sweptFull }: Claimed) => {
      return { sweptAt, sweptFull, isFlowing: batch.length > 0 }
    }),
    passOn: ({ context: { leaseId }, self }, { batch, mayHaveStrays }: Claimed) => {
      if (batch.length > 0) {
        const from = 'retryQueue'
        tell(self.system, 'payments', { type: 'payments.claimed', batch, from, leaseId })
      }
      if (mayHaveStrays) tell(self.system, 'lease', { type: 'lease.tainted', leaseId })
    },
    reportStrays: ({ context: { leaseId }, event, self }) => {
      if (!('error' in event) || !mayBeDone(event.error)) return
      tell(self.system, 'lease', { type: 'lease.tainted', leaseId })
    },
    reportEnded: ({ self }) =>
      tell(self.system, 'payments', { type: 'intake.ended', from: 'retryQueue' }),
    noteFailure: ({ context, event }) => {
      const cause = causeOf(event)
      context.ports.telemetry.emit({ type: 'ledger.failed', operation: 'claimDue', cause })
    },
  },
  guards: {
    isWorthALook: ({ context }) => context.isFlowing || isSweepDue(context),
    isClosed: ({ context }) => context.isClosed,
  },
  delays: { failurePause: PAUSE_MS },
}).createMachine({
  id: 'retryQueue',
  context: ({ input }) => ({
    ...input,
    limit: 0,
    leaseId: 0,
    sweptAt: Number.NEGATIVE_INFINITY,
    sweptFull: false,
    isFlowing: false,
    isClosed: false,
  }),
  initial: 'idle',
  on: {
    'payments.parked': { actions: 'schedule' },
    'drain.started': { actions: 'close' },
  },
  states: {
    idle: {
      on: {
        'capacity.offered': { guard: 'isWorthALook', target: 'claiming', actions: 'noteLimit' },
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
            { type: 'noteLook', params: ({ event }) => event.output },
            { type: 'passOn', params: ({ event }) => event.output },
          ],
        },
        onError: { target: 'paused', actions: ['noteFailure', 'reportStrays'] },
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

function isSweepDue({ ports, sweptAt, sweptFull }: RetryQueueContext): boolean {
  return sweptFull || ports.clock.now() - sweptAt >= SWEEP_INTERVAL_MS
}

async function claimDue(context: RetryQueueContext): Promise<Claimed> {
  const { ports, cache, limit, leaseId, sweptAt } = context
  const { ledger, clock } = ports
  const now = clock.now()
  const sweeps = isSweepDue(context)
  if (sweeps) await rebuildIfLost(context)
  const ids = await cache.takeDue(limit).catch(noIds)
  const batch = ids.length > 0 ? await ledger.claimParked(ids, { leaseId }) : []
  const room = limit - batch.length
  if (!sweeps || room <= 0) return { batch, sweptAt, sweptFull: false, mayHaveStrays: false }
  const swept = await sweep(context, { batch, room })
  return { ...swept, batch: [...batch, ...swept.batch], sweptAt: now }
}

/** What was claimed from the cache is kept even if the sweep fails. */
async function sweep(
  { ports, leaseId }: RetryQueueContext,
  { batch, room }: { batch: readonly ClaimedPayment[]; room: number },
): Promise<Omit<Claimed, 'sweptAt'>> {
  try {
    const swept = await ports.ledger.claimDue({ leaseId, limit: room })
    return { batch: swept, sweptFull: swept.length >= room, mayHaveStrays: false }
  } catch (error) {
    if (batch.length === 0) throw error
    return { batch: [], sweptFull: false, mayHaveStrays: mayBeDone(error) }
  }
}

async function rebuildIfLost({ ports, cache }: RetryQueueContext): Promise<void> {
  const isLost = await cache.claimRebuild().catch(isNotLost)
  if (!isLost) return
  const entries: readonly ParkedEntry[] = await ports.ledger.listParked(REBUILD_MAX)
  await cache.schedule(entries).catch(cacheFailureOf)
}

function noIds(error: unknown): readonly string[] {
  cacheFailureOf(error)
  return []
}

function isNotLost(error: unknown): boolean {
  cacheFailureOf(error)
  return false
}
