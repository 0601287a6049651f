// Instances that are stopped in the middle of something: every rule holds all the same.

import t, { type Test } from 'tap'
import type { Planted } from './instance.ts'
import { stopsAfterPostings, stopsOverHangingCharges } from './planted/plans.ts'
import { runSeed } from './seeds.ts'

const SEEDS = 12

async function holdsWith(t: Test, planted: Planted): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations } = await runSeed({ seed, planted })
    t.same(violations, [], `seed ${seed}`)
  }
}

t.test('what is being accepted when an instance stops is handed over', async (t) => {
  await holdsWith(t, { plan: stopsAfterPostings })
})

t.test('an instance that stops over hanging charges hands them over at once', async (t) => {
  await holdsWith(t, { plan: stopsOverHangingCharges })
})
