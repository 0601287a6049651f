// PostgreSQL that comes back with less than it had committed: whole instances in virtual time.

import t from 'tap'
import { Chance } from './chance.ts'
import { type Plan, rewindOf } from './plan.ts'
import { runSeed } from './seeds.ts'
import type { Settings } from './settings.ts'

const SEEDS = 12

/** One rewind stands in the place of all that take something from the ledger. */
const LOSSES: ReadonlySet<string> = new Set(['purge', 'rewind'])

for (let seed = 1; seed <= SEEDS; seed += 1) {
  t.test(
    `seed ${seed}: nothing is paid twice after a rewind, and the books are equal`,
    async (t) => {
      const plan = (usual: Plan, settings: Settings): Plan => {
        const others = usual.faults.filter(({ fault }) => !LOSSES.has(fault.kind))
        return { ...usual, faults: [...others, rewindOf(new Chance(seed), settings)] }
      }

      const { violations } = await runSeed({ seed, planted: { plan } })

      t.same(violations, [])
    },
  )
}
