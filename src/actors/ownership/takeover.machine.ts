// Claims the payments of instances that are gone, a bounded batch at a time.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type TakeoverEvent } from '../messages.ts'
import type { SharedPorts } from '../model/ports.ts'
import { causeOf, errorIn, isLedgerFailure, mayBeDone } from '../model/errors.ts'
import type { ClaimedPayment } from '../model/payment.ts'
import { ownerOf } from './fence.ts'

export interface TakeoverInput {
  readonly ports: SharedPorts
  /** Payments claimed at once. */
  readonly batchMax: number
  /** Time after its end at which a lease counts as lost, ms. */
  readonly graceMs: number
  /** Time, from the end of its lease, in which a dead instance's request can still land, ms. */
  readonly settleByMs: number
  /**
   * How long this instance waits before it claims, ms: after an outage of the ledger that all
   * instances saw, living owners renew their leases first.
   */
  readonly ownersRenewMs: number
}

interface TakeoverContext extends TakeoverInput {
  /** Whether as many payments as allowed were claimed the last time: there may be more. */
  readonly isFull: boolean
  /** Lease that payments are claimed under; null before the first. */
  readonly leaseId: number | null
  /** Whether a drain has ended the claiming; what is being claimed still arrives. */
  readonly isClosed: boolean
}

/** Between two batches that are claimed, ms. */
const CLAIM_INTERVAL_MS = 500

export const takeoverMachine = setup({
  types: {
    context: {} as TakeoverContext,
    input: {} as TakeoverInput,
    events: {} as TakeoverEvent,
  },
  actors: {
    takeOverPayments: fromPromise<readonly ClaimedPayment[], TakeoverContext>(({ input }) => {
      const { ports, batchMax, graceMs, settleByMs } = input
      const leaseId = claimantOf(input)
      return ports.ledger.takeOver({ leaseId, limit: batchMax, graceMs, settleByMs })
    }),
  },
  actions: {
    noteLease: assign(({ context }) => ({ leaseId: ownerOf(context.ports.lease) })),
    passOn: ({ context, self }, batch: readonly ClaimedPayment[]) => {
      if (batch.length === 0) return
      const leaseId = claimantOf(context)
      tell(self.system, 'payments', { type: 'payments.claimed', batch, from: 'takeover', leaseId })
    },
    /** Payments may have been claimed although the answer is lost. */
    taintLease: ({ context, self }, error: unknown) => {
      if (!mayBeDone(error)) return
      tell(self.system, 'lease', { type: 'lease.tainted', leaseId: claimantOf(context) })
    },
    noteFullness: assign(({ context }, batch: readonly ClaimedPayment[]) => {
      return { isFull: batch.length >= context.batchMax }
    }),
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
    ownersRenewTime: ({ context }) => context.ownersRenewMs,
    claimInterval: CLAIM_INTERVAL_MS,
  },
}).createMachine({
  id: 'takeover',
  context: ({ input }) => ({ ...input, isFull: false, leaseId: null, isClosed: false }),
  initial: 'waitingForOwners',
  on: { 'drain.started': { actions: 'close' } },
  states: {
    waitingForOwners: {
      always: { guard: 'isClosed', target: 'closed' },
      after: {
        ownersRenewTime: [
          { guard: 'holdsLease', target: 'claiming' },
          { target: 'waitingForOwners', reenter: true },
        ],
      },
    },
    waiting: {
      always: { guard: 'isClosed', target: 'closed' },
      after: {
        claimInterval: [
          { guard: 'holdsLease', target: 'claiming' },
          // Without a lease the ledger was out of reach: the others get time to renew theirs.
          { target: 'waitingForOwners' },
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
            { type: 'noteFullness', params: ({ event }) => event.output },
          ],
        },
        // Anything else that was thrown is a bug and ends the actor.
        onError: {
          guard: { type: 'isLedgerFailure', params: errorIn },
          target: 'waitingForOwners',
          actions: ['noteFailure', { type: 'taintLease', params: errorIn }],
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
