// The figures of one instance, as it tells them to the others once a second and to its viewers.

import type { Gauges } from '../actors/model/facts.ts'
import type { CircuitSnapshot, InstanceSnapshot } from '../actors/supervisor/snapshot.ts'
import type { TransitionCounts } from '../actors/payments/transition-counts.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { DurationCounts } from './durations.ts'

/** What has been counted since the instance started; payments, unless it says otherwise. */
export interface Counted {
  readonly accepted: number
  /** Answered 503. */
  readonly refused: number
  readonly rejected: number
  /** Times that a payment was put back into the database to wait. */
  readonly parked: number
  readonly processors: Readonly<Record<ProcessorName, ProcessorCounted>>
  /** From a decoded request to its answer. */
  readonly acceptMs: DurationCounts
  /** From acceptance to settlement. */
  readonly settleMs: DurationCounts
}

export interface ProcessorCounted {
  readonly settled: number
  readonly settledCents: number
  /** Attempts that ended in anything but a settlement. */
  readonly failedAttempts: number
}

export interface Figures extends Counted {
  readonly instanceId: string
  /** Epoch ms, on the instance's own clock. */
  readonly startedAt: number
  readonly state: string
  readonly gauges: Gauges
  readonly flows: TransitionCounts | Readonly<Record<string, never>>
  readonly circuits: Readonly<Partial<Record<ProcessorName, CircuitSnapshot>>>
}

/** Where instances leave their figures for each other. Rejects when it is not to be had. */
export interface FiguresCache {
  publish(text: string): Promise<void>
  /** The latest of each instance, by its id; silent ones drop out after some seconds. */
  readAll(): Promise<Readonly<Record<string, string>>>
}

export function figuresOf(
  instance: { readonly instanceId: string; readonly startedAt: number },
  counted: Counted,
  { state, gauges, flows, circuits }: InstanceSnapshot,
): Figures {
  const memory = { gauges: gauges ?? NO_GAUGES, flows: flows ?? {} }
  return { ...instance, ...counted, ...memory, state, circuits }
}

/** The figures in a published text; undefined for what another version of Pit wrote differently. */
export function parseFigures(text: string): Figures | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isFigures(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isFigures(value: unknown): value is Figures {
  if (typeof value !== 'object' || value === null) return false
  return NAMES.every((name) => name in value)
}

const NAMES = [
  'instanceId',
  'startedAt',
  'state',
  'gauges',
  'flows',
  'circuits',
  'processors',
].concat(['accepted', 'refused', 'rejected', 'parked', 'acceptMs', 'settleMs'])

const NO_GAUGES: Gauges = { ready: 0, inFlight: { default: 0, fallback: 0 }, byState: {} }
