// Calls to the ledger that are done while their answers get lost: every rule holds all the same.

import t, { type Test } from 'tap'
import { Chance } from './chance.ts'
import type { Planted } from './instance.ts'
import { runSeed } from './seeds.ts'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'

const SEEDS = 8

/** Round trips to the ledger, about as long as a compare of what is owned takes. */
const TRIPS = 40

type Losing = <Value>(done: Promise<Value>) => Promise<Value>

/** Answers lost by one instance: each loss costs its payments another settle-by deadline. */
const LOSSES_MAX = 4

/** Calls are done, and now and then the caller is told that the answer was lost. */
function losing(isLost: () => boolean): Losing {
  let lost = 0
  return async (done) => {
    const value = await done
    if (lost < LOSSES_MAX && isLost()) {
      lost += 1
      throw new LedgerUnavailable('spec', 'unknown')
    }
    return value
  }
}

/** Each n-th call. */
function losingEach(every: number): Losing {
  let calls = 0
  return losing(() => {
    calls += 1
    return calls % every === 0
  })
}

async function holdsWith(t: Test, plant: (chance: Chance) => Planted): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations } = await runSeed({ seed, planted: plant(new Chance(seed)) })
    t.same(violations, [], `seed ${seed}`)
  }
}

t.test('what was claimed by a claim without an answer is worked on all the same', async (t) => {
  // Drawn, not counted: as many calls as lie between two counted losses are made in about the 2 s
  // that a payment in doubt waits between two claims, so one payment's answers would all be lost.
  await holdsWith(t, (chance) => ({
    ledger: (ledger) => {
      const lose = losing(() => chance.happens(1 / 9))
      return {
        ...ledger,
        claimDue: (request) => lose(ledger.claimDue(request)),
        claimParked: (ids, request) => lose(ledger.claimParked(ids, request)),
        takeOver: (request) => lose(ledger.takeOver(request)),
      }
    },
  }))
})

t.test('a payment posted again in a batch without an answer is worked on once', async (t) => {
  await holdsWith(t, () => ({
    ledger: (ledger) => {
      const lose = losingEach(4)
      return { ...ledger, accept: (batch, request) => lose(ledger.accept(batch, request)) }
    },
  }))
})

t.test('an accept that is answered late while claims are lost is worked on once', async (t) => {
  await holdsWith(t, () => ({
    ledger: (ledger) => {
      const lose = losingEach(3)
      return {
        ...ledger,
        async accept(batch, request) {
          const results = await ledger.accept(batch, request)
          for (let trip = 0; trip < TRIPS; trip += 1) await ledger.countOpen()
          return results
        },
        claimDue: (request) => lose(ledger.claimDue(request)),
      }
    },
  }))
})
