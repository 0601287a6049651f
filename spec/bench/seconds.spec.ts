import t from 'tap'
import { growthBySecond, joinSeconds } from '../../bench/measure/cpu-watch.ts'
import { csvOf, type Run } from '../../bench/measure/report.ts'
import { SecondsTally, type Outcome } from '../../bench/load/tally.ts'

const took = (tookMs: number): Outcome => ({ kind: 'answered', status: 202, tookMs })
const refused: Outcome = { kind: 'answered', status: 503, tookMs: 900 }

t.test('an answer counts in the second in which its request was sent', async (t) => {
  const tally = new SecondsTally()

  tally.record(took(3), 2999)
  tally.record(took(1500), 999.9)
  tally.record(took(1), 0)
  tally.record(refused, 1000)
  tally.record({ kind: 'failed', cause: 'timeout', detail: '', sent: true }, 2000)

  t.same(tally.report(), [
    { second: 0, answers: 2, failed: 0, p50Ms: 1, p99Ms: 1500, maxMs: 1500 },
    { second: 1, answers: 0, failed: 1 },
    { second: 2, answers: 1, failed: 1, p50Ms: 3, p99Ms: 3, maxMs: 3 },
  ])
})

t.test('the p99 of a second is the latency that 99 of 100 answers do not exceed', async (t) => {
  const tally = new SecondsTally()

  for (let ms = 200; ms >= 1; ms -= 1) tally.record(took(ms), 500)

  t.match(tally.report(), [{ answers: 200, p50Ms: 100, p99Ms: 198, maxMs: 200 }])
})

t.test('counters that are read late are shared out between the seconds', async (t) => {
  const reading = (atMs: number, pit: number, periods: number) => {
    return { atMs, counters: { 'pit-1Cpus': pit, throttledPeriods: periods } }
  }

  const grown = growthBySecond([
    reading(0, 10, 5),
    reading(1000, 10.5, 5),
    // Half a second late: a third of what was used since the last reading is the third second's.
    reading(2500, 12, 11),
    reading(3000, 12.25, 11),
  ])

  t.same(grown, [
    { 'pit-1Cpus': 0.5, throttledPeriods: 0 },
    { 'pit-1Cpus': 1, throttledPeriods: 4 },
    { 'pit-1Cpus': 0.75, throttledPeriods: 2 },
  ])
})

t.test('a counter is told for whole seconds, from the start of the load on', async (t) => {
  const reading = (atMs: number, pit: number) => ({ atMs, counters: { pit } })

  t.same(growthBySecond([reading(50, 1), reading(1000, 2), reading(1900, 9)]), [{ pit: 1 }])
  t.same(growthBySecond([reading(50, 1)]), [])
  t.same(growthBySecond([]), [])
})

t.test('what clients saw of a second stands beside what services used in it', async (t) => {
  const answers = [
    { second: 0, answers: 1, failed: 0, p50Ms: 1, p99Ms: 1, maxMs: 1 },
    { second: 2, answers: 0, failed: 0 },
  ]

  t.same(joinSeconds(answers, [{ pit: 0.1 }, { pit: 0.2 }, { pit: 0.3 }]), [
    { second: 0, answers: 1, failed: 0, p50Ms: 1, p99Ms: 1, maxMs: 1, pit: 0.1 },
    { second: 2, answers: 0, failed: 0, pit: 0.3 },
  ])
})

t.test(
  'the seconds of all runs are lines of one CSV, an absent figure an empty cell',
  async (t) => {
    const run = { figures: {}, noise: {} }
    const runs: readonly Run[] = [
      {
        ...run,
        variant: 'Pit, limits',
        run: 1,
        bySecond: [{ second: 0, p99Ms: 4 }, { second: 1 }],
      },
      { ...run, variant: 'floor', run: 2, series: [{ second: 0, cpus: 1 }] },
      { ...run, variant: 'none', run: 1 },
    ]

    t.equal(
      csvOf(runs),
      [
        'variant,run,second,p99Ms,cpus',
        '"Pit, limits",1,0,4,',
        '"Pit, limits",1,1,,',
        '"floor",2,0,,1',
        '',
      ].join('\n'),
    )
  },
)
