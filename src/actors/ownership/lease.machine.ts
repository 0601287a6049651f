// This instance's lease in the ledger: the right to own payments. Renewed well before it runs out;
// once another instance has revoked it, everything in memory belongs to others.

import assert from 'node:assert'
import { assign, fromPromise, setup } from 'xstate'
import { tell, type LeaseEvent } from '../messages.ts'
import type { SharedPorts } from '../model/ports.ts'
import { causeOf, errorIn, isLedgerFailure } from '../model/errors.ts'
import { wallAheadMs, type LeaseFence } from './fence.ts'
import type { LedgerClock, Period } from './ledger-clock.ts'

export interface LeaseInput {
  readonly ports: SharedPorts
  readonly fence: LeaseFence
  readonly ledgerClock: LedgerClock
  readonly instanceId: string
  /** How long others let the lease be without renewal, ms. */
  readonly ttlMs: number
  /** Waited for before a lease counts: what operators have ordered is known then. */
  readonly before?: Promise<void>
}

interface LeaseContext extends LeaseInput {
  /** The lease that was granted last; null before the first. */
  readonly leaseId: number | null
  /** Names the history of PostgreSQL that granted it. */
  readonly epoch: number
  /** Purges counted by the ledger at the last renewal of any lease; 0 before the first. */
  readonly purges: number
  /** When that grant was asked for; before the first, when the actor was made. */
  readonly asked: Asked
}

/** One moment of the machine's clocks, ms. */
interface Asked {
  /** Monotonic. */
  readonly at: number
  /** By how much the time of day was ahead of the monotonic clock. */
  readonly wallAheadMs: number
}

/** What a call to the ledger brought. */
interface Granted {
  readonly leaseId: number
  readonly epoch: number
  readonly purges: number
  /** Before it was made. */
  readonly asked: Asked
  /** The ledger's clock, epoch ms, and the period in which it was read. */
  readonly ledgerNow: number
  readonly period: Period
}

interface Renewed extends Granted {
  /** False: another instance has revoked it, or PostgreSQL has another history since. */
  readonly held: boolean
}

/** Renewals per lifetime of a lease. */
const RENEWALS_PER_TTL = 3

/** Longest time between renewals, ms: an idle instance learns by them that it cannot commit. */
const RENEWAL_INTERVAL_MAX_MS = 1_000

function renewalIntervalMs(ttlMs: number): number {
  return Math.min(ttlMs / RENEWALS_PER_TTL, RENEWAL_INTERVAL_MAX_MS)
}

/** Share of its lifetime before the end at which the fence closes, for clocks that drift. */
const MARGIN_SHARE = 0.1

/** Share of a time by which the time of day may stray from the monotonic clock in it. */
const STRAY_SHARE = 0.05

/**
 * Bound on a call about a lease of this length, ms. After a third of it, three tries with pauses
 * between them end before the fence closes: 33 + 3 × 16 + 2 × 3 in 100.
 */
export function renewalTimeoutMs(ttlMs: number): number {
  return Math.floor(ttlMs * 0.16)
}

/** Share of a lease's lifetime that passes after a failed call. */
const PAUSE_SHARE = 0.03

/** A failed call to the ledger. Anything else that was thrown is a bug and ends the actor. */
const EXPECTED = { guard: { type: 'isLedgerFailure', params: errorIn } } as const

export const leaseMachine = setup({
  types: {
    context: {} as LeaseContext,
    input: {} as LeaseInput,
    events: {} as LeaseEvent,
  },
  actors: {
    acquireLease: fromPromise<Granted, LeaseContext>(({ input }) => acquire(input)),
    renewLease: fromPromise<Renewed, LeaseContext>(({ input }) => renew(input)),
    releaseLease: fromPromise<void, LeaseContext>(({ input }) =>
      input.ports.ledger.releaseLease(grantedOf(input)),
    ),
  },
  actions: {
    takeGrant: assign((_, params: Granted) => {
      const { leaseId, epoch, purges, asked } = params
      return { leaseId, epoch, purges, asked }
    }),
    openFence: ({ context }, { leaseId: id, asked }: Granted) => {
      const validUntil = asked.at + context.ttlMs * (1 - MARGIN_SHARE)
      const strayMs = context.ttlMs * STRAY_SHARE
      context.fence.extend({ id, validUntil, wallAheadMs: asked.wallAheadMs, strayMs })
    },
    compareClocks: ({ context }, { asked, ledgerNow, period }: Granted) => {
      const { ports, ledgerClock, ttlMs } = context
      ledgerClock.measure(ledgerNow, period)
      const byMs = asked.wallAheadMs - context.asked.wallAheadMs
      const strayMs = Math.max(ttlMs, asked.at - context.asked.at) * STRAY_SHARE
      if (Math.abs(byMs) <= strayMs) return
      const step = { clock: 'instance', byMs: Math.round(byMs) } as const
      ports.telemetry.emit({ type: 'clock.stepped', ...step })
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
    announceReleased: ({ self }) => tell(self.system, 'supervisor', { type: 'lease.released' }),
    noteFailure: ({ context, event }) =>
      context.ports.telemetry.emit({
        type: 'ledger.failed',
        operation: 'lease',
        cause: causeOf(event),
      }),
  },
  guards: {
    hasLease: ({ context }) => context.leaseId !== null,
    isLedgerFailure: (_, error: unknown) => isLedgerFailure(error),
    isHeld: (_, params: Renewed) => params.held,
    wasPurged: ({ context }, params: Renewed) => params.held && params.purges !== context.purges,
  },
  delays: {
    renewalInterval: ({ context: { ports, ttlMs, asked } }) =>
      Math.max(0, asked.at + renewalIntervalMs(ttlMs) - ports.clock.now()),
    failurePause: ({ context }) => context.ttlMs * PAUSE_SHARE,
  },
}).createMachine({
  id: 'lease',
  context: ({ input }) => ({
    ...input,
    leaseId: null,
    epoch: 0,
    purges: 0,
    asked: askedNow(input),
  }),
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
            { type: 'compareClocks', params: ({ event }) => event.output },
            { type: 'takeGrant', params: ({ event }) => event.output },
            { type: 'openFence', params: ({ event }) => event.output },
            { type: 'announceHeld', params: ({ event }) => event.output },
          ],
        },
        onError: { ...EXPECTED, target: 'waiting', actions: 'noteFailure' },
      },
    },
    held: {
      after: { renewalInterval: { target: 'renewing' } },
    },
    renewing: {
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
              { type: 'compareClocks', params: ({ event }) => event.output },
              { type: 'takeGrant', params: ({ event }) => event.output },
              { type: 'openFence', params: ({ event }) => event.output },
            ],
          },
          {
            guard: { type: 'isHeld', params: ({ event }) => event.output },
            target: 'held',
            actions: [
              { type: 'compareClocks', params: ({ event }) => event.output },
              { type: 'takeGrant', params: ({ event }) => event.output },
              { type: 'openFence', params: ({ event }) => event.output },
            ],
          },
          { target: 'acquiring', actions: ['closeFence', 'announceLost'] },
        ],
        onError: { ...EXPECTED, target: 'renewalFailed', actions: 'noteFailure' },
      },
    },
    renewalFailed: {
      after: { failurePause: { target: 'renewing' } },
    },
    waiting: {
      after: { failurePause: { target: 'acquiring' } },
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

function askedNow({ ports: { clock } }: LeaseInput): Asked {
  return { at: clock.now(), wallAheadMs: wallAheadMs(clock) }
}

async function acquire(context: LeaseContext): Promise<Granted> {
  const { ports, instanceId, ttlMs, purges } = context
  const { epoch } = ports.history
  const asked = askedNow(context)
  const { leaseId, ledgerNow } = await ports.ledger.acquireLease({ instanceId, ttlMs })
  const period = { askedAt: asked.at, answeredAt: ports.clock.now() }
  await context.before
  return { leaseId, epoch, purges, asked, ledgerNow, period }
}

/**
 * A lease of another history is lost, whatever stands there: that may have granted its id again, to
 * somebody else.
 */
async function renew(context: LeaseContext): Promise<Renewed> {
  const { ports, ttlMs, epoch } = context
  const leaseId = grantedOf(context)
  const asked = askedNow(context)
  const renewed = await ports.ledger.renewLease({ leaseId, ttlMs })
  const { purges, ledgerNow } = renewed
  const held = renewed.held && ports.history.epoch === epoch
  const period = { askedAt: asked.at, answeredAt: ports.clock.now() }
  return { leaseId, epoch, held, purges, asked, ledgerNow, period }
}
