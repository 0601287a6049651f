// The supervisor with its effects: what it passes on to whom, restarts and drains.

import assert from 'node:assert'
import type { Actor, AnyActorRef } from 'xstate'
import { createActor } from 'xstate'
import { tell, type Directory } from '../messages.ts'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { causeOf } from '../model/errors.ts'
import type { SupervisorEvent } from './supervisor.machine.ts'
import { supervisorMachine } from './supervisor.machine.ts'
import { unlist } from './xstate-patch.ts'
import { Children, isChildId, type ChildId, type PitParts } from './children.ts'

export type { PitParts } from './children.ts'

interface Step {
  readonly event: SupervisorEvent
  readonly self: AnyActorRef & { readonly system: Directory }
}

export type SupervisorActor = Actor<typeof supervisorMachine>

function supervisorLogic(parts: PitParts): typeof supervisorMachine {
  let children: Children | undefined
  let waits: readonly unknown[] = []
  const committer = parts.answersWhen === 'taken' ? 'persistence' : 'acceptBatcher'
  const provided = supervisorMachine.provide({
    actions: {
      startChildren: ({ self }) => {
        children = new Children(parts, self)
      },
      restartChild: ({ event, self }) => {
        const { child, error } = failedOf(event)
        const cause = causeOf(event)
        parts.ports.telemetry.emit({ type: 'child.restarted', child, cause, error })
        started(children).restart(child)
        // A child that is restarted in a drain takes part in it. The drain ends the lease anyway.
        if (waits.length > 0) tellDrain(self.system)
      },
      commitPayment: ({ event, self }) => {
        assert(event.type === 'payment.received', 'only a payment is committed')
        tell(self.system, committer, event)
      },
      askPersistence: ({ event, self }) => {
        const { type } = event
        assert(
          type === 'summary.requested' || type === 'purge.requested',
          'persistence is asked for sums and purges',
        )
        tell(self.system, 'persistence', event)
      },
      askPayments: ({ event, self }) => {
        assert(event.type === 'payment.requested', 'payments are asked for one payment')
        tell(self.system, 'payments', event)
      },
      refuse: ({ event }) => {
        assert(event.type === 'payment.received', 'only a payment is refused')
        event.replyTo('unavailable')
      },
      dropAll: ({ self }) => tell(self.system, 'payments', { type: 'payments.dropped' }),
      noteDrain: ({ event }) => noteDrain(parts, event),
      startDrain: ({ context, self }) => {
        tellDrain(self.system)
        // A child that fails meanwhile drains again, by the waits that were set first.
        if (waits.length === 0) waits = startWaits(parts, self, context)
      },
      recallPayments: ({ self }) => tell(self.system, 'payments', { type: 'payments.recalled' }),
      flushPersistence: ({ self }) => tell(self.system, 'persistence', { type: 'drain.started' }),
      releaseLease: ({ self }) => {
        // A lease whose actor has failed runs out by itself.
        if (self.system.get('lease') === undefined) self.send({ type: 'lease.released' })
        else tell(self.system, 'lease', { type: 'release.requested' })
      },
      noteStopped: () => {
        for (const wait of waits) parts.ports.clock.clearTimeout(wait)
        started(children).stop()
        parts.ports.telemetry.emit({ type: 'drain.ended' })
      },
    },
    guards: {
      mayRestart: ({ event }) => started(children).mayRestart(failedOf(event).child),
    },
  })
  return compileChart(provided)
}

/** The root actor of Pit, not started yet. */
export function createSupervisor(parts: PitParts): SupervisorActor {
  const { shutdownDeadlineMs: deadlineMs, drainGraceMs } = parts
  const supervisor = createActor(supervisorLogic(parts), {
    systemId: 'supervisor',
    clock: parts.ports.clock,
    input: { deadlineMs, recallAfterMs: Math.min(drainGraceMs, deadlineMs / 2) },
  })
  unlist(supervisor.system)
  return supervisor
}

/** The children are started as the supervisor is, before any event. */
function started(children: Children | undefined): Children {
  assert(children !== undefined, 'no child fails or stops before it was started')
  return children
}

function failedOf(event: SupervisorEvent): { readonly child: ChildId; readonly error: unknown } {
  assert('actorId' in event && isChildId(event.actorId), 'what fails is a child of the table')
  return { child: event.actorId, error: event.error }
}

function noteDrain({ ports }: PitParts, event: SupervisorEvent): void {
  if (event.type === 'stop.requested') {
    const { cause, command } = event
    const asked = command === undefined ? { cause } : { cause, command }
    ports.telemetry.emit({ type: 'drain.started', ...asked })
    return
  }
  const cause = `${event.type}: ${causeOf(event)}`
  ports.telemetry.emit({ type: 'drain.started', cause, bug: failedOf(event) })
}

function tellDrain(system: Directory): void {
  tellIfThere(system, 'payments', { type: 'drain.started' })
  tellIfThere(system, 'retryQueue', { type: 'drain.started' })
  tellIfThere(system, 'takeover', { type: 'drain.started' })
  tellIfThere(system, 'strays', { type: 'drain.started' })
  tellIfThere(system, 'acceptBatcher', { type: 'intake.closed' })
}

/** A child is missing whose last restart is used up, and one that fails by being told. */
const tellIfThere: typeof tell = (system, name, event) => {
  if (system.get(name) !== undefined) tell(system, name, event)
}

/** The handles of the waits, to be cleared once the drain is over: they keep the process alive. */
function startWaits(
  { ports: { clock } }: PitParts,
  self: Step['self'],
  waits: { recallAfterMs: number; deadlineMs: number },
): readonly unknown[] {
  return [
    clock.setTimeout(() => self.send({ type: 'recall.due' }), waits.recallAfterMs),
    clock.setTimeout(() => self.send({ type: 'deadline.elapsed' }), waits.deadlineMs),
  ]
}
