import t from 'tap'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import { createLedgerCounts, type FinalCount } from '../../src/console/ledger-counts.ts'

const settled = {
  default: { payments: 40, cents: 4_000 },
  fallback: { payments: 2, cents: 200 },
}

function begin() {
  let now = 0
  let asked = 0
  let tookMs = 0
  let isGone = false
  const answer = <Value>(value: Value): Promise<Value> =>
    isGone ? Promise.reject(new LedgerUnavailable('count', 'none')) : Promise.resolve(value)
  const count = createLedgerCounts({
    clock: { now: () => now, wallNow: () => 1_000_000 + now },
    countOpen: () => answer({ parked: 3, owned: 4, oldestMs: 0 }),
    countFinal: () => {
      asked += 1
      now += tookMs
      return answer<FinalCount>({ settled, rejected: 1 })
    },
  })
  return {
    count,
    asked: () => asked,
    wait: (ms: number) => void (now += ms),
    takes: (ms: number) => void (tookMs = ms),
    goes: () => void (isGone = true),
  }
}

t.test('all payments are those that are final and those that are open', async (t) => {
  const { count } = begin()

  t.match(await count(), {
    open: { parked: 3, owned: 4 },
    totals: { settled, rejected: 1, payments: 50 },
  })
})

t.test('a count that takes long is asked for a twentieth of the time', async (t) => {
  const { count, asked, wait, takes } = begin()
  takes(500)
  await count()

  wait(9_000)
  await count()
  t.equal(asked(), 1)

  wait(1_000)
  t.match(await count(), { totals: { payments: 50 } })
  t.equal(asked(), 2)
})

t.test('while the ledger is out of reach the last totals stand', async (t) => {
  const { count, goes, wait } = begin()
  t.match(await count(), { staleSince: null })
  goes()
  wait(5_000)

  const told = await count()
  t.match(told, { open: null, totals: { payments: 50 }, staleSince: 1_000_000 })
})
