// PostgreSQL that comes back with less than it had committed: whole instances in virtual time.

import t from 'tap'
import { Chance } from './chance.ts'
import { type Plan, rewindOf } from './plan.ts'
import { Postings } from './postings.ts'
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

t.test('an answer to what was posted before a rewind is no promise of the ledger after it', (t) => {
  const answer = { answer: 'accepted', postedAt: 900, now: 1400, caughtUpAt: 0 } as const
  for (const { isInLedger, postedAt, fault } of [
    { isInLedger: false, postedAt: 900, fault: null },
    { isInLedger: true, postedAt: 900, fault: 'a 202 for two amounts' },
    { isInLedger: false, postedAt: 1001, fault: 'a 202 for two amounts' },
  ]) {
    const postings = new Postings()
    const posting = postings.post('a', 100)
    postings.lose('a', 1000)

    postings.answered(posting, { ...answer, amountCents: 100, isInLedger, postedAt })

    const later = { ...answer, amountCents: 101, isInLedger: true, postedAt: 2000, now: 2001 }
    t.equal(postings.answered(posting, later), fault)
  }
  t.end()
})
