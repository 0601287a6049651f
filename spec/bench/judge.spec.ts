// The judge's side of the bargain is played by small shell programs.

import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { UsageError } from '../../bench/challenge/errors.ts'
import { findSchedule } from '../../bench/challenge/stages.ts'
import { connectionsTo, countEstablished } from '../../bench/layout/connections.ts'
import { cpuByProgram, cpuSecondsOf } from '../../bench/limits/process-tree.ts'
import { CHALLENGE_FLAGS, challengeVariants } from '../../bench/measure/challenge-variants.ts'
import { readFlags } from '../../bench/measure/flags.ts'
import {
  findJudge,
  readJudgement,
  readSeconds,
  runJudge,
  stageRows,
} from '../../bench/measure/judge.ts'

const FOUND = {
  accepted: 16_700,
  failed: 0,
  inconsistencies: 0,
  lag: 0,
  maxMs: 70,
  p50Ms: 2.5,
  p90Ms: 5,
  p99Ms: 12,
  p999Ms: 40,
  processors: [9000, 7700],
}

t.test('a judge is a program judge.sh, or the folder of one', async (t) => {
  const judge = judgeThat(t, '')

  t.equal(findJudge(judge), judge)
  t.equal(findJudge(join(judge, '..')), judge)
})

t.test('a path without a judge is refused with that path', async (t) => {
  const dir = t.testdir({ folder: {}, 'judge.sh': 'exit 0' })
  chmodSync(join(dir, 'judge.sh'), 0o644)
  const rows: [string, RegExp][] = [
    [join(dir, 'folder'), /--judge: there is no judge at .*folder\/judge\.sh/],
    [join(dir, 'nowhere'), /--judge: there is no judge at .*nowhere/],
    [join(dir, 'judge.sh'), /--judge: .*judge\.sh is not a program that may be run/],
  ]
  for (const [path, message] of rows) {
    t.throws(() => findJudge(path), UsageError, path)
    t.throws(() => findJudge(path), { message }, path)
  }
})

t.test('a judgement is read as figures, those of a list by their place', async (t) => {
  const { processors: _, ...numbers } = FOUND

  t.same(readJudgement(JSON.stringify(FOUND)), {
    figures: { ...numbers, processors1: 9000, processors2: 7700 },
    trouble: undefined,
  })
  const [first, second] = Object.keys(readJudgement(JSON.stringify(FOUND)).figures)
  t.same([first, second], ['p50Ms', 'p90Ms'], 'latencies come first')
  t.match(readJudgement(JSON.stringify({ ...FOUND, error: 'HTTP 503' })), { trouble: 'HTTP 503' })
})

t.test('a judgement without one of the figures that count is none', async (t) => {
  for (const name of ['p50Ms', 'p99Ms', 'accepted', 'failed', 'lag', 'inconsistencies']) {
    for (const value of [undefined, 'many', null]) {
      const text = JSON.stringify({ ...FOUND, [name]: value })
      t.throws(() => readJudgement(text), { message: `judge: its result has no number ${name}` })
    }
  }
  t.throws(() => readJudgement('7'), { message: /no object/ })
  t.throws(() => readJudgement('what'))
})

t.test('the seconds of a judge are read line by line, and only if they are such', async (t) => {
  t.same(readSeconds('0,5,1.50,2.25,3.00\n2,1,1.00,1.00,1.00\n'), [
    { second: 0, answers: 5, p50Ms: 1.5, p99Ms: 2.25, maxMs: 3 },
    { second: 2, answers: 1, p50Ms: 1, p99Ms: 1, maxMs: 1 },
  ])
  t.same(readSeconds(''), [])
  for (const line of ['0,5,1', '0,5,1,2,x']) t.throws(() => readSeconds(line), { message: /0,5,1/ })
})

t.test('a judge is given the same schedule, in its own form and scaled', async (t) => {
  const rows = stageRows(findSchedule('challenge'), 30)

  t.same(rows[0], [0.5, 0, false, 0, false])
  t.same(rows[3], [15, 2000, true, 1000, true])
  t.equal(rows.length, 6)
})

t.test('a judge is run with its load, and what it writes is found', async (t) => {
  // Options stand in a fixed order: -seconds 5 -users 7 -stages FILE -json FILE -series FILE.
  const said = `echo "$*" > "$(dirname "$0")/said"; cat "$6" >> "$(dirname "$0")/said"`
  const found = `echo '${JSON.stringify(FOUND)}' > "$8"; echo 0,5,1,2,3 > "\${10}"`
  const judge = judgeThat(t, `${said}; ${found}; exit 1`)

  const result = await runJudge(planFor(judge))

  t.match(result.figures, { p99Ms: 12, processors2: 7700 })
  t.same(result.bySecond, [{ second: 0, answers: 5, p50Ms: 1, p99Ms: 2, maxMs: 3 }])
  const words = readFileSync(join(judge, '../said'), 'utf8')
  t.match(words, /^-seconds 5 -users 7 -stages \S+ -json \S+ -series \S+\n/)
  t.match(words, JSON.stringify(stageRows(findSchedule('calm'), 5)))
})

t.test('a judge of a floor asks for no summaries', async (t) => {
  const found = `[ "$1" = -blind ] && echo '${JSON.stringify(FOUND)}' > "$9"`
  const judge = judgeThat(t, found)

  const result = await runJudge({ ...planFor(judge), asks: 'nothing' })

  t.match(result, { figures: { p99Ms: 12 }, bySecond: [] })
})

t.test('a judge that finds nothing ends the run with its last words', async (t) => {
  const judge = judgeThat(t, 'echo first; echo "something listens on 8001" >&2; exit 4')

  await t.rejects(runJudge(planFor(judge)), {
    message: /the judge ended with 4 and found nothing:\nfirst\nsomething listens on 8001/,
  })
})

t.test('connections are counted by port and state', async (t) => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 0100007F:270F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:270F 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0
   2: 0100007F:C350 0100007F:270F 01 00000000:00000000 00:00000000 00000000     0
   3: 0100007F:270F 0100007F:C351 06 00000000:00000000 00:00000000 00000000     0
`
  t.equal(countEstablished(table, 9999), 1)
  t.equal(countEstablished(table, 999), 0)
})

t.test('who is connected to a server is seen', linuxOnly(), async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  t.equal(connectionsTo(port), 0)

  const client = connect(port, '127.0.0.1')
  await once(server, 'connection')

  t.equal(connectionsTo(port), 1)
  client.destroy()
  server.close()
})

t.test('the CPU time of a tree is told by the names of its programs', linuxOnly(), async (t) => {
  const program = basename(process.execPath)
  const used = cpuByProgram(process.pid)

  t.same(Object.keys(used), [program])
  t.ok((used[program] ?? 0) > 0)
  t.equal(cpuSecondsOf(-1), 0)
})

t.test(
  'a judge measures instead of Pit’s generator, or beside it when that has a weight',
  async (t) => {
    const judge = judgeThat(t, '')
    const names = (...args: string[]): readonly string[] => {
      const options = readFlags(CHALLENGE_FLAGS, args)
      return options === 'help' ? [] : challengeVariants(options).map(({ name }) => name)
    }

    t.same(names(), ['floor', 'floor with a commit, limits', 'Pit, limits'])
    t.same(names('--weight', 'contest', '--limits', 'none').slice(1), [
      'floor with a commit, no limits',
      'Pit, no limits',
    ])
    const judged = ['floor with a commit, limits, by the judge', 'Pit, limits, by the judge']
    t.same(names('--judge', judge), judged)
    t.same(names('--judge', judge, '--weight', 'contest'), [
      ...judged,
      "floor with a commit, limits, by Pit's generator",
      "Pit, limits, by Pit's generator",
    ])
  },
)

t.test('options of the challenge that do not go together are refused', async (t) => {
  const judge = judgeThat(t, '')
  const urls = ['--default-url', 'http://a:1', '--fallback-url', 'http://b:1']
  const rows: [readonly string[], RegExp][] = [
    [['--judge', judge, ...urls], /--judge brings processors along/],
    [['--judge', '/nowhere'], /there is no judge at \/nowhere/],
    [urls.slice(2), /go together/],
    [['--weight', 'heavy'], /--weight takes one of light, contest/],
    [['--stages', 'nosuch'], /no schedule is called nosuch/],
  ]
  for (const [args, message] of rows) {
    const read = (): void => {
      const options = readFlags(CHALLENGE_FLAGS, args)
      if (options !== 'help') challengeVariants(options)
    }
    t.throws(read, UsageError, args.join(' '))
    t.throws(read, { message }, args.join(' '))
  }
})

/** The path of a judge.sh with these commands. */
function judgeThat(t: Test, commands: string): string {
  const dir = t.testdir({ 'judge.sh': `#!/bin/sh\n${commands}\n` })
  chmodSync(join(dir, 'judge.sh'), 0o755)
  return join(dir, 'judge.sh')
}

function planFor(judge: string): Parameters<typeof runJudge>[0] {
  return {
    program: judge,
    seconds: 5,
    users: 7,
    stages: findSchedule('calm'),
    asks: 'summaries',
    onLoadStarted: () => undefined,
  }
}

function linuxOnly(): { readonly skip?: string } {
  return existsSync('/proc/net/tcp') ? {} : { skip: 'only Linux has /proc' }
}
