// Planted faults: each names the rule that it breaks, and is caught by that rule.

import t from 'tap'
import type { Planted } from '../instance.ts'
import { type Rule, RULES } from '../rules.ts'
import { runSeed } from '../seeds.ts'

export interface PlantedFault {
  /** The rule that it breaks. */
  readonly rule: Rule
  /** Rules that cannot hold either once that one is broken; absent: it is broken alone. */
  readonly besides?: readonly Rule[]
  /** Made anew for each seed, since some remember. */
  readonly plant: () => Planted
}

/** By what is wrong. */
export type PlantedFaults = Readonly<Record<string, PlantedFault>>

/** A payment is charged at both processors: both have it then, and their books are not Pit's. */
export const PAID_TWICE = {
  rule: 'paidOnce',
  besides: ['settledAtOneProcessor', 'summariesMatch'],
} as const

/** Seeds within which a fault has to be caught. */
const SEEDS_MAX = 60

/**
 * Runs seeds until one breaks the rule of a fault and no other. A seed that breaks another rule
 * ends at that moment and does not count.
 */
export function catchByRule(faults: PlantedFaults): void {
  for (const [name, { rule, besides = [], plant }] of Object.entries(faults)) {
    t.test(`${name} breaks ${rule}`, async (t) => {
      const tolerated = new Set<Rule>([rule, ...besides])
      for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
        const { violations } = await runSeed({ seed, planted: plant(), tolerated })
        const caught = violations.find((violation) => violation.rule === rule)
        if (caught === undefined) continue
        if (!violations.every((violation) => tolerated.has(violation.rule))) continue
        t.pass(`seed ${seed}: broken: ${RULES[rule]}: ${caught.detail}`)
        return
      }
      t.fail(`not in ${SEEDS_MAX} seeds`)
    })
  }
}
