// The switch that an instrumented module asks, in the process of a spec and in those that it starts.

import { appendFileSync } from 'node:fs'

/** Environment: the slip that is on; and the file to which the slips that are passed are written. */
export const MUTANT = 'MUTANT'
export const MUTANTS_REACHED = 'MUTANTS_REACHED'

const active = Number(process.env[MUTANT] ?? 0)
const reachedFile = process.env[MUTANTS_REACHED]
const reached = new Set<number>()

/** Whether a slip is on. Written at once, since a spec may kill the process. */
export function isOn(id: number): boolean {
  if (reachedFile !== undefined && !reached.has(id)) {
    reached.add(id)
    appendFileSync(reachedFile, `${id}\n`)
  }
  return id === active
}
