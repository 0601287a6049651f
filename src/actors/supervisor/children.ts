// The supervisor's children as one table: who they are, how each is made, and what its failure
// means.

import assert from 'node:assert'
import { createActor, type AnyActor, type AnyActorRef } from 'xstate'
import { commandsMachine } from '../commands/commands.machine.ts'
import type { CircuitSettings } from '../circuit/context.ts'
import { probingMachine } from '../circuit/probing.machine.ts'
import { createHealth, type HealthActor } from '../circuit/processor-health.machine.ts'
import type { ProcessorName } from '../model/payment.ts'
import type { CircuitCache, DelayedQueue, Processor, SharedPorts } from '../model/ports.ts'
import { LOOK_UP_PAUSE_MAX_MS, outlasting, type WorkSettings } from '../model/settings.ts'
import type { LeaseFence } from '../ownership/fence.ts'
import { leaseMachine } from '../ownership/lease.machine.ts'
import { LedgerClock } from '../ownership/ledger-clock.ts'
import { retryQueueMachine } from '../ownership/retry-queue.machine.ts'
import { straysMachine } from '../ownership/strays.machine.ts'
import { takeoverMachine } from '../ownership/takeover.machine.ts'
import { slotsMax, waitingMax } from '../payments/capacity.ts'
import { paymentsLogic } from '../payments/payments.ts'
import type { AcceptBatcherInput } from '../persistence/accept-batcher.machine.ts'
import type { AnswersWhen } from '../persistence/early-answers.ts'
import type { OutcomeBatcherInput } from '../persistence/outcome-batcher.machine.ts'
import { persistenceLogic } from '../persistence/persistence.ts'

/** All that Pit's actors are made of; `app/settings.ts` builds it from the configuration. */
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

/**
 * What the supervisor does about a child that fails, as in the child specifications of OTP
 * (https://www.erlang.org/doc/system/sup_princ.html):
 * - `restart`: another one takes its place, unless that was done more than `intensity` times within
 *   `periodMs`: the instance then drains;
 * - `drain`: the instance takes nothing new, finishes what is under way, and stops;
 * - `stop`: it stops at once, because what it would finish is lost with the child.
 */
export type OnFailure =
  | { readonly kind: 'restart'; readonly intensity: number; readonly periodMs: number }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' }

interface ChildSpec {
  readonly make: (childParts: ChildParts, id: ChildId) => AnyActor
  readonly onFailure: OnFailure
}

/** What children are made of. */
interface ChildParts {
  readonly parts: PitParts
  readonly parent: AnyActorRef
  readonly health: Readonly<Record<ProcessorName, HealthActor>>
  readonly ledgerClock: LedgerClock
  /** Resolves once the commands that stand have been read and obeyed. */
  readonly ordersRead: Promise<void>
  readonly onOrdersRead: () => void
}

export type ChildId =
  | `processorHealth.${ProcessorName}`
  | 'persistence'
  | 'payments'
  | 'retryQueue'
  | 'takeover'
  | 'strays'
  | 'probing'
  | 'commands'
  | 'lease'

/**
 * OTP counts per supervisor; here each row counts for itself. A port that fails restarts none of
 * these children, since each handles that itself: what is counted is a bug of one child, and a bug
 * in probing leaves the others their restarts. Five in a minute are allowed: a rare bug is
 * survived, and one that each batch or probe meets drains the instance in seconds.
 */
const RESTART = { kind: 'restart', intensity: 5, periodMs: 60_000 } as const

/** In the order in which they are started. */
export const CHILDREN: Readonly<Record<ChildId, ChildSpec>> = {
  // A new circuit would know nothing of the attempts so far, and `payments` and probing refer to
  // this one.
  'processorHealth.default': {
    make: ({ health }) => health.default,
    onFailure: { kind: 'drain' },
  },
  'processorHealth.fallback': {
    make: ({ health }) => health.fallback,
    onFailure: { kind: 'drain' },
  },
  // Fails when one of its batchers does: the batch, and the clients who wait for it, go with it.
  persistence: {
    make: ({ parts, parent }, id) => {
      const { ports, accepts, outcomes, answersWhen } = parts
      const input = { ports, accepts, outcomes, answersWhen }
      return createActor(persistenceLogic, { id, systemId: id, parent, input })
    },
    onFailure: { kind: 'stop' },
  },
  // Holds every payment in memory; a payment of its own that fails does not take it down.
  payments: {
    make: ({ parts, parent, health }, id) => {
      const { ports, work: settings, random, quotaUsed, processors } = parts
      const input = { ...ports, settings, random, quotaUsed, processors, health }
      return createActor(paymentsLogic, { id, systemId: id, parent, input })
    },
    onFailure: { kind: 'stop' },
  },
  // What one of the next three has claimed and not passed on is found as a stray.
  retryQueue: {
    make: ({ parts, parent, ledgerClock }, id) => {
      const { ports, delayedQueue, work } = parts
      const settleByMs = outlasting(work.settleByMs)
      const delayMaxMs = Math.max(work.retryDelayMaxMs, LOOK_UP_PAUSE_MAX_MS)
      const input = { ports, delayedQueue, ledgerClock, settleByMs, delayMaxMs }
      return createActor(retryQueueMachine, { id, systemId: id, parent, input })
    },
    onFailure: RESTART,
  },
  takeover: {
    make: ({ parts, parent }, id) => {
      const input = {
        ports: parts.ports,
        instanceId: parts.instanceId,
        batchMax: CLAIM_BATCH_MAX,
        leaseTtlMs: parts.leaseTtlMs,
        settleByMs: outlasting(parts.work.settleByMs),
      }
      return createActor(takeoverMachine, { id, systemId: id, parent, input })
    },
    onFailure: RESTART,
  },
  strays: {
    make: ({ parts, parent }, id) => {
      const input = {
        ports: parts.ports,
        intervalMs: parts.leaseTtlMs / STRAYS_PER_TTL,
        ownedMax: 2 * inMemoryMax(parts),
        batchMax: CLAIM_BATCH_MAX,
        settleByMs: outlasting(parts.work.settleByMs),
      }
      return createActor(straysMachine, { id, systemId: id, parent, input })
    },
    onFailure: RESTART,
  },
  probing: {
    make: ({ parts, parent, health }, id) => {
      const { ports, processors, circuitCache: cache, probeIntervalMs: intervalMs } = parts
      const input = { ports, processors, health, cache, intervalMs }
      return createActor(probingMachine, { id, systemId: id, parent, input })
    },
    onFailure: RESTART,
  },
  commands: {
    make: ({ parts, parent, health, onOrdersRead: onRead }, id) => {
      const { ports, instanceId } = parts
      const input = { ports, health, instanceId, onRead }
      return createActor(commandsMachine, { id, systemId: id, parent, input })
    },
    onFailure: RESTART,
  },
  // Nobody else renews the lease: what can be finished before it runs out is finished.
  lease: {
    make: ({ parts, parent, ledgerClock, ordersRead: before }, id) => {
      const { ports, fence, instanceId, leaseTtlMs: ttlMs } = parts
      const input = { ports, fence, ledgerClock, instanceId, ttlMs, before }
      return createActor(leaseMachine, { id, systemId: id, parent, input })
    },
    onFailure: { kind: 'drain' },
  },
}

/** Payments taken over from a dead instance, or claimed as strays, at once. */
const CLAIM_BATCH_MAX = 256

/** Comparisons of what is owned with what is in memory, per lifetime of a lease. */
const STRAYS_PER_TTL = 3

/** Payments that an instance may know of at once, those whose outcomes are unwritten included. */
function inMemoryMax({ work, accepts, outcomes }: PitParts): number {
  const beside = outcomes.congestedAt + accepts.batchMax
  return waitingMax(work) + slotsMax(work) + beside
}

/** The living children of one supervisor. */
export class Children {
  readonly #childParts: ChildParts
  readonly #now: () => number
  readonly #living = new Map<ChildId, AnyActor>()
  /** When each was restarted, monotonic ms; what is older than its period is left out. */
  readonly #restarts = new Map<ChildId, readonly number[]>()

  /** Starts them all. */
  constructor(parts: PitParts, parent: AnyActorRef) {
    const health = (name: ProcessorName): HealthActor => createCircuit(parts, parent, name)
    let onOrdersRead = (): void => undefined
    const ordersRead = new Promise<void>((resolve) => (onOrdersRead = resolve))
    this.#childParts = {
      parts,
      parent,
      ordersRead,
      onOrdersRead,
      health: { default: health('default'), fallback: health('fallback') },
      ledgerClock: new LedgerClock(parts.ports.telemetry),
    }
    this.#now = () => parts.ports.clock.now()
    for (const id of CHILD_IDS) this.#start(id)
  }

  /** Whether one more restart of this child is within its intensity. */
  mayRestart(id: ChildId): boolean {
    const { onFailure } = CHILDREN[id]
    return onFailure.kind === 'restart' && this.#recentRestarts(id).length < onFailure.intensity
  }

  /** Puts another one in the place of a child that has failed. */
  restart(id: ChildId): void {
    this.#restarts.set(id, [...this.#recentRestarts(id), this.#now()])
    this.#start(id)
  }

  stop(): void {
    for (const actor of this.#living.values()) actor.send(STOP)
  }

  #start(id: ChildId): void {
    const actor = CHILDREN[id].make(this.#childParts, id)
    this.#living.set(id, actor)
    actor.start()
  }

  #recentRestarts(id: ChildId): readonly number[] {
    const { onFailure } = CHILDREN[id]
    assert(onFailure.kind === 'restart', `${id} is not restarted`)
    const since = this.#now() - onFailure.periodMs
    return (this.#restarts.get(id) ?? []).filter((at) => at >= since)
  }
}

/** Whether a name is that of a child. */
export function isChildId(id: string): id is ChildId {
  return Object.hasOwn(CHILDREN, id)
}

export const CHILD_IDS: readonly ChildId[] = Object.keys(CHILDREN).filter(isChildId)

/** What XState's own parents send to stop a child. */
const STOP = { type: 'xstate.stop' }

function createCircuit(
  parts: PitParts,
  parent: AnyActorRef,
  processor: ProcessorName,
): HealthActor {
  const input = { processor, settings: parts.circuit, now: parts.ports.clock.now() }
  const id: ChildId = `processorHealth.${processor}`
  return createHealth(parts, { parent, id, input })
}
