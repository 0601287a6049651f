// Runs some seeds in a fixed world, in which every rule has to hold.

import t from 'tap'
import { runSeed, type SeedResult } from '../seeds.ts'
import type { Planning } from './fixed.ts'

/** Seeds of each world. */
const SEEDS = 3

/** A spec of its own: every rule holds in this world. */
export function holdsIn(title: string, plan: Planning, seeds = SEEDS): void {
  // The runner waits for it.
  void t.test(title, async (t) => {
    for (const { seed, violations } of await runWorld(plan, seeds)) {
      t.same(violations, [], `seed ${seed}`)
    }
  })
}

export async function runWorld(plan: Planning, seeds: number): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = []
  for (let seed = 1; seed <= seeds; seed += 1) {
    results.push(await runSeed({ seed, planted: { plan } }))
  }
  return results
}
