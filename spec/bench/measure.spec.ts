import t from 'tap'
import { median, medians, rounded } from '../../bench/measure/figures.ts'
import { calibrate, watchNoise } from '../../bench/measure/machine.ts'
import { percentWithin, selfTimes } from '../../bench/measure/profile.ts'
import { type Report, type Run, rowsOf, tidied } from '../../bench/measure/report.ts'
import { formatReport, titleOf } from '../../bench/measure/table.ts'
import { type Reading, sumOf, usageBetween } from '../../bench/measure/usage.ts'
import { windowOf } from '../../bench/summary/windows.ts'

t.test('a median is the middle value, or the mean of both middle values', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.equal(median([7]), 7)
  t.ok(Number.isNaN(median([])))
})

t.test('medians are taken figure by figure, over the runs that have it', async (t) => {
  const runs = [{ p99Ms: 1, failed: 0 }, { p99Ms: 3, failed: 0 }, { p99Ms: 2 }, { late: 1 }]

  t.same(medians(runs), { p99Ms: 2, failed: 0, late: 1 })
  t.same(Object.keys(medians(runs)), ['p99Ms', 'failed', 'late'])
})

t.test('figures keep four digits, whole numbers all of theirs', async (t) => {
  t.equal(rounded(1.23456), 1.235)
  t.equal(rounded(0.000123456), 0.0001235)
  t.equal(rounded(1_234_567.8), 1_234_568)
  t.equal(rounded(-2000.4), -2000)
  t.equal(rounded(0), 0)
})

t.test('the fixed loop does the same work each time, and takes CPU time', async (t) => {
  const first = calibrate()
  const second = calibrate()

  t.ok(first.cpuMs > 0 && second.cpuMs > 0)
  t.ok(first.wallMs > 0 && second.wallMs > 0)
})

t.test('noise is reported in figures', async (t) => {
  const noise = watchNoise()()

  const names = ['calibrationCpuMs', 'calibrationWallMs', 'fsyncMs', 'fsyncMaxMs']
  const used = ['wallSeconds', 'cpuSeconds', 'busyCpus', 'stolenPercent']
  t.same(Object.keys(noise), [...names, ...used])
  t.ok(Object.values(noise).every((value) => value >= 0))
})

const noise = { calibrationCpuMs: 40 }
const runs: readonly Run[] = [
  {
    variant: 'Pit',
    run: 1,
    figures: { p99Ms: 1 },
    services: { pit: { cpus: 1 }, nginx: { cpus: 3 } },
    noise,
  },
  { variant: 'floor', run: 1, figures: { p99Ms: 0.5, acceptedPerSecond: 51_234 }, noise },
  {
    variant: 'Pit',
    run: 2,
    figures: { p99Ms: 3 },
    services: { pit: { cpus: 2 }, nginx: { cpus: 1 } },
    series: Array.from({ length: 50 }, (_, index) => ({ atSecond: index, p99Ms: 2 * index })),
    noise,
  },
]

t.test('runs of a variant become a row of medians', async (t) => {
  t.same(rowsOf(runs), [
    {
      variant: 'Pit',
      runs: 2,
      figures: { p99Ms: 2 },
      noise,
      services: { pit: { cpus: 1.5 }, nginx: { cpus: 2 } },
    },
    { variant: 'floor', runs: 1, figures: { p99Ms: 0.5, acceptedPerSecond: 51_234 }, noise },
  ])
})

t.test('a measurement is rounded in each part that it has', async (t) => {
  const measured = {
    figures: { p99Ms: 1.23456 },
    services: { pit: { cpus: 0.123456 } },
    series: [{ atSecond: 1.00001 }],
  }

  t.same(tidied(measured), {
    figures: { p99Ms: 1.235 },
    services: { pit: { cpus: 0.1235 } },
    series: [{ atSecond: 1 }],
  })
  t.same(tidied({ figures: {} }), { figures: {} })
})

t.test('a report is a table of figures, one of services and one of noise', async (t) => {
  const report: Report = {
    bench: 'accept',
    command: 'npm run bench:accept',
    startedAt: '2026-01-02T03:04:05.678Z',
    machine: { processor: 'EPYC', cores: 2, memoryMiB: 4096, system: 'Linux 6', node: 'v20' },
    settings: { seconds: 20 },
    rows: rowsOf(runs),
    runs,
  }

  const text = formatReport(report)

  t.match(text, '`npm run bench:accept`, 2026-01-02 03:04 UTC, medians of 2 runs.')
  t.match(text, 'EPYC, 2 cores, 4096 MiB, Linux 6, Node v20; seconds 20.')
  t.match(text, '|  | p99 ms | accepted /s |\n| --- | ---: | ---: |\n| Pit | 2 | – |')
  t.match(text, '| floor | 0.5 | 51,234 |')
  t.match(text, '| Pit: nginx | 2 |')
  t.match(text, 'Pit, run 2:\n\n| at second | p99 ms |\n| --- | ---: |\n| 0 | 0 |\n| 3 | 6 |')
  t.match(text, '| 48 | 96 |\n| 49 | 98 |\n\n', 'the last one too')
  t.match(text, '| floor | 40 |')
})

t.test('names of figures are read as words and units', async (t) => {
  t.equal(titleOf('cpuUsPerPayment'), 'cpu µs per payment')
  t.equal(titleOf('p999Ms'), 'p99.9 ms')
  t.equal(titleOf('settledPerSecond'), 'settled /s')
  t.equal(titleOf('memoryPeakMib'), 'memory peak MiB')
})

t.test('the use of services is reported per second and per payment', async (t) => {
  const reading = (at: number, cpuSeconds: number): Reading => {
    const none = { throttledSeconds: 0, memoryBytes: 0, memoryAnonBytes: 1024 ** 2, oomKills: 0 }
    const memoryPeakBytes = 2 * 1024 ** 2
    const used = { ...none, memoryPeakBytes, cpuSeconds, periods: 10 * at, throttledPeriods: 1 }
    return { at, parts: [['pit-1', used]] }
  }
  const span = { start: reading(1000, 1), end: reading(3000, 1.5) }

  const used = usageBetween({ ...span, payments: 1000 })

  t.match(used, {
    'pit-1': { cpuSeconds: 0.5, cpus: 0.25, cpuUsPerPayment: 500, periods: 20_000 },
  })
  t.match(used, { 'pit-1': { throttledPeriods: 0, memoryPeakMib: 2, memoryAnonMib: 1 } })
  t.equal(sumOf(used, 'cpuSeconds'), 0.5)
  t.equal(sumOf(used, 'cpuSeconds', 'nginx'), 0)
  const free = usageBetween({ ...span, payments: 0 })
  t.notOk('cpuUsPerPayment' in (free['pit-1'] ?? {}), 'of no payment it costs nothing each')
})

t.test('a profile tells where the time went, idle time left out', async (t) => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 4 })
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)', '') },
      { id: 2, callFrame: frame('take', 'file:///x/dist/actors/floor.js') },
      { id: 3, callFrame: frame('', 'file:///x/node_modules/pg/dist/lib.js') },
      { id: 4, callFrame: frame('take', 'file:///x/dist/actors/floor.js') },
    ],
    samples: [1, 2, 3, 4],
    timeDeltas: [9000, 2000, 1000, 1000],
  }

  t.same(selfTimes(profile, 2), [
    { place: 'take (dist/actors/floor.js:5)', ms: 3, percent: 75 },
    { place: 'anonymous (pg/dist/lib.js:5)', ms: 1, percent: 25 },
  ])
  t.equal(selfTimes(profile, 1).length, 1)
})

t.test('a profile tells the share of some files and of all that they called', async (t) => {
  const frame = (url: string) => ({ functionName: 'run', url, lineNumber: 4 })
  const profile = {
    nodes: [
      { id: 1, callFrame: { ...frame(''), functionName: '(root)' }, children: [2, 3, 6] },
      { id: 2, callFrame: { ...frame(''), functionName: '(idle)' } },
      { id: 3, callFrame: frame('file:///x/dist/console/inspector-hook.js'), children: [4] },
      { id: 4, callFrame: frame('file:///x/dist/console/sample.js'), children: [5] },
      { id: 5, callFrame: frame('') },
      { id: 6, callFrame: frame('file:///x/dist/console/sample.js') },
    ],
    samples: [2, 3, 4, 5, 6],
    timeDeltas: [9000, 1000, 1000, 2000, 4000],
  }

  t.equal(percentWithin(profile, ['console/inspector-hook.js', 'console/send-buffer.js']), 50)
  t.equal(percentWithin(profile, ['console/send-buffer.js']), 0)
})

t.test('a window has its length and lies in the span', async (t) => {
  const span = { from: 1_000_000, to: 1_100_000 }

  t.same(windowOf('all', span, Math.random), {})
  t.same(
    windowOf('second', span, () => 0),
    { from: 1_000_000, to: 1_000_999 },
  )
  for (let draw = 0; draw < 100; draw += 1) {
    const { from = 0, to = 0 } = windowOf('minute', span, Math.random)
    t.ok(from >= span.from && to <= span.to && to - from === 59_999)
  }
  t.same(windowOf('hour', span, Math.random), { from: 1_000_000, to: 4_599_999 })
})
