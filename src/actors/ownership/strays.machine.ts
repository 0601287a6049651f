// Looks for strays: payments that this instance owns in the ledger and that are in nobody's memory
// here, left by a commit or a claim without an answer, or by an actor that failed. They are claimed
// under their next fencing token, in doubt: whatever else may still know of them cannot write.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type StraysEvent } from '../messages.ts'
import { causeOf, errorIn, isLedgerFailure } from '../model/errors.ts'
import type { ClaimedPayment } from '../model/payment.ts'
import type { OwnedPayment, SharedPorts } from '../model/ports.ts'
import { ownerOf } from './fence.ts'

export interface StraysInput {
  readonly ports: SharedPorts
  /** Between two comparisons, ms. */
  readonly intervalMs: number
  /** Payments that are compared at once: more than fit into memory. */
  readonly ownedMax: number
  /** Strays claimed at once. */
  readonly batchMax: number
  /** Time, from its sending, in which a request can still be processed, ms. */
  readonly settleByMs: number
}

interface StraysContext extends StraysInput {
  /** Lease that this comparison is about, and the one before; null before the first. */
  readonly leaseId: number | null
  readonly lastLeaseId: number | null
  /** In nobody's memory at the comparison before; each may have been on its way into it. */
  readonly missingOnce: readonly OwnedPayment[]
  /** Missing twice. */
  readonly strays: readonly OwnedPayment[]
  /** Claimed here and handed over by nobody: their rows are damaged. They are left alone for a while. */
  readonly unreadable: readonly OwnedPayment[]
  /** When they are claimed again, since somebody may have repaired them; monotonic, ms. */
  readonly unreadableUntil: number
  /** Whether a drain has ended the claiming; what is being claimed still arrives. */
  readonly isClosed: boolean
}

/** How long rows that cannot be read are left alone, ms. */
const UNREADABLE_FOR_MS = 60_000

/** A failed call to the ledger. Anything else that was thrown is a bug and ends the actor. */
const EXPECTED = { guard: { type: 'isLedgerFailure', params: errorIn } } as const

export const straysMachine = setup({
  types: {
    context: {} as StraysContext,
    input: {} as StraysInput,
    events: {} as StraysEvent,
  },
  actors: {
    listOwned: fromPromise<readonly OwnedPayment[], StraysContext>(({ input }) => {
      const { ports, ownedMax: limit } = input
      return ports.ledger.listOwned({ leaseId: ownedBy(input), limit })
    }),
    reclaimStrays: fromPromise<readonly ClaimedPayment[], StraysContext>(({ input }) => {
      const { ports, settleByMs } = input
      return ports.ledger.reclaim(asked(input), { leaseId: ownedBy(input), settleByMs })
    }),
  },
  actions: {
    noteLease: assign(({ context }) => {
      return { leaseId: ownerOf(context.ports.lease), lastLeaseId: context.leaseId }
    }),
    forgetUnreadable: assign(({ context }) => {
      const now = context.ports.clock.now()
      if (now < context.unreadableUntil) return {}
      return { unreadable: [], unreadableUntil: now + UNREADABLE_FOR_MS }
    }),
    compare: ({ self }, batch: readonly OwnedPayment[]) => {
      const replyTo = (strays: readonly OwnedPayment[]): void =>
        self.send({ type: 'strays.found', strays })
      tell(self.system, 'payments', { type: 'strays.sought', batch, replyTo })
    },
    noteMissing: assign(({ context, event }) => {
      assert(event.type === 'strays.found', 'what is missing is not found in memory')
      const known = tokensOf(context.unreadable)
      const isKnown = (each: OwnedPayment): boolean =>
        known.get(each.correlationId) === each.fencingToken
      const missingOnce = event.strays.filter((each) => !isKnown(each))
      const unreadable = event.strays.filter(isKnown)
      return { missingOnce, unreadable, strays: missingTwice(context, missingOnce) }
    }),
    noteUnreadable: assign(({ context }, batch: readonly ClaimedPayment[]) => {
      const handedOver = new Set(batch.map(({ correlationId }) => correlationId))
      const missing = asked(context).filter((each) => !handedOver.has(each.correlationId))
      // One that was not claimed, such as one that is locked, keeps its token and is asked again.
      const claimed = missing.map((each) => ({ ...each, fencingToken: each.fencingToken + 1 }))
      return { unreadable: [...context.unreadable, ...claimed] }
    }),
    forgetMissing: assign({ missingOnce: [] }),
    passOn: ({ context, self }, batch: readonly ClaimedPayment[]) => {
      if (batch.length === 0) return
      const leaseId = ownedBy(context)
      tell(self.system, 'payments', { type: 'payments.claimed', batch, from: 'strays', leaseId })
    },
    close: assign({ isClosed: true }),
    reportEnded: ({ self }) =>
      tell(self.system, 'payments', { type: 'intake.ended', from: 'strays' }),
    noteFailure: ({ context, event }) => {
      const cause = causeOf(event)
      context.ports.telemetry.emit({ type: 'ledger.failed', operation: 'strays', cause })
    },
  },
  guards: {
    holdsLease: ({ context: { ports } }) => ports.lease.holds(ports.clock.now()),
    isLedgerFailure: (_, error: unknown) => isLedgerFailure(error),
    isEmpty: (_, batch: readonly OwnedPayment[]) => batch.length === 0,
    hasStrays: ({ context }) => context.strays.length > 0,
    isClosed: ({ context }) => context.isClosed,
  },
  delays: {
    comparisonInterval: ({ context }) => context.intervalMs,
  },
}).createMachine({
  id: 'strays',
  context: ({ input }) => ({
    ...input,
    leaseId: null,
    lastLeaseId: null,
    missingOnce: [],
    strays: [],
    unreadable: [],
    unreadableUntil: Number.NEGATIVE_INFINITY,
    isClosed: false,
  }),
  initial: 'waiting',
  on: { 'drain.started': { actions: 'close' } },
  states: {
    waiting: {
      always: { guard: 'isClosed', target: 'closed' },
      after: {
        comparisonInterval: [
          { guard: 'holdsLease', target: 'listing', actions: ['noteLease', 'forgetUnreadable'] },
          { target: 'waiting', reenter: true },
        ],
      },
    },
    listing: {
      invoke: {
        id: 'listOwned',
        src: 'listOwned',
        input: ({ context }) => context,
        onDone: [
          {
            guard: { type: 'isEmpty', params: ({ event }) => event.output },
            target: 'waiting',
            actions: 'forgetMissing',
          },
          {
            target: 'comparing',
            actions: { type: 'compare', params: ({ event }) => event.output },
          },
        ],
        onError: { ...EXPECTED, target: 'waiting', actions: 'noteFailure' },
      },
    },
    comparing: {
      on: { 'strays.found': { target: 'compared', actions: 'noteMissing' } },
    },
    compared: {
      always: [
        { guard: 'isClosed', target: 'closed' },
        { guard: 'hasStrays', target: 'reclaiming' },
        { target: 'waiting' },
      ],
    },
    reclaiming: {
      invoke: {
        id: 'reclaimStrays',
        src: 'reclaimStrays',
        input: ({ context }) => context,
        onDone: {
          target: 'waiting',
          actions: [
            { type: 'noteUnreadable', params: ({ event }) => event.output },
            { type: 'passOn', params: ({ event }) => event.output },
          ],
        },
        onError: { ...EXPECTED, target: 'waiting', actions: 'noteFailure' },
      },
    },
    closed: {
      entry: 'reportEnded',
    },
  },
})

function ownedBy({ leaseId }: StraysContext): number {
  assert(leaseId !== null, 'the lease is noted before its payments are listed')
  return leaseId
}

/** Those that were missing at the comparison before, too, under the same lease and token. */
function missingTwice(
  { leaseId, lastLeaseId, missingOnce }: StraysContext,
  batch: readonly OwnedPayment[],
): readonly OwnedPayment[] {
  if (leaseId !== lastLeaseId) return []
  const tokens = tokensOf(missingOnce)
  return batch.filter((each) => tokens.get(each.correlationId) === each.fencingToken)
}

function tokensOf(payments: readonly OwnedPayment[]): ReadonlyMap<string, number> {
  return new Map(payments.map((each) => [each.correlationId, each.fencingToken]))
}

/** The strays that are claimed at once. */
function asked({ strays, batchMax }: StraysContext): readonly OwnedPayment[] {
  return strays.slice(0, batchMax)
}
