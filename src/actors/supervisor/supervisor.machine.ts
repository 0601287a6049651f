// The root: starts the long-lived actors, lets requests in while the instance holds its lease's
// payments, restarts what may be restarted, and drains in order.

import { setup } from 'xstate'
import type { EdgeRequest, SupervisorNotice } from '../messages.ts'

/** A child that failed; XState names the event after the child's id. */
export interface ChildFailed<Id extends string = string> {
  readonly type: `xstate.error.actor.${Id}`
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
    'xstate.error.actor.retryQueue': [
      { guard: 'mayRestart', actions: 'restartChild' },
      { target: '.draining', actions: 'noteDrain' },
    ],
    'xstate.error.actor.takeover': [
      { guard: 'mayRestart', actions: 'restartChild' },
      { target: '.draining', actions: 'noteDrain' },
    ],
    'xstate.error.actor.probing': [
      { guard: 'mayRestart', actions: 'restartChild' },
      { target: '.draining', actions: 'noteDrain' },
    ],
    // These hold what cannot be started anew: payments, batches, the lease, the circuits' history.
    'xstate.error.actor.payments': { target: '.stopped', actions: 'noteDrain' },
    'xstate.error.actor.persistence': { target: '.stopped', actions: 'noteDrain' },
    'xstate.error.actor.lease': { target: '.draining', actions: 'noteDrain' },
    'xstate.error.actor.processorHealth': { target: '.draining', actions: 'noteDrain' },
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
