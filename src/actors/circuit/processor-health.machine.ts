// One processor's circuit breaker: learns from every attempt and from the health endpoint, stops
// the traffic to a failing processor and lets it back in gradually.

import assert from 'node:assert'
import { assign, createActor, setup, type Actor, type AnyActorRef } from 'xstate'
import { tell } from '../messages.ts'
import { compileChart } from '../compiled-chart/compiled-chart.ts'
import { cacheFailureOf } from '../model/errors.ts'
import type { CircuitCache, SharedPorts } from '../model/ports.ts'
import { jittered } from '../model/settings.ts'
import { emptyWindow } from './window.ts'
import {
  announced,
  crossesRate,
  failsAgain,
  held,
  holdsClosed,
  holdsOpen,
  isReleased,
  isUntried,
  routeState,
  saysFailing,
  saysUsable,
  tripped,
  trippedAgain,
  wasSentBefore,
  weighed,
  wentWrong,
  type CircuitState,
  type HealthContext,
  type HealthEvent,
  type HealthInput,
  type HealthStep,
} from './context.ts'
import {
  encouraged,
  fillsConcurrencyLimit,
  halfOpened,
  isNarrowed,
  isTooMany,
  narrowed,
  recovered,
  recoveredNarrow,
  widened,
} from './limit.ts'

const unprovided = (name: string) => (): never => {
  throw new Error(`processor health machine: effect ${name} was not provided`)
}

export const processorHealthMachine = setup({
  types: {
    context: {} as HealthContext,
    input: {} as HealthInput,
    events: {} as HealthEvent,
  },
  actions: {
    // Effects, see `providedHealth`: a cooldown that ends in `cooldown.elapsed`, and announcements.
    startCooldown: unprovided('startCooldown'),
    announceCircuit: (_, params: { state: CircuitState }): never =>
      unprovided(`announceCircuit ${params.state}`)(),

    weighAttempt: assign((step: HealthStep) => weighed(step)),
    noteAnnounced: assign((step: HealthStep) => announced(step)),
    trip: assign((step: HealthStep) => tripped(step)),
    tripAgain: assign((step: HealthStep) => trippedAgain(step)),
    letFewThrough: assign((step: HealthStep) => halfOpened(step)),
    letMoreThrough: assign((step: HealthStep) => encouraged(step)),
    letAllThrough: assign((step: HealthStep) => recovered(step)),
    letFewerThrough: assign((step: HealthStep) => narrowed(step)),
    letSomeThrough: assign((step: HealthStep) => recoveredNarrow(step)),
    letOneMoreThrough: assign((step: HealthStep) => widened(step)),
    hold: assign((step: HealthStep) => held(step)),
  },
  guards: {
    saysFailing,
    saysUsable,
    crossesRate,
    failsAgain,
    wentWrong,
    fillsConcurrencyLimit,
    isTooMany,
    isNarrowed,
    isUntried,
    wasSentBefore,
    holdsOpen,
    holdsClosed,
    isReleased,
    isThisCooldown: ({ context, event }) => {
      assert(event.type === 'cooldown.elapsed', 'only a cooldown that ends has an opening')
      return event.opening === context.openings
    },
  },
}).createMachine({
  id: 'processorHealth',
  context: ({ input }) => ({
    ...input,
    window: emptyWindow(input.now),
    failedInARow: 0,
    takenInARow: 0,
    failedTrials: 0,
    concurrencyLimit: input.settings.concurrency,
    ramp: null,
    cooldownMs: input.settings.openMs,
    openings: 0,
    measuredMs: 0,
    saidMs: null,
    announcedMs: 0,
    probedAt: Number.NEGATIVE_INFINITY,
    usableAt: Number.NEGATIVE_INFINITY,
    since: input.now,
    triedFrom: input.now,
    cause: 'start',
  }),
  initial: 'closed',
  on: {
    'hold.changed': [
      { guard: 'holdsOpen', target: '.heldOpen', actions: 'hold' },
      { guard: 'holdsClosed', target: '.heldClosed', actions: 'hold' },
    ],
  },
  states: {
    closed: {
      entry: { type: 'announceCircuit', params: { state: 'closed' } },
      on: {
        'attempt.reported': [
          { guard: 'wasSentBefore' },
          { guard: 'isTooMany', actions: ['weighAttempt', 'letFewerThrough'] },
          { guard: 'crossesRate', target: 'open', actions: ['weighAttempt', 'trip'] },
          { guard: 'isNarrowed', actions: ['weighAttempt', 'letOneMoreThrough'] },
          { actions: 'weighAttempt' },
        ],
        'probe.answered': [
          { guard: 'saysFailing', target: 'open', actions: ['noteAnnounced', 'trip'] },
          { actions: 'noteAnnounced' },
        ],
        'opening.reported': { guard: 'isUntried', target: 'open', actions: 'trip' },
      },
    },
    open: {
      entry: ['startCooldown', { type: 'announceCircuit', params: { state: 'open' } }],
      on: {
        'attempt.reported': { actions: 'weighAttempt' },
        'probe.answered': [
          {
            guard: 'saysUsable',
            target: 'halfOpen',
            actions: ['noteAnnounced', 'letFewThrough'],
          },
          { actions: 'noteAnnounced' },
        ],
        'cooldown.elapsed': {
          guard: 'isThisCooldown',
          target: 'halfOpen',
          actions: 'letFewThrough',
        },
      },
    },
    halfOpen: {
      entry: { type: 'announceCircuit', params: { state: 'halfOpen' } },
      on: {
        'attempt.reported': [
          { guard: 'wasSentBefore' },
          { guard: 'isTooMany', target: 'closed', actions: ['weighAttempt', 'letSomeThrough'] },
          { guard: 'failsAgain', target: 'open', actions: ['weighAttempt', 'tripAgain'] },
          { guard: 'wentWrong', actions: 'weighAttempt' },
          {
            guard: 'fillsConcurrencyLimit',
            target: 'closed',
            actions: ['weighAttempt', 'letAllThrough'],
          },
          { actions: ['weighAttempt', 'letMoreThrough'] },
        ],
        'probe.answered': [
          { guard: 'saysFailing', target: 'open', actions: ['noteAnnounced', 'tripAgain'] },
          { guard: 'saysUsable', actions: ['noteAnnounced', 'letMoreThrough'] },
          { actions: 'noteAnnounced' },
        ],
      },
    },
    heldOpen: {
      entry: { type: 'announceCircuit', params: { state: 'heldOpen' } },
      on: {
        'attempt.reported': { actions: 'weighAttempt' },
        'probe.answered': { actions: 'noteAnnounced' },
        'hold.changed': { guard: 'isReleased', target: 'halfOpen', actions: 'letFewThrough' },
      },
    },
    heldClosed: {
      entry: { type: 'announceCircuit', params: { state: 'heldClosed' } },
      on: {
        'attempt.reported': { actions: 'weighAttempt' },
        'probe.answered': { actions: 'noteAnnounced' },
        'hold.changed': { guard: 'isReleased', target: 'closed', actions: 'letAllThrough' },
      },
    },
  },
})

export type HealthActor = Actor<typeof processorHealthMachine>

interface Parts {
  readonly ports: SharedPorts
  readonly circuitCache: CircuitCache
  /** 0 to 1, for jitter. */
  readonly random: () => number
}

/** The chart with its effects, compiled: it takes an event per attempt. */
export function providedHealth(parts: Parts): typeof processorHealthMachine {
  const { clock, telemetry } = parts.ports
  let from: string = 'start'
  const provided = processorHealthMachine.provide({
    actions: {
      startCooldown: ({ context, self }) => {
        const opening = context.openings
        const { cooldownMs: delayMs, settings } = context
        const cooldownMs = jittered({ delayMs, maxMs: settings.openMaxMs }, parts.random)
        clock.setTimeout(
          () => self.send({ type: 'cooldown.elapsed', opening, at: clock.now() }),
          cooldownMs,
        )
      },
      announceCircuit: ({ context }, params) => {
        const { processor, cause } = context
        const { state: to } = params
        if (from !== 'start') {
          telemetry.emit({ type: 'circuit.changed', processor, from, to, cause })
        }
        from = to
        const since = clock.wallNow()
        const state = routeState(to)
        parts.circuitCache.publishCircuit({ processor, state, since }).catch(cacheFailureOf)
      },
    },
  })
  return compileChart(provided)
}

/**
 * One circuit's actor, not started yet. It tells `payments` of a change once its snapshot shows it:
 * an action runs while the snapshot is still the old one, by which a circuit that opens would be
 * charged once more, and one that closes would not be.
 */
export function createHealth(
  parts: Parts,
  { parent, id, input }: { parent: AnyActorRef; id: string; input: HealthInput },
): HealthActor {
  const actor = createActor(providedHealth(parts), { id, systemId: id, parent, input })
  let announcedState = actor.getSnapshot().value
  actor.subscribe({
    next({ value }) {
      if (value === announcedState) return
      announcedState = value
      // What this one held back would go to the other one, of which the same may be about to be told.
      if (value !== 'heldOpen') tell(actor.system, 'payments', { type: 'circuit.changed' })
    },
    // XState tells the supervisor, which decides on it; without this it would end the process too.
    error: () => undefined,
  })
  return actor
}
