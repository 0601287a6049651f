import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { instrument } from '../../scripts/mutation/instrument.ts'
import { PROJECT } from '../support/sources.ts'

/** What a module's slips make of its text, each as the line with the slip in it. */
function slipsOf(text: string): readonly string[] {
  return instrument({ path: 'src/a.ts', text }, './switch.js').mutants.map(({ to }) => to)
}

t.test('each part of a condition is left out, and each bound is moved by one', async (t) => {
  t.same(slipsOf('if (a < 5 && !b) c'), [
    'if (false) c',
    'if (true && !b) c',
    'if (a <= 5 && !b) c',
    'if (a < 4 && !b) c',
    'if (a < 6 && !b) c',
    'if (a < 5 && !false) c',
    'if (a < 5 && !b)',
  ])
  t.same(slipsOf('f(a || b)'), ['(nothing)', 'f(true)', 'f(false || b)', 'f(a || false)'])
  t.same(slipsOf("const a = b === 'c' ? d : e"), [
    'const a = true ? d : e',
    'const a = false ? d : e',
  ])
})

t.test(
  'what is done is left undone, and what is copied with a change is not changed',
  async (t) => {
    t.same(slipsOf('if (a) {\nb(c)\nd()\n}').slice(2), ['(nothing)', '(nothing)'])
    t.same(slipsOf('const a = { ...b, c, d: e }'), [
      'const a = { ...b, , d: e }',
      'const a = { ...b, c, }',
    ])
    t.same(slipsOf('const a = (b) => c(b)'), ['const a = (b) => undefined'])
  },
)

t.test('numbers, operators, calls and links of a chain slip each in their own way', async (t) => {
  t.same(slipsOf('const a = b + 2 * 1_000'), [
    'const a = b - 2 * 1_000',
    'const a = b + 1 * 1_000',
    'const a = b + 3 * 1_000',
    'const a = b + 2 / 1_000',
    'const a = b + 2 * 0',
    'const a = b + 2 * 2000',
  ])
  t.same(slipsOf('const a = Math.min(b, c)'), ['const a = (b)', 'const a = (c)'])
  t.same(slipsOf('const a = b.some(c)'), ['const a = b.every(c)'])
  t.same(slipsOf('const a = b.filter(c)'), ['const a = b'])
  t.same(slipsOf('const a = b.toString()'), [], 'a method that every object has')
  t.same(slipsOf('const a = b?.c ?? d'), ['const a = b?.c', 'const a = d', 'const a = b.c ?? d'])
})

t.test('types, invariants and texts of errors have no slips', async (t) => {
  t.same(slipsOf("type A = 'a' | 1\nassert(a > 1, 'a is more')"), [])
  t.same(
    slipsOf("if (a) throw new Error('b')"),
    ['if (true) throw', 'if (false) throw'].map((each) => `${each} new Error('b')`),
  )
})

t.test('a chart loses guards, actions and transitions, but no names', async (t) => {
  const chart = `const a = setup({}).createMachine({
    id: 'a', on: { gone: [{ guard: 'isB', target: 'c' }, { actions: 'd' }] } })`
  const slips = slipsOf(chart)

  t.equal(slips.length, 6)
  t.ok(slips.some((each) => each.includes("[{ , target: 'c' }")))
  t.notOk(slips.some((each) => each.includes("id: ''")))
})

t.test('SQL loses its locks and has its bounds moved', async (t) => {
  t.same(slipsOf("const A = 'SELECT 1 WHERE a <= $1 FOR UPDATE SKIP LOCKED'"), [
    "const A = 'SELECT 1 WHERE a < $1 FOR UPDATE SKIP LOCKED'",
    "const A = 'SELECT 1 WHERE a <= $1 FOR UPDATE '",
  ])
})

const PACKAGE = {
  'package.json': '{ "type": "module" }',
  src: {
    'limit.ts': 'export function isOver(value: number): boolean {\n  return value > 3\n}\n',
    'half.ts': 'export function half(value: number): number {\n  return value / 2\n}\n',
    'count.ts': `export function down(value: number): number {
  while (value > 0) value = less(value)
  return value
}
const less = (value: number): number => value - 1
`,
  },
  build: {
    scripts: { mutation: { 'switch.js': built('scripts/mutation/switch.js') } },
    src: {
      'limit.js': 'export const isOver = (value) => value > 3\n',
      'half.js': 'export const half = (value) => value / 2\n',
      'count.js': 'export const down = () => 0\n',
    },
    spec: {
      'limit.spec.js': `import assert from 'node:assert'
        import { isOver } from '../src/limit.js'
        assert.deepEqual([3, 4].map(isOver), [false, true])`,
      'half.spec.js': `import assert from 'node:assert'
        import { half } from '../src/half.js'
        assert.equal(half(0), 0)`,
      'count.spec.js': `import assert from 'node:assert'
        import { down } from '../src/count.js'
        assert.equal(down(2), 0)`,
    },
  },
}

t.test('a module whose spec notices every slip has a score of 100 %', async (t) => {
  const { status, lines } = mutate(t, {}, 'src/limit.ts')

  t.equal(status, 0)
  t.match(lines.at(-1), /src\/limit.ts .* 5 .* 5 .* 0 .* 0 .* 100.0 %/)
})

t.test(
  'a module whose spec notices nothing fails the run, with a line for each slip',
  async (t) => {
    const { status, lines } = mutate(t, {}, 'src/half.ts')

    t.equal(status, 1)
    t.same(
      lines.filter((line) => line.startsWith('src/half.ts:2 half: return value / 2  →  ')).length,
      3,
    )
    t.match(lines.at(-1), / 0.0 %/)
  },
)

t.test('a slip by which a loop never ends is noticed by the time that it takes', async (t) => {
  const { status, lines } = mutate(t, {}, 'src/count.ts:2-2')

  t.equal(status, 0)
  t.match(lines.at(-1), /src\/count.ts \| +4 \| +4 \| +1 \| +0 /)
})

t.test(
  'an equivalent slip is not tried, and an entry without its slip fails the run',
  async (t) => {
    const slip = { in: 'half', from: 'return value / 2', why: 'only zero is halved' }
    const equivalents = ['return value * 2', 'return value / 1', 'return value / 3']
    const listed = equivalents.map((to) => ({ ...slip, to }))

    const all = mutate(t, { 'src/half.ts': listed }, '--all')
    t.equal(all.status, 0)
    t.match(all.lines.at(-1), /src\/half.ts .* 3 .* 0 .* 0 .* 0 .* 3 .* 100.0 %/)

    const stale = mutate(t, { 'src/half.ts': [...listed, { ...slip, to: 'return 1' }] }, '--all')
    t.equal(stale.status, 1)
    t.match(stale.errors, 'no such slip any more: return value / 2  →  return 1')
  },
)

t.test('the build itself is left as it is, and the copy is gone at the end', async (t) => {
  const { folder } = mutate(t, {}, 'src/limit.ts')

  t.equal(readFileSync(join(folder, 'build/src/limit.js'), 'utf8'), PACKAGE.build.src['limit.js'])
  t.same(readdirSync(join(folder, 'coverage')), [])
})

t.test('each module that decides is there', async (t) => {
  const deciding = JSON.parse(
    readFileSync(join(PROJECT, 'spec/mutation/deciding.json'), 'utf8'),
  ) as object

  t.same(
    Object.keys(deciding).filter((path) => !existsSync(join(PROJECT, path))),
    [],
  )
})

function mutate(t: Test, deciding: object, ...args: readonly string[]) {
  const mutation = { 'deciding.json': JSON.stringify(deciding) }
  const folder = t.testdir({ ...PACKAGE, spec: { mutation } })
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(PROJECT, 'build/scripts/mutate.js'), ...args],
    { cwd: folder, encoding: 'utf8', timeout: 120_000 },
  )
  return { status, folder, lines: stdout.trimEnd().split('\n'), errors: stderr }
}

function built(path: string): string {
  return readFileSync(join(PROJECT, 'build', path), 'utf8')
}
