// Reads from the living actors' snapshots, for the console and the operators' port: nothing is sent
// or changed.

import { emptyWindow, ratesOf } from '../circuit/window.ts'
import type { Gauges } from '../model/facts.ts'
import type { TransitionCounts } from '../payment/transition-counts.ts'
import type { PaymentsSnapshot } from '../payments/payments.ts'
import { gaugesOf, listPaymentStatuses, type PaymentsInMemory } from '../payments/queries.ts'
import type { PaymentState, PaymentStatus, ProcessorName } from '../model/payment.ts'
import type { HealthActor } from '../circuit/processor-health.machine.ts'
import type { CircuitState } from '../circuit/context.ts'
import { limitAt } from '../circuit/limit.ts'
import type { SupervisorActor } from './supervisor.ts'

/** A circuit as an operator reads it. */
export interface CircuitSnapshot {
  readonly state: CircuitState
  /** Time since the last change of state, ms. */
  readonly forMs: number
  readonly cause: string
  /** Charges that may be in flight at once now. */
  readonly concurrencyLimit: number
  /** Smoothed response time of answered charges, ms. */
  readonly measuredMs: number
  /** What the processor's health endpoint last announced, ms. */
  readonly announcedMs: number
  /** Attempts in the rolling window, and the share of them, 0 to 1, that failed. */
  readonly calls: number
  readonly failureRate: number
}

/** An instance at one moment. Absent parts: those actors have not started or have stopped. */
export interface InstanceSnapshot {
  /** State of the supervisor: starting, accepting, draining and so on. */
  readonly state: string
  readonly gauges?: Gauges
  readonly transitions?: TransitionCounts
  readonly circuits: Readonly<Partial<Record<ProcessorName, CircuitSnapshot>>>
}

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** `now`: monotonic, ms. */
export function snapshotOf(supervisor: SupervisorActor, now: number): InstanceSnapshot {
  const payments = inMemoryOf(supervisor)
  const circuits = PROCESSORS.flatMap((name) => {
    const actor = actorOf(supervisor, `processorHealth.${name}`)
    return actor === undefined ? [] : [[name, circuitSnapshot(actor, now)] as const]
  })
  return {
    state: supervisor.getSnapshot().value,
    ...(payments === undefined
      ? {}
      : { gauges: gaugesOf(payments), transitions: payments.transitions }),
    circuits: Object.fromEntries(circuits),
  }
}

/** Purges that this instance knows of. */
export function purgesOf(supervisor: SupervisorActor): number {
  return inMemoryOf(supervisor)?.dependencies.purges() ?? 0
}

/** Payments that this instance works on and that are in this state now. */
export function queryPayments(
  supervisor: SupervisorActor,
  wanted: { state: PaymentState; limit: number },
): readonly PaymentStatus[] {
  const payments = inMemoryOf(supervisor)
  return payments === undefined ? [] : listPaymentStatuses(payments, wanted)
}

function inMemoryOf(supervisor: SupervisorActor): PaymentsInMemory | undefined {
  return actorOf(supervisor, 'payments')?.getSnapshot().work.inMemory
}

/** The kind of actor that the table of children makes under each name that is read here. */
interface ReadActors {
  readonly payments: { getSnapshot(): PaymentsSnapshot }
  readonly 'processorHealth.default': HealthActor
  readonly 'processorHealth.fallback': HealthActor
}

function actorOf<Name extends keyof ReadActors>(
  { system }: SupervisorActor,
  name: Name,
): ReadActors[Name] | undefined {
  return system.get(name)
}

function circuitSnapshot(actor: HealthActor, now: number): CircuitSnapshot {
  const { value, context } = actor.getSnapshot()
  const concurrencyLimit = limitAt(value, context, now)
  const { since, cause, measuredMs, saidMs } = context
  // The window slides when an attempt is reported: until then it holds the last ones.
  const isStale = now - context.window.startedAt >= context.settings.windowMs
  const { calls, failureRate } = ratesOf(isStale ? emptyWindow(now) : context.window)
  const times = { forMs: now - since, measuredMs, announcedMs: saidMs ?? 0 }
  return { state: value, cause, concurrencyLimit, ...times, calls, failureRate }
}
