// Clocks that are set and machines that are suspended: every rule holds all the same.

import t, { type Test } from 'tap'
import type { Planted } from './instance.ts'
import {
  ledgerClockBack,
  ledgerClockForward,
  ledgerClockForwardOverCrash,
  ledgerClockForwardOverStop,
  suspendsOverLeases,
} from './planted/plans.ts'
import { runSeed } from './seeds.ts'

const SEEDS = 12

async function holdsWith(t: Test, plan: NonNullable<Planted['plan']>): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations } = await runSeed({ seed, planted: { plan } })
    t.same(violations, [], `seed ${seed}`)
  }
}

t.test('nothing is paid twice when PostgreSQL’s clock is set forward over a crash', async (t) => {
  await holdsWith(t, ledgerClockForwardOverCrash)
})

t.test('nothing is paid twice when PostgreSQL’s clock is set forward over a stop', async (t) => {
  await holdsWith(t, ledgerClockForwardOverStop)
})

t.test(
  'nothing is paid twice when PostgreSQL’s clock is set forward and nobody dies',
  async (t) => {
    await holdsWith(t, ledgerClockForward)
  },
)

t.test('nothing is stranded when PostgreSQL’s clock is set back by an hour', async (t) => {
  await holdsWith(t, ledgerClockBack)
})

t.test(
  'an instance whose machine was suspended sends nothing before its next renewal',
  async (t) => {
    await holdsWith(t, suspendsOverLeases)
  },
)
