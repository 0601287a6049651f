// Whether recovering processors were left in peace, and whether circuits made up their minds.

import type { Part } from '../../bench/layout/part.ts'
import { openingsDuring, readOpenings } from './openings.ts'
import { isFlooded, type Recovery } from './recoveries.ts'

export interface JudgedRecovery extends Recovery {
  /** The most openings of one instance's circuit. */
  readonly openings: number
  readonly verdict: 'held' | 'broken'
}

/** What was sent before the recovery may still fail in it, and open a circuit once more. */
export const OPENINGS_MAX = 3

export function judgeRecoveries(
  recoveries: readonly Recovery[],
  instances: readonly Pick<Part, 'name' | 'logs'>[],
): readonly JudgedRecovery[] {
  const openings = instances.flatMap((pit) => readOpenings(pit.name, pit.logs()))
  return recoveries.map((recovery) => {
    const count = openingsDuring(recovery, openings)
    const isBroken = isFlooded(recovery) || count > OPENINGS_MAX
    return { ...recovery, openings: count, verdict: isBroken ? 'broken' : 'held' }
  })
}
