// The supervisor with its effects: what each child is made of, and what is passed on to whom.

import type { Actor, AnyActorRef } from 'xstate'
import { createActor } from 'xstate'
import { tell, type Directory } from '../messages.ts'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { causeOf } from '../model/errors.ts'
import type { SupervisorEvent } from './supervisor.machine.ts'
import { supervisorMachine } from './supervisor.machine.ts'
import { unlist } from './xstate-patch.ts'
import { createChildren, type Children, type PitParts } from './children.ts'

export type { PitParts } from './children.ts'

/** Restarts of one child in a minute beyond which the instance drains. */
export const RESTARTS_MAX = 5
const RESTART_WINDOW_MS = 60_000

interface Step {
  readonly event: SupervisorEvent
  readonly self: AnyActorRef & { readonly system: Directory }
}

export type SupervisorActor = Actor<typeof supervisorMachine>

function supervisorLogic(parts: PitParts): typeof supervisorMachine {
  let children: Children | undefined
  let waits: readonly unknown[] = []
  const restarts = createRestartCount(parts)
  const committer = parts.answersWhen === 'taken' ? 'persistence' : 'acceptBatcher'
  const provided = supervisorMachine.provide({
    actions: {
      startChildren: ({ self }) => {
        children = createChildren(parts, self)
        children.start()
      },
      restartChild: ({ event }) => {
        if (!isFailure(event)) return
        const child = event.actorId
        parts.ports.telemetry.emit({ type: 'child.restarted', child, cause: causeOf(event) })
        children?.restart(child)
      },
      commitPayment: ({ event, self }) => {
        if (event.type === 'payment.received') tell(self.system, committer, event)
      },
      askPersistence: ({ event, self }) => {
        const { type } = event
        if (type === 'summary.requested' || type === 'purge.requested')
          tell(self.system, 'persistence', event)
      },
      askPayments: ({ event, self }) => {
        if (event.type === 'payment.requested') tell(self.system, 'payments', event)
      },
      refuse: ({ event }) => {
        if (event.type === 'payment.received') event.replyTo('unavailable')
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
      releaseLease: ({ self }) => tell(self.system, 'lease', { type: 'release.requested' }),
      noteStopped: () => {
        for (const wait of waits) parts.ports.clock.clearTimeout(wait)
        children?.stop()
        parts.ports.telemetry.emit({ type: 'drain.ended' })
      },
    },
    guards: {
      mayRestart: ({ event }) => isFailure(event) && restarts.allows(event.actorId),
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

function isFailure(
  event: SupervisorEvent,
): event is Extract<SupervisorEvent, { readonly actorId: string }> {
  return 'actorId' in event
}

function noteDrain({ ports }: PitParts, event: SupervisorEvent): void {
  const cause = event.type === 'stop.requested' ? event.cause : `${event.type}: ${causeOf(event)}`
  ports.telemetry.emit({ type: 'drain.started', cause })
}

function tellDrain(system: Directory): void {
  tell(system, 'payments', { type: 'drain.started' })
  tell(system, 'retryQueue', { type: 'drain.started' })
  tell(system, 'takeover', { type: 'drain.started' })
  tell(system, 'acceptBatcher', { type: 'intake.closed' })
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

function createRestartCount({ ports }: PitParts): { allows(child: string): boolean } {
  const recent: { readonly child: string; readonly at: number }[] = []
  return {
    allows(child) {
      const now = ports.clock.now()
      while (recent[0] !== undefined && now - recent[0].at > RESTART_WINDOW_MS) recent.shift()
      recent.push({ child, at: now })
      return recent.filter((restart) => restart.child === child).length <= RESTARTS_MAX
    },
  }
}
