// One metric of Pit: its name, its meaning, and where its values are read.

import type { LabelValues } from 'prom-client'
import type { ProcessorName } from '../../actors/model/payment.ts'
import type { CircuitState, Tallies } from './tallies.ts'

/** What is looked at only when somebody scrapes. */
export interface Moment {
  readonly ready: boolean
  readonly edge: EdgeCounts
  /** Open payments in the ledger; undefined when it did not say in time. */
  readonly open: { readonly parked: number; readonly owned: number } | undefined
}

export interface EdgeCounts {
  /** Posts of payments that were answered 503, since the start. */
  readonly refused: number
  /** Requests that wait for their answer now. */
  readonly inFlight: number
}

export interface FamilyOptions {
  readonly instanceId: string
  readonly version: string
  /** Share of the amount that each processor keeps. */
  readonly fees: Readonly<Record<ProcessorName, number>>
  readonly tallies: Tallies
  readonly moment: () => Moment
}

export type Sample = readonly [labels: LabelValues<string>, value: number]

/** `read` gives its samples, one for each set of labels. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly read: () => readonly Sample[]
}

export const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** A sample for each state that each processor's circuit may be in. */
export function perCircuitState(
  read: (processor: ProcessorName, state: CircuitState) => number,
): readonly Sample[] {
  return PROCESSORS.flatMap((processor) =>
    CIRCUIT_STATES.map((state): Sample => [{ processor, state }, read(processor, state)]),
  )
}

const CIRCUIT_STATES: readonly CircuitState[] = ['closed', 'open', 'halfOpen']
