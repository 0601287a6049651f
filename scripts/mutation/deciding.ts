// The modules that decide, each with its equivalent mutants: slips that change nothing that anybody
// could notice. `spec/mutation/deciding.json` has them.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './instrument.ts'

/** A slip as the report shows it, and why no spec can notice it. */
export interface Equivalent {
  readonly in: string
  readonly from: string
  readonly to: string
  readonly why: string
}

/** By the path of the module. */
export type Deciding = Readonly<Record<string, readonly Equivalent[]>>

export const DECIDING = 'spec/mutation/deciding.json'

/** Throws when the file is broken or names a module that is not there. */
export function readDeciding(root: string): Deciding {
  const deciding = JSON.parse(readFileSync(join(root, DECIDING), 'utf8')) as Deciding
  for (const [module, equivalents] of Object.entries(deciding)) {
    if (!existsSync(join(root, module))) throw new Error(`${DECIDING}: there is no ${module}`)
    for (const { from, why } of equivalents) {
      if (why.trim() === '') throw new Error(`${DECIDING}: ${module}: no reason for ${from}`)
    }
  }
  return deciding
}

export function isSame(mutant: Mutant, equivalent: Equivalent): boolean {
  return (
    mutant.within === equivalent.in &&
    mutant.from === equivalent.from &&
    mutant.to === equivalent.to
  )
}
