// This instance's lease in the ledger: the right to own payments. Renewed well before it runs out;
// once another instance has revoked it, everything in memory belongs to others.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type LeaseEvent } from '../messages.ts'
import type { SharedPorts } from '../model/ports.ts'
import { causeOf, errorIn, isLedgerFailure } from '../model/errors.ts'
import type { LeaseFence } from './fence.ts'

export interface LeaseInput {
  readonly ports: SharedPorts
  readonly fence: LeaseFence
  readonly instanceId: string
  /** How long the ledger keeps the lease without renewal, ms. */
  readonly ttlMs: number
}

interface LeaseContext extends LeaseInput {
  /** The lease that was granted last; null before the first. */
  readonly leaseId: number | null
  /** Purges counted by the ledger at the last renewal of any lease; 0 before the first. */
  readonly purges: number
}

/** What a call to the ledger brought, with the instant before it was made. */
interface Granted {
  readonly leaseId: number
  readonly held: boolean
  readonly purges: number
  readonly askedAt: number
}

/** Renewals per lifetime of a lease. */
const RENEWALS_PER_TTL = 3

/** Longest time between renewals, ms: an idle instance learns by them that it cannot commit. */
const RENEWAL_INTERVAL_MAX_MS = 1_000

/** Share of its lifetime before the end at which the fence closes, for clocks that drift. */
const MARGIN_SHARE = 0.1

/** Pause after a failed call, ms. */
const PAUSE_MS = 200

/** Of a call to the ledger. Anything else that was thrown is a bug and ends the actor. */
const EXPECTED = { guard: { type: 'isLedgerFailure', params: errorIn } } as const

export const leaseMachine = setup({
  types: {
    context: {} as LeaseContext,
    input: {} as LeaseInput,
    events: {} as LeaseEvent,
  },
  actors: {
    acquireLease: fromPromise<Granted, LeaseContext>(({ input }) => acquire(input)),
    renewLease: fromPromise<Granted, LeaseContext>(({ input }) => renew(input)),
    releaseLease: fromPromise<void, LeaseContext>(({ input }) =>
      input.ports.ledger.releaseLease(grantedOf(input)),
    ),
  },
  actions: {
    takeGrant: assign((_, params: Granted) => {
      const { leaseId, purges } = params
      return { leaseId, purges }
    }),
    openFence: ({ context }, params: Granted) => {
      const validForMs = context.ttlMs * (1 - MARGIN_SHARE)
      context.fence.extend({ id: params.leaseId, validUntil: params.askedAt + validForMs })
    },
    closeFence: ({ context }) => context.fence.close(),
    announceHeld: ({ context, self }, params: Granted) => {
      const { leaseId } = params
      context.ports.telemetry.emit({ type: 'lease.acquired', leaseId })
      tell(self.system, 'supervisor', { type: 'lease.acquired', leaseId })
    },
    announceLost: ({ context, self }) => {
      context.ports.telemetry.emit({ type: 'lease.lost', leaseId: grantedOf(context) })
      tell(self.system, 'supervisor', { type: 'lease.lost' })
    },
    announcePurges: ({ self }, { purges }: Granted) => {
      tell(self.system, 'payments', { type: 'purges.counted', purges })
    },
    returnPayments: ({ self }) => {
      tell(self.system, 'payments', { type: 'payments.returned' })
      tell(self.system, 'outcomeBatcher', { type: 'flush.requested' })
    },
    announceReleased: ({ self }) => tell(self.system, 'supervisor', { type: 'lease.released' }),
    noteFailure: ({ context, event }) =>
      context.ports.telemetry.emit({
        type: 'ledger.failed',
        operation: 'lease',
        cause: causeOf(event),
      }),
  },
  guards: {
    isTainted: ({ context, event }) => {
      assert(event.type === 'lease.tainted', 'only a lease that is tainted is asked about')
      return event.leaseId === context.leaseId
    },
    hasLease: ({ context }) => context.leaseId !== null,
    isLedgerFailure: (_, error: unknown) => isLedgerFailure(error),
    isHeld: (_, params: Granted) => params.held,
    wasPurged: ({ context }, params: Granted) => params.held && params.purges !== context.purges,
  },
  delays: {
    renewalInterval: ({ context }) =>
      Math.min(context.ttlMs / RENEWALS_PER_TTL, RENEWAL_INTERVAL_MAX_MS),
    failurePause: PAUSE_MS,
  },
}).createMachine({
  id: 'lease',
  context: ({ input }) => ({ ...input, leaseId: null, purges: 0 }),
  initial: 'acquiring',
  on: {
    'release.requested': [{ guard: 'hasLease', target: '.releasing' }, { target: '.released' }],
  },
  states: {
    acquiring: {
      invoke: {
        id: 'acquireLease',
        src: 'acquireLease',
        input: ({ context }) => context,
        onDone: {
          target: 'held',
          actions: [
            { type: 'takeGrant', params: ({ event }) => event.output },
            { type: 'openFence', params: ({ event }) => event.output },
            { type: 'announceHeld', params: ({ event }) => event.output },
          ],
        },
        onError: { ...EXPECTED, target: 'waiting', actions: 'noteFailure' },
      },
    },
    held: {
      tags: ['held'],
      on: {
        'lease.tainted': { guard: 'isTainted', target: 'returning' },
        'claims.lost': { target: 'returning' },
      },
      after: { renewalInterval: { target: 'renewing' } },
    },
    renewing: {
      tags: ['held'],
      invoke: {
        id: 'renewLease',
        src: 'renewLease',
        input: ({ context }) => context,
        onDone: [
          {
            guard: { type: 'wasPurged', params: ({ event }) => event.output },
            target: 'held',
            actions: [
              { type: 'announcePurges', params: ({ event }) => event.output },
              { type: 'takeGrant', params: ({ event }) => event.output },
              { type: 'openFence', params: ({ event }) => event.output },
            ],
          },
          {
            guard: { type: 'isHeld', params: ({ event }) => event.output },
            target: 'held',
            actions: [
              { type: 'takeGrant', params: ({ event }) => event.output },
              { type: 'openFence', params: ({ event }) => event.output },
            ],
          },
          { target: 'acquiring', actions: ['closeFence', 'announceLost'] },
        ],
        onError: { ...EXPECTED, target: 'renewalFailed', actions: 'noteFailure' },
      },
      on: {
        'lease.tainted': { guard: 'isTainted', target: 'returning' },
        'claims.lost': { target: 'returning' },
      },
    },
    renewalFailed: {
      on: {
        'lease.tainted': { guard: 'isTainted', target: 'returning' },
        'claims.lost': { target: 'returning' },
      },
      after: { failurePause: { target: 'renewing' } },
    },
    waiting: {
      after: { failurePause: { target: 'acquiring' } },
    },
    // What is in memory goes back first, with all that is known of it; whatever else the lease may
    // own is then taken over from it, in doubt.
    returning: {
      entry: ['closeFence', 'returnPayments'],
      on: { 'outcomes.written': { target: 'replacing' } },
    },
    replacing: {
      invoke: {
        id: 'releaseLease',
        src: 'releaseLease',
        input: ({ context }) => context,
        onDone: { target: 'acquiring' },
        // It ends by itself: nobody renews it any more.
        onError: { ...EXPECTED, target: 'acquiring', actions: 'noteFailure' },
      },
    },
    releasing: {
      entry: 'closeFence',
      invoke: {
        id: 'releaseLease',
        src: 'releaseLease',
        input: ({ context }) => context,
        onDone: { target: 'released' },
        onError: { ...EXPECTED, target: 'released', actions: 'noteFailure' },
      },
    },
    released: {
      type: 'final',
      entry: 'announceReleased',
    },
  },
})

/** The lease that was granted last: nothing is renewed, reported lost or released before. */
function grantedOf({ leaseId }: LeaseContext): number {
  assert(leaseId !== null, 'a lease was granted before it is renewed or released')
  return leaseId
}

async function acquire(context: LeaseContext): Promise<Granted> {
  const { ports, instanceId, ttlMs, purges } = context
  const askedAt = ports.clock.now()
  const { leaseId } = await ports.ledger.acquireLease({ instanceId, ttlMs })
  return { leaseId, held: true, purges, askedAt }
}

async function renew(context: LeaseContext): Promise<Granted> {
  const { ports, ttlMs } = context
  const leaseId = grantedOf(context)
  const askedAt = ports.clock.now()
  const { held, purges } = await ports.ledger.renewLease({ leaseId, ttlMs })
  return { leaseId, held, purges, askedAt }
}
