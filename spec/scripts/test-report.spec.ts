import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { createTestReport } from '../../scripts/test-report.ts'
import { PROJECT } from '../support/sources.ts'

/** As tap writes what cannot fail: each of them is `ok`. */
const EMPTY = `
# Subtest: spec/f.spec.ts
    # Subtest: asserts nothing
        1..0
    ok 1 - asserts nothing # time=24.114ms
    ok 2 - a todo # TODO
    ok 3 - left out # SKIP
    # Subtest: outer
        # Subtest: inner
            1..0
        ok 1 - inner # time=1.594ms
        1..1
    ok 4 - outer # time=23.641ms
    # Subtest: says why
        1..0 # no Redis
    ok 5 - says why # SKIP no Redis
    ok 6 - will be # TODO when there is one
ok 6 - spec/f.spec.ts # time=57ms
# Subtest: spec/g.spec.ts
    1..0 # no tests found
ok 7 - spec/g.spec.ts # SKIP no tests found
`

function reportOf(tap: string): readonly string[] {
  const printed: string[] = []
  const report = createTestReport((line) => printed.push(line))
  for (const line of tap.split('\n')) report.read(line)
  return [...printed, report.summary()]
}

const PASSED = `TAP version 14
# Subtest: spec/a.spec.ts
    # Subtest: money
        # Subtest: cents are whole
            ok 1 - is \\# true
            1..1
        ok 1 - cents are whole # time=7.4ms
        # Subtest: a sum is exact
            ok 1 - should be equal
        ok 2 - a sum is exact
    ok 1 - money # time=7.48ms
    # Subtest: a route is chosen
        ok 1 - should be equal
    ok 2 - a route is chosen # time=1ms
    1..2
ok 1 - spec/a.spec.ts # time=1234.5ms
`

const SKIPPED = `
# Subtest: spec/b.spec.ts
    1..0 # nginx is missing
ok 2 - spec/b.spec.ts # SKIP nginx is missing
# Subtest: spec/c.spec.ts
    ok 1 - the cache # SKIP no Redis
    # Subtest: the queue
        ok 1 - no Redis # SKIP no Redis
    ok 2 - the queue # time=1ms
ok 3 - spec/c.spec.ts # time=1ms
`

const FAILED = `
# Subtest: spec/d.spec.ts
    # Subtest: outer
        # Subtest: one is two
            not ok 1 - they are equal
              ---
              diff: |
                -2
                +1
              ...
            ok 2 - another
        not ok 1 - one is two # time=39ms
          ---
          at:
            lineNumber: 3
          ...
    not ok 1 - outer # time=72ms
not ok 4 - spec/d.spec.ts # time=99ms
  ---
  exitCode: 1
  ...
# Subtest: spec/e.spec.ts
not ok 5 - spec/e.spec.ts # time=180000ms
  ---
  signal: SIGALRM
  expired: spec/e.spec.ts
  ...
`

t.test('a run that passes ends with the number of its tests and files', async (t) => {
  t.same(reportOf(PASSED), [
    'passed spec/a.spec.ts (1.2 s)',
    'passed: 3 tests in 1 files; skipped: 0',
  ])
})

t.test('the last line says what was skipped and why', async (t) => {
  t.equal(
    reportOf(PASSED + SKIPPED).at(-1),
    'passed: 4 tests in 2 files; skipped: 3 (nginx is missing: 1; no Redis: 2)',
  )
})

t.test('a failed assertion is printed with its titles and details, once', async (t) => {
  t.same(reportOf(FAILED).slice(0, 7), [
    'FAILED spec/d.spec.ts › outer › one is two › they are equal',
    '              ---',
    '              diff: |',
    '                -2',
    '                +1',
    '              ...',
    'failed spec/d.spec.ts (0.1 s)',
  ])
})

t.test('a file that was ended from outside is printed with the reason', async (t) => {
  t.same(reportOf(FAILED).slice(7), [
    'FAILED spec/e.spec.ts',
    'failed spec/e.spec.ts (180.0 s)',
    '  ---',
    '  signal: SIGALRM',
    '  expired: spec/e.spec.ts',
    '  ...',
    'passed: 0 tests in 2 files; failed: 1 in spec/d.spec.ts, spec/e.spec.ts; skipped: 0',
  ])
})

t.test('a test without an assertion or a reason, and a file without tests, is named', async (t) => {
  const lines = reportOf(EMPTY).filter((line) => line.startsWith('EMPTY'))

  t.same(lines, [
    'EMPTY spec/f.spec.ts › asserts nothing: no assertion',
    'EMPTY spec/f.spec.ts › a todo: todo without a reason',
    'EMPTY spec/f.spec.ts › left out: skip without a reason',
    'EMPTY spec/f.spec.ts › outer › inner: no assertion',
    'EMPTY spec/g.spec.ts: no tests found',
  ])
  t.match(reportOf(EMPTY).at(-1), /; empty: 5; /)
  for (const full of [PASSED, SKIPPED, FAILED]) t.equal(emptyIn(full), 0)
})

t.test('a run whose tests all pass, and one of them asserts nothing, fails', async (t) => {
  const folder = t.testdir({
    // A project of its own: tap empties .tap/processinfo of its project when it starts, and fails
    // when the run around this spec writes there meanwhile.
    '.taprc': 'plugin:\n  - "!@tapjs/typescript"\ndisable-coverage: true\n',
    'package.json': '{ "type": "module" }',
    'full.spec.js': "import t from 'tap'\nt.test('one is one', async (t) => t.equal(1, 1))",
    'empty.spec.js': "import t from 'tap'\nt.test('one is two', async () => undefined)",
  })

  t.match(await run(folder, 'full.spec.js'), { code: 0, out: /passed: 1 tests in 1 files/ })
  t.match(await run(folder, 'empty.spec.js'), { code: 1, out: /one is two: no assertion/ })
})

function emptyIn(tap: string): number {
  const report = createTestReport(() => undefined)
  for (const line of tap.split('\n')) report.read(line)
  return report.empty()
}

/** As `npm test -- file` does in `folder`. */
async function run(folder: string, file: string): Promise<{ code: unknown; out: string }> {
  const bin = join(PROJECT, 'node_modules/.bin')
  const path = `${bin}:${process.env['PATH'] ?? ''}`
  const args = [join(PROJECT, 'build/scripts/report-tests.js'), file]
  // This spec runs under tap, which would take the other run for a part of this one.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', '-u', 'TAP', process.execPath, ...args], {
    cwd: folder,
    env: { PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => void (out += text.toString()))
  }
  const [code] = await closed
  return { code, out }
}
