// The rules that watch how payments are handed over and taken on are shown to be able to fail.

import t from 'tap'
import type { Planted } from './planted-world.ts'
import { runSeed } from './run.ts'
import { rareClaims, seldomTakeOver, stopThatKeeps, stopThatLingers } from './planted/handovers.ts'

/** Seeds within which a fault has to be noticed. */
const SEEDS_MAX = 150

/** Each with the one rule that is there to notice it: others may, too, or later. */
const HANDOVERS: Readonly<Record<string, readonly [rule: string, plant: () => Planted]>> = {
  'a stop that waits for hanging charges': ['a stop takes its grace and a flush', stopThatLingers],
  'a stop that hands nothing back': ['a stopped instance owns nothing', stopThatKeeps],
  'a take-over that comes too seldom': [
    'a dead instance’s payments are claimed in time',
    seldomTakeOver,
  ],
  'a claim that comes too rarely': ['what is handed over is taken on in time', rareClaims],
}

for (const [name, [rule, plant]] of Object.entries(HANDOVERS)) {
  t.test(`${name} is noticed by its own rule`, async (t) => {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const { violation } = await runSeed({ seed, planted: plant() })
      if (violation?.rule !== rule) continue
      t.pass(`seed ${seed}: ${violation.detail}`)
      return
    }
    t.fail(`not in ${SEEDS_MAX} seeds`)
  })
}
