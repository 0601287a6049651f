import t from 'tap'
import { createTestReport } from '../../scripts/test-report.ts'

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

t.test('a run that passes ends with the number of its claims and files', async (t) => {
  t.same(reportOf(PASSED), [
    'passed spec/a.spec.ts (1.2 s)',
    'passed: 3 claims in 1 files; skipped: 0',
  ])
})

t.test('the last line says what was skipped and why', async (t) => {
  t.equal(
    reportOf(PASSED + SKIPPED).at(-1),
    'passed: 4 claims in 2 files; skipped: 3 (nginx is missing: 1; no Redis: 2)',
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
    'passed: 0 claims in 2 files; failed: 1 in spec/d.spec.ts, spec/e.spec.ts; skipped: 0',
  ])
})
