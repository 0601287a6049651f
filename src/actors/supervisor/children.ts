// The long-lived actors under the supervisor: what each is made of, by name.

import { createActor, type AnyActor, type AnyActorRef } from 'xstate'
import type { AcceptBatcherInput } from '../persistence/accept-batcher.machine.ts'
import type { SharedPorts, CircuitCache, Processor, DelayedQueue } from '../model/ports.ts'
import type { AnswersWhen } from '../persistence/early-answers.ts'
import type { LeaseFence } from '../ownership/fence.ts'
import { leaseMachine } from '../ownership/lease.machine.ts'
import type { OutcomeBatcherInput } from '../persistence/outcome-batcher.machine.ts'
import type { ProcessorName } from '../model/payment.ts'
import { paymentsLogic } from '../payments/payments.ts'
import { persistenceLogic } from '../persistence/persistence.ts'
import { probingMachine } from '../circuit/probing.machine.ts'
import type { CircuitSettings } from '../circuit/context.ts'
import { type HealthActor, providedHealth } from '../circuit/processor-health.machine.ts'
import { retryQueueMachine } from '../ownership/retry-queue.machine.ts'
import { takeoverMachine, type TakeoverInput } from '../ownership/takeover.machine.ts'
import { outlasting, type WorkSettings } from '../model/settings.ts'

/** Everything that Pit's actors are made of; main builds it from the configuration. */
export interface PitParts {
  readonly ports: SharedPorts
  /** The same object as `ports.lease`; only the lease actor changes it. */
  readonly fence: LeaseFence
  readonly processors: Readonly<Record<ProcessorName, Processor>>
  readonly circuitCache: CircuitCache
  readonly delayedQueue: DelayedQueue
  /** 0 to 1, for jitter. */
  readonly random: () => number
  /** Share of the CPU quota used since the last call; 0 without a quota. */
  readonly quotaUsed: () => number
  readonly instanceId: string
  readonly work: WorkSettings
  readonly circuit: CircuitSettings
  readonly accepts: AcceptBatcherInput
  readonly outcomes: OutcomeBatcherInput
  readonly answersWhen: AnswersWhen
  readonly leaseTtlMs: number
  readonly probeIntervalMs: number
  readonly shutdownDeadlineMs: number
  /** How long a stop waits for answers to charges, ms; half its deadline at most. */
  readonly drainGraceMs: number
}

export interface Children {
  start(): void
  /** Replaces a failed child that holds nothing of its own. */
  restart(child: string): void
  stop(): void
}

type Parent = AnyActorRef

/** Payments taken over from a dead instance at once. */
const TAKEOVER_BATCH_MAX = 256

/** Time after its end at which another instance's lease counts as lost, ms. */
const TAKEOVER_GRACE_MS = 250

export function createChildren(parts: PitParts, parent: Parent): Children {
  const { ports, processors, random, quotaUsed } = parts
  const health = {
    default: createHealth(parts, parent, 'default'),
    fallback: createHealth(parts, parent, 'fallback'),
  }
  const child = <Id extends string>(id: Id) => ({ id, systemId: id, parent })
  const dependencies = { ...ports, settings: parts.work, random, quotaUsed, processors, health }
  const makers = {
    persistence: () => {
      const { accepts, outcomes, answersWhen } = parts
      return createActor(persistenceLogic, {
        ...child('persistence'),
        input: { ports, accepts, outcomes, answersWhen },
      })
    },
    payments: () => createActor(paymentsLogic, { ...child('payments'), input: dependencies }),
    retryQueue: () =>
      createActor(retryQueueMachine, {
        ...child('retryQueue'),
        input: { ports, cache: parts.delayedQueue },
      }),
    takeover: () =>
      createActor(takeoverMachine, { ...child('takeover'), input: takeoverInput(parts) }),
    probing: () =>
      createActor(probingMachine, {
        ...child('probing'),
        input: {
          ports,
          processors,
          health,
          cache: parts.circuitCache,
          intervalMs: parts.probeIntervalMs,
        },
      }),
    lease: () => {
      const { fence, instanceId, leaseTtlMs: ttlMs } = parts
      return createActor(leaseMachine, {
        ...child('lease'),
        input: { ports, fence, instanceId, ttlMs },
      })
    },
  }
  return register(makers, Object.values(health))
}

function createHealth(parts: PitParts, parent: Parent, processor: ProcessorName): HealthActor {
  const input = { processor, settings: parts.circuit, now: parts.ports.clock.now() }
  const systemId = `processorHealth.${processor}`
  return createActor(providedHealth(parts), { id: 'processorHealth', systemId, parent, input })
}

function takeoverInput(parts: PitParts): TakeoverInput {
  return {
    ports: parts.ports,
    batchMax: TAKEOVER_BATCH_MAX,
    graceMs: TAKEOVER_GRACE_MS,
    settleByMs: outlasting(parts.work.settleByMs),
    settlingMs: parts.leaseTtlMs,
  }
}

function register(
  makers: Readonly<Record<string, () => AnyActor>>,
  health: readonly AnyActor[],
): Children {
  const living = new Map<string, AnyActor>()
  const begin = (name: string, make: () => AnyActor): void => {
    const actor = make()
    living.set(name, actor)
    actor.start()
  }
  return {
    start() {
      for (const actor of health) actor.start()
      for (const [name, make] of Object.entries(makers)) begin(name, make)
    },
    restart(name) {
      const make = makers[name]
      if (make !== undefined) begin(name, make)
    },
    stop() {
      for (const actor of [...living.values(), ...health]) actor.send(STOP)
    },
  }
}

/** What XState's own parents send to stop a child. */
const STOP = { type: 'xstate.stop' }
