// Histories that the simulation once found broken, brought about on purpose.

import t, { type Test } from 'tap'
import type { Planted } from '../../bench/simulation/planted.ts'
import { runSeed } from '../../bench/simulation/run.ts'
import { LedgerUnavailable } from '../../src/actors/errors.ts'

const SEEDS = 12

/** Round trips to the ledger that take longer than replacing a lease. */
const TRIPS = 40

/** Each n-th call is done, and its caller told that the answer was lost. */
function losing(every: number): <Value>(done: Promise<Value>) => Promise<Value> {
  let calls = 0
  return async (done) => {
    const value = await done
    calls += 1
    if (calls % every === 0) throw new LedgerUnavailable('spec', 'unknown')
    return value
  }
}

async function holdsWith(t: Test, plant: () => Planted): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violation } = await runSeed({ seed, planted: plant() })
    t.equal(violation, undefined, `seed ${seed}`)
  }
}

t.test('what was claimed by a claim without an answer is worked on all the same', async (t) => {
  await holdsWith(t, () => ({
    ledger: (ledger) => {
      const lose = losing(9)
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
      const lose = losing(4)
      return { ...ledger, accept: (batch, request) => lose(ledger.accept(batch, request)) }
    },
  }))
})

t.test('an accept that is answered after its lease was replaced is left to others', async (t) => {
  await holdsWith(t, () => ({
    ledger: (ledger) => {
      const lose = losing(3)
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
