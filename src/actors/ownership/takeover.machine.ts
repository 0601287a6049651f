// Claims the payments of instances that are gone, a bounded batch at a time.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type TakeoverEvent } from '../messages.ts'
import type { SeenLease, SharedPorts, TakenOver } from '../model/ports.ts'
import { causeOf, errorIn, isLedgerFailure } from '../model/errors.ts'
import { ownerOf } from './fence.ts'

export interface TakeoverInput {
  readonly ports: SharedPorts
  readonly instanceId: string
  /** Payments claimed at once. */
  readonly batchMax: number
  /** Length of this instance's lease, ms, which those that do not say their own are taken to have. */
  readonly leaseTtlMs: number
  /** Time, from its sending, in which a request can still be processed, ms. */
  readonly settleByMs: number
}

interface TakeoverContext extends TakeoverInput {
  /** The leases of others as they were seen last, each since when it is seen so. */
  readonly watched: readonly WatchedLease[]
  /** Monotonic instant by which they were seen last, ms. */
  readonly seenAt: number
  /** Monotonic instant by which another process under this instance's id was told last, ms. */
  readonly doubledToldAt: number
  /** Whether as many payments as allowed were claimed the last time: there may be more. */
  readonly isFull: boolean
  /** Lease that payments are claimed under; null before the first. */
  readonly leaseId: number | null
  /** Leases of this process, the lost ones while PostgreSQL has them: a renewal of one may be late. */
  readonly ownLeaseIds: readonly number[]
  /** Whether a drain has ended the claiming; what is being claimed still arrives. */
  readonly isClosed: boolean
}

interface WatchedLease extends SeenLease {
  /** Monotonic instant by which it was first seen so, ms. */
  readonly since: number
}

/** Time beyond its length after which a lease that nobody renews counts as lost, ms. */
const GRACE_MS = 250

/** How long it is not told again that another process has this instance's id, ms. */
const TOLD_AGAIN_MS = 60_000

/** Between two batches that are claimed, ms. */
const CLAIM_INTERVAL_MS = 500

export const takeoverMachine = setup({
  types: {
    context: {} as TakeoverContext,
    input: {} as TakeoverInput,
    events: {} as TakeoverEvent,
  },
  actors: {
    takeOverPayments: fromPromise<TakenOver, TakeoverContext>(({ input }) => {
      const { ports, batchMax: limit, settleByMs } = input
      const expired = silentLeases(input)
      return ports.ledger.takeOver({ leaseId: claimantOf(input), limit, settleByMs, expired })
    }),
  },
  actions: {
    noteLease: assign(({ context: { ports, ownLeaseIds } }) => {
      const leaseId = ownerOf(ports.lease)
      const isNew = !ownLeaseIds.includes(leaseId)
      return { leaseId, ownLeaseIds: isNew ? [...ownLeaseIds, leaseId] : ownLeaseIds }
    }),
    tellDoubled: assign(({ context }, { leases }: TakenOver) => {
      const { ports, doubledToldAt } = context
      const now = ports.clock.now()
      const leaseId = claimantOf(context)
      const other = leases.find((seen) => isDoubled(seen, context))
      if (other === undefined || now - doubledToldAt < TOLD_AGAIN_MS) return {}
      const { leaseId: otherLeaseId } = other
      ports.telemetry.emit({ type: 'instance.doubled', leaseId, otherLeaseId })
      return { doubledToldAt: now }
    }),
    noteTaken: assign(({ context }, { payments, leases }: TakenOver) => ({
      isFull: payments.length >= context.batchMax,
      watched: watchedNow(context, leases),
      ownLeaseIds: context.ownLeaseIds.filter((id) => leases.some(({ leaseId }) => leaseId === id)),
      seenAt: context.ports.clock.now(),
    })),
    countCommands: ({ self }, { commands: last }: TakenOver) =>
      tell(self.system, 'commands', { type: 'commands.counted', last }),
    passOn: ({ context, self }, { payments: batch }: TakenOver) => {
      if (batch.length === 0) return
      const leaseId = claimantOf(context)
      tell(self.system, 'payments', { type: 'payments.claimed', batch, from: 'takeover', leaseId })
    },
    close: assign({ isClosed: true }),
    reportEnded: ({ self }) =>
      tell(self.system, 'payments', { type: 'intake.ended', from: 'takeover' }),
    noteFailure: ({ context, event }) => {
      const cause = causeOf(event)
      context.ports.telemetry.emit({ type: 'ledger.failed', operation: 'takeOver', cause })
    },
  },
  guards: {
    holdsLease: ({ context: { ports } }) => ports.lease.holds(ports.clock.now()),
    isLedgerFailure: (_, error: unknown) => isLedgerFailure(error),
    claimedFullBatch: ({ context }) => context.isFull,
    isClosed: ({ context }) => context.isClosed,
  },
  delays: {
    claimInterval: CLAIM_INTERVAL_MS,
  },
}).createMachine({
  id: 'takeover',
  context: ({ input }) => ({
    ...input,
    watched: [],
    seenAt: Number.NEGATIVE_INFINITY,
    doubledToldAt: Number.NEGATIVE_INFINITY,
    isFull: false,
    leaseId: null,
    ownLeaseIds: [],
    isClosed: false,
  }),
  initial: 'waiting',
  on: { 'drain.started': { actions: 'close' } },
  states: {
    waiting: {
      always: { guard: 'isClosed', target: 'closed' },
      after: {
        claimInterval: [
          { guard: 'holdsLease', target: 'claiming' },
          { target: 'waiting', reenter: true },
        ],
      },
    },
    claiming: {
      entry: 'noteLease',
      invoke: {
        id: 'takeOverPayments',
        src: 'takeOverPayments',
        input: ({ context }) => context,
        onDone: {
          target: 'claimed',
          actions: [
            { type: 'passOn', params: ({ event }) => event.output },
            { type: 'tellDoubled', params: ({ event }) => event.output },
            { type: 'noteTaken', params: ({ event }) => event.output },
            { type: 'countCommands', params: ({ event }) => event.output },
          ],
        },
        // Anything else that was thrown is a bug and ends the actor.
        onError: {
          guard: { type: 'isLedgerFailure', params: errorIn },
          target: 'waiting',
          actions: 'noteFailure',
        },
      },
    },
    claimed: {
      always: [
        { guard: 'isClosed', target: 'closed' },
        { guard: 'claimedFullBatch', target: 'claiming' },
        { target: 'waiting' },
      ],
    },
    closed: {
      entry: 'reportEnded',
    },
  },
})

function claimantOf({ leaseId }: TakeoverContext): number {
  assert(leaseId !== null, 'the lease is noted before payments are claimed under it')
  return leaseId
}

/**
 * How long a lease has to be seen unrenewed until it counts as lost, by this process's monotonic
 * clock, ms. Its owner's fence closes before: that is reckoned by the length of the owner's setting,
 * and from before a renewal was asked.
 */
function silenceOf({ ttlMs }: SeenLease, { leaseTtlMs }: TakeoverContext): number {
  return (ttlMs ?? leaseTtlMs) + GRACE_MS
}

/** Leases that were seen unrenewed for too long. */
function silentLeases(context: TakeoverContext): readonly SeenLease[] {
  const now = context.ports.clock.now()
  const watched = watchedUntil(now, context)
  return watched.filter((lease) => now - lease.since >= silenceOf(lease, context))
}

/**
 * Whether a lease under this instance's id was renewed while it was watched: by another process. That
 * of a predecessor which has ended is never renewed.
 */
function isDoubled(seen: SeenLease, context: TakeoverContext): boolean {
  const { watched, instanceId, ownLeaseIds } = context
  if (seen.instanceId !== instanceId || ownLeaseIds.includes(seen.leaseId)) return false
  const before = watched.find(({ leaseId }) => leaseId === seen.leaseId)
  return before !== undefined && before.version !== seen.version
}

/** Those of others, with since when each is seen as it is now. */
function watchedNow(
  context: TakeoverContext,
  leases: readonly SeenLease[],
): readonly WatchedLease[] {
  const now = context.ports.clock.now()
  const ownId = claimantOf(context)
  const others = leases.filter(({ leaseId }) => leaseId !== ownId)
  const watched = watchedUntil(now, context)
  return others.map((seen) => {
    const before = watched.find(({ leaseId }) => leaseId === seen.leaseId)
    return { ...seen, since: before?.version === seen.version ? before.since : now }
  })
}

/**
 * Share of the silence for which no leases may be seen, but at least two intervals of claims. After a
 * longer time each lease is watched anew: in an outage of the ledger nobody could renew one.
 */
const UNSEEN_SHARE = 0.5

/** The leases that are watched without a gap up to now. */
function watchedUntil(now: number, context: TakeoverContext): readonly WatchedLease[] {
  const unseenMs = now - context.seenAt
  return context.watched.filter((lease) => {
    const silentMs = silenceOf(lease, context)
    return unseenMs <= Math.max(silentMs * UNSEEN_SHARE, 2 * CLAIM_INTERVAL_MS)
  })
}
