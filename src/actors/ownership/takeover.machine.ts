// Looks for payments of instances that are gone and claims them, a bounded batch at a time.

import { assign, fromPromise, setup } from 'xstate'
import { tell, type TakeoverEvent } from '../messages.ts'
import type { SharedPorts } from '../model/ports.ts'
import { causeOf, mayBeDone } from '../model/errors.ts'
import type { ClaimedPayment } from '../model/payment.ts'

export interface TakeoverInput {
  readonly ports: SharedPorts
  /** Payments claimed at once. */
  readonly batchMax: number
  /** Time after its end at which a lease counts as lost, ms. */
  readonly graceMs: number
  /** Time, from the end of its lease, in which a dead instance's request can still land, ms. */
  readonly settleByMs: number
  /**
   * How long this instance waits before its first look, ms: after a common outage of the ledger,
   * living owners renew their leases first.
   */
  readonly settlingMs: number
}

interface TakeoverContext extends TakeoverInput {
  readonly isFull: boolean
  /** Lease that payments are claimed under. */
  readonly leaseId: number
  /** Whether a drain has ended the claims; what is being claimed still arrives. */
  readonly isClosed: boolean
}

/** Between two looks, ms. */
const LOOK_INTERVAL_MS = 500

export const takeoverMachine = setup({
  types: {
    context: {} as TakeoverContext,
    input: {} as TakeoverInput,
    events: {} as TakeoverEvent,
  },
  actors: {
    claimOrphans: fromPromise<readonly ClaimedPayment[], TakeoverContext>(({ input }) => {
      const { ports, leaseId, batchMax, graceMs, settleByMs } = input
      return ports.ledger.takeOver({ leaseId, limit: batchMax, graceMs, settleByMs })
    }),
  },
  actions: {
    noteLease: assign(({ context }) => ({ leaseId: context.ports.lease.id })),
    passOn: ({ context: { leaseId }, self }, batch: readonly ClaimedPayment[]) => {
      if (batch.length === 0) return
      tell(self.system, 'payments', { type: 'payments.claimed', batch, from: 'takeover', leaseId })
    },
    reportStrays: ({ context: { leaseId }, event, self }) => {
      if (!('error' in event) || !mayBeDone(event['error'])) return
      tell(self.system, 'lease', { type: 'lease.tainted', leaseId })
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
    claimedFullBatch: ({ context }) => context.isFull,
    isClosed: ({ context }) => context.isClosed,
  },
  delays: {
    settlingTime: ({ context }) => context.settlingMs,
    lookInterval: LOOK_INTERVAL_MS,
  },
}).createMachine({
  id: 'takeover',
  context: ({ input }) => ({ ...input, isFull: false, leaseId: 0, isClosed: false }),
  initial: 'settling',
  on: { 'drain.started': { actions: 'close' } },
  states: {
    settling: {
      always: { guard: 'isClosed', target: 'closed' },
      after: { settlingTime: { target: 'claiming' } },
    },
    waiting: {
      always: { guard: 'isClosed', target: 'closed' },
      after: {
        lookInterval: [
          { guard: 'holdsLease', target: 'claiming' },
          // Without a lease the ledger was out of reach: the others get time to renew theirs.
          { target: 'settling' },
        ],
      },
    },
    claiming: {
      entry: 'noteLease',
      invoke: {
        id: 'claimOrphans',
        src: 'claimOrphans',
        input: ({ context }) => context,
        onDone: {
          target: 'claimed',
          actions: [
            { type: 'passOn', params: ({ event }) => event.output },
            { type: 'noteFullness', params: ({ event }) => event.output },
          ],
        },
        onError: { target: 'settling', actions: ['noteFailure', 'reportStrays'] },
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
