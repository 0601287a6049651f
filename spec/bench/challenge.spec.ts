import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { readCommandLine, USAGE } from '../../bench/challenge/options.ts'
import { UsageError, TargetUnreachable } from '../../bench/challenge/errors.ts'
import { scaleTiming } from '../../bench/challenge/checks.ts'
import { booksAgree, countInconsistencies } from '../../bench/challenge/books.ts'
import { findFaults, formatResult } from '../../bench/challenge/result.ts'
import type { ChallengeResult } from '../../bench/challenge/result.ts'
import { leaveCalm, runChallenge } from '../../bench/challenge/run.ts'
import type { ChallengeOptions } from '../../bench/challenge/run.ts'
import { computeScore } from '../../bench/challenge/score.ts'
import type { ScoreInput } from '../../bench/challenge/score.ts'
import { findSchedule, parseSchedule, scaleStages } from '../../bench/challenge/stages.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { GIVE_UP_MS, waitUntil } from '../../bench/layout/wait.ts'
import { parseTarget } from '../../bench/load/target.ts'
import { startFakeChallenge } from '../support/fake-challenge.ts'
import type { FakeChallenge, FakeFault } from '../support/fake-challenge.ts'

/** 100 payments of 19.90 at the default, 10 at the fallback: gross 2189, fees 99.5 + 29.85. */
const plain: ScoreInput = {
  accepted: 110,
  settled: {
    default: { payments: 100, cents: 199_000 },
    fallback: { payments: 10, cents: 19_900 },
  },
  feeRates: { default: 0.05, fallback: 0.15 },
  p99Ms: 1.25,
  inconsistencies: 0,
}

t.test('the score follows the rules of the challenge', async (t) => {
  // profit 2059.65; each score by hand: profit × (1 + bonus − fine).
  const rows: [string, Partial<ScoreInput>, object][] = [
    ['fast', {}, { gross: 2189, fees: 129.35, profit: 2059.65, bonus: 0.195, score: 2461.28 }],
    ['bonus rounded up', {}, { scoreWithRoundedBonus: 2471.58 }],
    ['instant', { p99Ms: 0.004 }, { p99Ms: 0, bonus: 0.22, score: 2512.77 }],
    ['p99 is rounded first', { p99Ms: 1.2549 }, { p99Ms: 1.25, bonus: 0.195 }],
    ['p99 is rounded half up', { p99Ms: 1.255 }, { p99Ms: 1.26, bonus: 0.1948 }],
    ['at the edge', { p99Ms: 11 }, { bonus: 0, score: 2059.65 }],
    ['slow', { p99Ms: 700 }, { bonus: 0, score: 2059.65 }],
    ['inconsistent', { p99Ms: 11, inconsistencies: 1 }, { fine: 0.35, score: 1338.77 }],
    ['fast but inconsistent', { inconsistencies: 7 }, { fine: 0.35, score: 1740.4 }],
    ['behind', { accepted: 115 }, { lag: 5, disqualified: false, profit: 2059.65 }],
    ['ahead', { accepted: 109 }, { lag: -1, disqualified: true }],
  ]
  for (const [name, change, expected] of rows)
    t.match(computeScore({ ...plain, ...change }), expected, name)
})

t.test('the challenge formula overlooks what the strict comparison sees', async (t) => {
  const swapped = {
    default: { payments: -1, cents: -1990 },
    fallback: { payments: 1, cents: 1990 },
  }
  const wrongAmount = { default: { payments: 0, cents: 1 }, fallback: { payments: 0, cents: 0 } }

  t.equal(countInconsistencies(swapped), 0)
  t.equal(booksAgree(swapped), false)
  t.equal(countInconsistencies(wrongAmount), 0)
  t.equal(booksAgree(wrongAmount), false)
})

t.test('stages and checks scale with the length of the load', async (t) => {
  const stages = scaleStages(findSchedule('challenge'), 6)

  t.strictSame(
    stages.map((stage) => stage.atSecond),
    [0.1, 1, 2, 3, 4, 5],
  )
  t.strictSame(stages[3]?.default, { delayMs: 2000, failing: true }, 'delays do not scale')
  t.strictSame(scaleTiming(60), { intervalMs: 10_000, reachMs: 15_000, lagMs: 1_500 })
  t.strictSame(scaleTiming(30), { intervalMs: 5_000, reachMs: 7_500, lagMs: 750 })
  t.strictSame(scaleTiming(3), { intervalMs: 500, reachMs: 3_000, lagMs: 500 })
  t.strictSame(scaleTiming(600), { intervalMs: 100_000, reachMs: 150_000, lagMs: 1_500 })
})

t.test('a schedule is read in order of time, and only if it is one', async (t) => {
  const calm = { delayMs: 0, failing: false }
  const late = { atSecond: 30, default: calm, fallback: calm }
  const early = { ...late, atSecond: 2 }
  const dir = t.testdir({ 'late.json': JSON.stringify([late]) })

  t.strictSame(parseSchedule([late, early]), [early, late])
  t.strictSame(findSchedule(`${dir}/late.json`), [late])
  for (const wrong of [
    {},
    [{}],
    [{ ...late, atSecond: 60 }],
    [{ ...late, default: { failing: 1 } }],
  ]) {
    t.throws(() => parseSchedule(wrong), UsageError)
  }
  t.throws(() => findSchedule('nosuch'), UsageError)
  t.throws(() => findSchedule('/nosuch.json'), UsageError)
})

t.test('the command line has the defaults of the challenge', async (t) => {
  t.match(readCommandLine([]), {
    kind: 'run',
    jsonFile: undefined,
    options: {
      pit: { host: 'localhost', port: 9999 },
      seconds: 60,
      users: 550,
      weight: 'light',
      readyTries: 15,
    },
  })
  t.match(readCommandLine(['--help']), { kind: 'help' })
  t.same(
    USAGE.split('\n').filter((line) => line.length > 80),
    [],
    'its help fits a terminal',
  )
  const pit = { socketPath: '/run/pit.sock' }
  t.match(readCommandLine(['--url', 'unix:/run/pit.sock']), { options: { pit } })
  t.match(readCommandLine(['--weight', 'contest']), { options: { weight: 'contest' } })
  for (const wrong of [
    '--users=0',
    '--seconds=x',
    '--url=https://a',
    '--nosuch',
    '--stages=x',
    '--weight=heavy',
  ]) {
    t.throws(() => readCommandLine([wrong]), UsageError, wrong)
  }
})

t.test('a run against a consistent Pit finds nothing wrong', async (t) => {
  const { result, fake } = await runAgainst(t, 'none')

  t.strictSame(findFaults(result), [])
  t.equal(result.failed, 0)
  t.ok(result.accepted > 0)
  t.equal(result.lag, 0)
  t.equal(result.gross, Math.round(result.accepted * 1990) / 100)
  t.equal(result.fees, Math.round(result.accepted * 99.5) / 100)
  t.equal(result.checks.length, 6)
  t.ok(
    result.checks.some((check) => check.pit.default.payments > 0),
    'windows hold payments',
  )
  t.ok(result.latency.count > result.paymentLatency.count, 'other requests are counted, too')
  t.equal(result.paymentLatency.count, result.accepted)
  t.equal(
    result.bySecond.reduce((sum, { answers }) => sum + answers, 0),
    result.accepted,
  )
  t.match(result.settlement, { booksEqual: true, lost: 0, surplus: 0, windows: 6 })

  t.strictSame(fake.calls.slice(0, 9), [
    'default token 123',
    'fallback token 123',
    'default delay 0',
    'default failure false',
    'fallback delay 0',
    'fallback failure false',
    'pit purge 0',
    'default purge',
    'fallback purge',
  ])
  // Four switches a stage, six stages, and once more to let the backlog settle.
  t.equal(fake.calls.length, 9 + 4 * 6 + 4)
  t.ok(fake.calls.includes('default delay 2000'))
  t.ok(fake.calls.includes('fallback delay 5000'))
})

t.test('a run at a Pit that refuses to purge leaves the processors’ payments alone', async (t) => {
  const fake = await startFakeChallenge('none', { purgeStatus: 403 })
  t.teardown(() => fake.close())
  const notes: string[] = []
  const listener = { ...silent, onNote: (note: string) => void notes.push(note) }

  const result = await runChallenge(optionsFor(fake), listener)

  t.strictSame(
    fake.calls.filter((call) => call.includes('purge')),
    ['pit purge 0'],
  )
  t.strictSame(findFaults(result), [], 'what was there before is not counted')
  t.ok(result.accepted > 0)
  t.equal(result.lag, 0)
  t.equal(result.settlement.settled, result.accepted)
  t.match(notes.join('\n'), /refuses to purge.*ALLOW_PURGE=true/)
})

t.test('a run that cannot tell its payments from others’ ends, with nothing purged', async (t) => {
  for (const fakeOptions of [{ purgeStatus: 500 }, { purgeStatus: 403, othersPerReading: 1 }]) {
    const fake = await startFakeChallenge('none', fakeOptions)
    t.teardown(() => fake.close())

    await t.rejects(runChallenge({ ...optionsFor(fake), settleSeconds: 0 }, silent), {
      name: 'TargetUnreachable',
      message: fakeOptions.purgeStatus === 500 ? /purge-payments gave/ : /others still settle/,
    })

    t.notOk(fake.calls.some((call) => call.endsWith(' purge')))
  }
})

t.test('a run against an inconsistent Pit finds what is wrong', async (t) => {
  t.jobs = 5
  const rows: [FakeFault, (result: ChallengeResult) => boolean][] = [
    ['forgets', ({ settlement }) => !settlement.booksEqual && settlement.lost > 0],
    ['swaps', ({ settlement }) => !settlement.booksEqual && settlement.lost === 0],
    ['doubles', (result) => result.disqualified && result.settlement.surplus > 0],
    ['loses', (result) => result.lag > 0 && result.settlement.lost === result.lag],
  ]
  for (const [fault, isSeen] of rows) {
    t.test(`a Pit that ${fault} payments is caught`, { buffered: true }, async (t) => {
      const { result } = await runAgainst(t, fault)

      t.ok(isSeen(result), JSON.stringify(result.settlement))
      t.ok(findFaults(result).length > 0)
    })
  }
  t.test('a refused payment is a failure but no fault', { buffered: true }, async (t) => {
    const { result } = await runAgainst(t, 'refuses')

    t.strictSame(findFaults(result), [])
    t.strictSame(findFaults({ ...result, accepted: 0 }), ['no payment was accepted'])
    t.strictSame(result.failuresByStatus, { 503: result.failed })
    t.ok(result.failed > 0)
    t.equal(result.paymentLatency.count, result.accepted, 'failures are not in the p99')
  })
})

t.test('failures are listed by their kind with what it means, most frequent first', async (t) => {
  const { result } = await runAgainst(t, 'refuses')

  const failuresByStatus = { 503: 201, timeout: 240, 418: 3 }
  const text = formatResult({ ...result, failed: 444, failuresByStatus })

  t.match(
    text,
    [
      '\nfailed         444\n',
      '  timeout      240, no answer in time\n',
      '  503          201, Pit could not commit it then\n',
      '  418          3\n',
      'latency ',
    ].join(''),
  )
  t.match(
    formatResult({ ...result, failed: 0, failuresByStatus: {} }),
    '\nfailed         0\nlatency',
  )
})

t.test('a run without a Pit or with a stranger’s processor ends as unreachable', async (t) => {
  const fake = await startFakeChallenge('none')
  t.teardown(() => fake.close())
  const options = { ...optionsFor(fake), readyTries: 1 }
  const nobody = { host: '127.0.0.1', port: 1 }

  await t.rejects(runChallenge({ ...options, pit: nobody }, silent), TargetUnreachable)
  await t.rejects(runChallenge({ ...options, fallback: nobody }, silent), TargetUnreachable)
})

t.test('a run that is ended early leaves both processors calm', async (t) => {
  const fake = await startFakeChallenge('none')
  t.teardown(() => fake.close())

  await leaveCalm(optionsFor(fake), (note) => t.fail(note))

  const calm = ['delay 0', 'failure false']
  for (const name of ['default', 'fallback']) {
    t.same(
      fake.calls.filter((call) => call.startsWith(name)).toSorted(),
      calm.map((call) => `${name} ${call}`),
    )
  }
})

t.test('a run that gets a second signal leaves both processors calm all the same', async (t) => {
  let gate = Promise.resolve()
  const fake = await startFakeChallenge('none', { beforeChange: () => gate })
  t.teardown(() => fake.close())
  const program = projectFile('build/bench/challenge.js')
  const urls = ['--url', fake.url, '--default-url', fake.defaultUrl]
  const args = [...urls, '--fallback-url', fake.fallbackUrl, '--users', '2', '--stages', 'calm']
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'exit')
  await waitUntil({ what: 'it has purged' }, () => fake.calls.includes('fallback purge'))
  await waitUntil({ what: 'its load runs' }, () => / s /.test(said))

  let open = (): void => undefined
  gate = new Promise((resolve) => (open = resolve))
  const before = fake.calls.length
  child.kill('SIGTERM')
  await waitUntil({ what: 'it ends' }, () => said.includes('ended early'))
  child.kill('SIGTERM')
  child.kill('SIGINT')
  open()

  t.same(await ended, [130, null])
  t.same(fake.calls.slice(before).toSorted(), [
    'default delay 0',
    'default failure false',
    'fallback delay 0',
    'fallback failure false',
  ])
})

async function runAgainst(
  t: Tap,
  fault: FakeFault,
): Promise<{ result: ChallengeResult; fake: FakeChallenge }> {
  const fake = await startFakeChallenge(fault)
  t.teardown(() => fake.close())
  return { result: await runChallenge(optionsFor(fake), silent), fake }
}

function optionsFor(fake: FakeChallenge): ChallengeOptions {
  return {
    pit: parseTarget(fake.url),
    default: parseTarget(fake.defaultUrl),
    fallback: parseTarget(fake.fallbackUrl),
    token: '123',
    seconds: 3,
    users: 40,
    stages: findSchedule('challenge'),
    weight: 'light',
    settleSeconds: 1,
    readyTries: 2,
    requestTimeoutMs: GIVE_UP_MS,
  }
}

const silent = { onNote: () => {}, onLoadStarted: () => {}, onLoadEnded: () => {} }

type Tap = Pick<typeof t, 'teardown'>
