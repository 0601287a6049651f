// The root: starts the long-lived actors, lets payments in once the instance has a lease, does
// about a child that fails what the table of children says, and drains in order.

import { setup } from 'xstate'
import type { SupervisorNotice, EdgeRequest } from '../messages.ts'
import { CHILD_IDS, CHILDREN, type ChildId, type OnFailure } from './children.ts'

/** A child that failed; XState names the event after the child's id. */
export interface ChildFailed {
  readonly type: `xstate.error.actor.${ChildId}`
  readonly error: unknown
  readonly actorId: string
}

export type SupervisorEvent = EdgeRequest | SupervisorNotice | ChildFailed

export interface SupervisorContext {
  /** Waits of a drain, ms: until what still runs is recalled, and until the process gives up. */
  readonly recallAfterMs: number
  readonly deadlineMs: number
}

const unprovided = (name: string) => (): never => {
  throw new Error(`supervisor machine: effect ${name} was not provided`)
}

/** The chart's answer to each kind of failure. */
const ON_FAILURE = {
  restart: [
    { guard: 'mayRestart', actions: 'restartChild' },
    { target: '.draining', actions: 'noteDrain' },
  ],
  drain: [{ target: '.draining', actions: 'noteDrain' }],
  stop: [{ target: '.stopped', actions: 'noteDrain' }],
} as const satisfies Readonly<Record<OnFailure['kind'], unknown>>

type OnChildFailure = Readonly<
  Record<ChildFailed['type'], (typeof ON_FAILURE)[keyof typeof ON_FAILURE]>
>

/** A transition of the root for each row of the table. */
function onChildFailure(): OnChildFailure {
  const rows = CHILD_IDS.map((id) => [
    `xstate.error.actor.${id}`,
    ON_FAILURE[CHILDREN[id].onFailure.kind],
  ])
  return Object.fromEntries(rows)
}

export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorContext,
    input: {} as SupervisorContext,
    events: {} as SupervisorEvent,
  },
  actions: {
    // Effects, given by supervisor.ts.
    startChildren: unprovided('startChildren'),
    restartChild: unprovided('restartChild'),
    commitPayment: unprovided('commitPayment'),
    askPersistence: unprovided('askPersistence'),
    askPayments: unprovided('askPayments'),
    refuse: unprovided('refuse'),
    dropAll: unprovided('dropAll'),
    noteDrain: unprovided('noteDrain'),
    startDrain: unprovided('startDrain'),
    recallPayments: unprovided('recallPayments'),
    flushPersistence: unprovided('flushPersistence'),
    releaseLease: unprovided('releaseLease'),
    noteStopped: unprovided('noteStopped'),
  },
  guards: {
    mayRestart: () => {
      throw new Error('supervisor machine: guard mayRestart was not provided')
    },
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => input,
  initial: 'starting',
  on: {
    'payment.requested': { actions: 'askPayments' },
    'summary.requested': { actions: 'askPersistence' },
    'purge.requested': { actions: 'askPersistence' },
    'payment.received': { actions: 'refuse' },
    'lease.lost': { actions: 'dropAll' },
    ...onChildFailure(),
  },
  states: {
    starting: {
      entry: 'startChildren',
      on: {
        'lease.acquired': { target: 'accepting' },
        'stop.requested': { target: 'draining', actions: 'noteDrain' },
      },
    },
    accepting: {
      tags: ['ready'],
      on: {
        'payment.received': { actions: 'commitPayment' },
        'stop.requested': { target: 'draining', actions: 'noteDrain' },
      },
    },
    draining: {
      entry: 'startDrain',
      on: {
        'payments.emptied': { target: 'flushing' },
        'recall.due': { actions: 'recallPayments' },
        'deadline.elapsed': { target: 'stopped' },
      },
    },
    flushing: {
      entry: 'flushPersistence',
      on: {
        'persistence.flushed': { target: 'releasing' },
        'deadline.elapsed': { target: 'stopped' },
      },
    },
    releasing: {
      entry: 'releaseLease',
      on: {
        'lease.released': { target: 'stopped' },
        'deadline.elapsed': { target: 'stopped' },
      },
    },
    stopped: {
      type: 'final',
      entry: 'noteStopped',
    },
  },
})
