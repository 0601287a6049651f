// The routing study counts as the challenge does: small loads whose earnings are computed by hand.

import t from 'tap'
import { CALM, type Conditions, type Stage } from '../../bench/challenge/stages.ts'
import { bestShare } from '../../bench/routing/oracle.ts'
import { play, type Earnings } from '../../bench/routing/play.ts'
import { drawSchedule } from '../../bench/routing/random-schedule.ts'
import { resultsOf } from '../../bench/routing/result.ts'
import type { Played } from '../../bench/routing/study.ts'
import { formatResults } from '../../bench/routing/table.ts'
import { listSchedules } from '../../bench/routing/schedules.ts'
import { parseVariants, turnOneByOne } from '../../bench/routing/variants.ts'

const FAILING: Conditions = { delayMs: 0, failing: true }
const CHECKED = { lagMs: 1500, pitLaterMs: 0 }
const FEES = { default: 0.05, fallback: 0.15 }

/**
 * Two users in 6 s: one posts at seconds 0 to 5, the other at 3, 4 and 5; the third would begin at
 * second 6. Nine payments of 19.90.
 */
function playSmall(stages: readonly Stage[], waitMaxMs = 0): Promise<Earnings> {
  const environment = { ROUTE_WAIT_MAX_MS: String(waitMaxMs), LOOKUP_LAG_MS: '500' }
  return play({ ...CHECKED, stages, environment, seed: 1, users: 3, seconds: 6 })
}

t.test('nine payments at default earn 9 × 19.90 less 5 %', async (t) => {
  const earnings = await playSmall([{ atSecond: 0, default: CALM, fallback: CALM }])

  t.equal(earnings.accepted, 9)
  t.same(earnings.settled, { default: total(9), fallback: total(0) })
  t.equal(earnings.profit, 170.15)
  t.equal(earnings.bestProfit.toFixed(3), '170.145')
})

t.test('five payments at default and four at fallback earn each less its share', async (t) => {
  const earnings = await playSmall([
    { atSecond: 0, default: CALM, fallback: CALM },
    { atSecond: 3.5, default: FAILING, fallback: CALM },
  ])

  t.same(earnings.settled, { default: total(5), fallback: total(4) })
  t.equal(earnings.profit, 162.19)
  t.equal(earnings.bestProfit.toFixed(3), '162.185')
})

t.test('payments that are not settled when the load ends earn nothing', async (t) => {
  const earnings = await playSmall([
    { atSecond: 0, default: CALM, fallback: CALM },
    { atSecond: 3.5, default: FAILING, fallback: FAILING },
  ])

  t.equal(earnings.accepted, 9)
  t.same(earnings.settled, { default: total(5), fallback: total(0) })
  t.equal(earnings.profit, 94.53)
  t.equal(earnings.bestProfit.toFixed(3), '94.525')
})

t.test('waiting for a processor that never returns loses what it could have earned', async (t) => {
  const earnings = await playSmall([{ atSecond: 0, default: FAILING, fallback: CALM }], 60_000)

  t.equal(earnings.profit, 0)
  t.equal(earnings.bestProfit.toFixed(3), '152.235')
})

t.test('the oracle waits for the cheaper processor and knows what lands in time', async (t) => {
  const stages: readonly Stage[] = [
    { atSecond: 10, default: FAILING, fallback: CALM },
    { atSecond: 20, default: { delayMs: 1000, failing: false }, fallback: CALM },
    { atSecond: 30, default: FAILING, fallback: CALM },
    { atSecond: 40, default: FAILING, fallback: { delayMs: 2000, failing: false } },
  ]
  const best = (acceptedMs: number): number =>
    bestShare({ stages, endMs: 45_000, fees: FEES }, acceptedMs)

  t.equal(best(0), 0.95)
  t.equal(best(15_000), 0.95, 'once it has returned')
  t.equal(best(28_900), 0.95, 'sent at 28.9 s, recorded at 29.9 s')
  t.equal(best(29_100), 0.85, 'it would fail at 30.1 s')
  t.equal(best(42_900), 0.85, 'sent at 42.9 s, recorded at 44.9 s')
  t.equal(best(43_100), 0, 'it would be recorded after the end')
})

t.test('a share is what all runs of a schedule earned of what was possible', async (t) => {
  const [result] = resultsOf(STUDY, [run(0, 90, 9), run(0, 70, 7), run(1, 100, 10)])

  t.same(result?.percent, { one: 80, other: 100 })
  t.equal(result?.mean, 90)
  t.equal(result?.worst, 80)
  t.equal(result?.unsettledPercent.toFixed(2), '13.33')
})

const STUDY = {
  variants: [{ environment: {} }, { environment: { ROUTE_SLOW_MS: '5000' } }],
  schedules: ['one', 'other'].map((name) => ({ name, stages: [], fees: FEES, lagMs: 1500 })),
  seeds: 2,
  users: 1,
  pitLaterMs: 0,
  jobs: 1,
}

function run(schedule: number, score: number, settled: number): Played {
  const earned = { profit: score, score, bestProfit: 100, inconsistencies: 0, avoidable: 0 }
  const counts = { accepted: 10, settled: { default: total(settled), fallback: total(0) } }
  return { variant: 0, schedule, seed: 1, earnings: { ...counts, ...earned } }
}

t.test('a setting is behind by what the best one scores more with a schedule', async (t) => {
  const fined = run(1, 65, 10)
  const earnings = { ...fined.earnings, inconsistencies: 3, avoidable: 2 }
  const other = { ...fined, variant: 1, earnings }

  const results = resultsOf(STUDY, [
    run(0, 90, 9),
    run(1, 80, 10),
    { ...run(0, 100, 9), variant: 1 },
    other,
  ])

  t.same(
    results.map(({ behind }) => behind),
    [
      { one: 10, other: 0 },
      { one: 0, other: 18.75 },
    ],
  )
  t.same(
    results.map(({ inconsistent }) => inconsistent),
    [[], ['other']],
  )
  t.same(
    results.map(({ avoidable }) => avoidable),
    [[], ['other']],
  )
  t.match(
    formatResults(results),
    /\| defaults \|  \| 85.0 \| \+0.00 \| 80.0 \| .* \| 0 \| 0 \| 1 \| 10.0 \|/,
  )
})

/** A tenth of the challenge's users for 31 s: four checks, at 0, 10, 20 and 30 s. */
function playChecked(
  stages: readonly Stage[],
  { slowMs, lagMs = 1500 }: { readonly slowMs?: number; readonly lagMs?: number } = {},
): Promise<Earnings> {
  const route = slowMs === undefined ? {} : { ROUTE_SLOW_MS: String(slowMs) }
  const environment = { LOOKUP_LAG_MS: '500', ...route }
  return play({ stages, environment, seed: 1, users: 55, seconds: 31, lagMs, pitLaterMs: 0 })
}

const LATE: Conditions = { delayMs: 2000, failing: false }

t.test('charges that are out when the books are compared cost the fine', async (t) => {
  const calm = [{ atSecond: 0, default: CALM, fallback: CALM }]
  const bothLate = [{ atSecond: 0, default: LATE, fallback: LATE }]
  const [none, some, inTime] = [
    await playChecked(calm),
    await playChecked(bothLate),
    await playChecked(bothLate, { lagMs: 2200 }),
  ]

  t.match(none, { inconsistencies: 0, avoidable: 0 })
  t.equal(none.score, none.profit)
  t.ok(some.inconsistencies > 0)
  t.equal(some.avoidable, 0, 'no other processor would have been in time')
  t.equal(some.score.toFixed(1), (0.65 * some.profit).toFixed(1))
  t.equal(inTime.inconsistencies, 0)
})

t.test('an inconsistency is avoidable where the other processor was in time', async (t) => {
  const defaultLate = [{ atSecond: 0, default: LATE, fallback: CALM }]

  const patient = await playChecked(defaultLate, { slowMs: 5000 })
  const careful = await playChecked(defaultLate)

  t.ok(patient.avoidable > 0)
  t.match(careful, { inconsistencies: 0, avoidable: 0 })
})

t.test('payments that waited flow to a slow processor from its first second on', async (t) => {
  const slow = { delayMs: 4000, failing: false }
  const recovers = await playChecked([
    { atSecond: 0, default: CALM, fallback: CALM },
    { atSecond: 5, default: FAILING, fallback: FAILING },
    { atSecond: 20, default: slow, fallback: FAILING },
  ])
  const calm = await playChecked([
    { atSecond: 0, default: CALM, fallback: CALM },
    { atSecond: 5, default: FAILING, fallback: FAILING },
  ])

  // Two instances with 26 charges in flight, for 4 s each, are 13 a second; answers come for 7 s.
  t.ok(recovers.settled.default.payments - calm.settled.default.payments > 70)
})

t.test('a random schedule depends only on its seed, is in order and within the load', async (t) => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const seconds = drawSchedule(seed).stages.map(({ atSecond }) => atSecond)

    t.same(drawSchedule(seed), drawSchedule(seed))
    t.equal(seconds[0], 0)
    t.ok((seconds.at(-1) ?? 0) < 60)
    t.same(
      seconds,
      seconds.toSorted((one, other) => one - other),
    )
  }
  const names = listSchedules({ from: 4, count: 2 }).map(({ name }) => name)
  t.equal(names[0], 'challenge')
  t.same(names.slice(-2), ['random-4', 'random-5'])
})

t.test('settings are varied one by one or together, and unknown ones are refused', async (t) => {
  const turned = turnOneByOne(['CIRCUIT_FAILURE_RATE'])

  t.same(turned, [
    { environment: { CIRCUIT_FAILURE_RATE: '0.2' } },
    { environment: { CIRCUIT_FAILURE_RATE: '0.8' } },
    { environment: { CIRCUIT_FAILURE_RATE: '1' } },
  ])
  t.same(parseVariants('ROUTE_SLOW_MS=1, QUICK_TRIES=2;QUICK_TRIES=3'), [
    { environment: { ROUTE_SLOW_MS: '1', QUICK_TRIES: '2' } },
    { environment: { QUICK_TRIES: '3' } },
  ])
  t.throws(() => turnOneByOne(['PORT']), /PORT is none of/)
  t.throws(() => parseVariants('QUICK_TRIES'), /--together takes/)
  t.throws(() => parseVariants('QUICK_TRYS=1'), /QUICK_TRYS is no variable/)
})

function total(payments: number): { payments: number; cents: number } {
  return { payments, cents: 1990 * payments }
}
