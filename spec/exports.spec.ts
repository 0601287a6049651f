// What src exports has somebody who imports it.

import t from 'tap'
import { listFiles, readSource, resolved } from './support/sources.ts'
import { exportedBy, takenBy } from './support/syntax.ts'

const sources = listFiles()
  .filter((path) => path.endsWith('.ts'))
  .map(readSource)
const inSrc = sources.filter(({ path }) => path.startsWith('src/'))

t.test('each value that src exports is imported somewhere', async (t) => {
  const taken = new Set(
    sources.flatMap((source) =>
      takenBy(source.path, source.text).map(
        ([name, target]) => `${resolved(source, target)}: ${name}`,
      ),
    ),
  )
  const unused = inSrc.flatMap(({ path, text }) =>
    exportedBy(path, text)
      .filter((name) => !taken.has(`${path}: ${name}`) && !taken.has(`${path}: *`))
      .map((name) => `${path}: ${name}`),
  )

  t.ok(taken.size > 1_000, `${taken.size} imports`)
  t.same(unused, [])
})

t.test('what a file exports and what it imports is found in each of its forms', async (t) => {
  const exported = (text: string): readonly string[] => exportedBy('a.ts', text)
  const taken = (text: string): readonly string[] => takenBy('b.ts', text).map(([name]) => name)

  t.same(exported('export const a = 1, { b, c: [d] } = x\nconst e = 1'), ['a', 'b', 'd'])
  t.same(exported('export async function f() {}\nexport abstract class G {}'), ['f', 'G'])
  t.same(exported('export type H = 1\nexport interface I {}\nfunction j() {}'), [])
  t.same(taken("import a, { type b, c as d } from './a.ts'"), ['b', 'c'])
  t.same(taken("export { a as b } from './a.ts'\nexport { c }"), ['a'])
  t.same(taken("import * as a from './a.ts'\nexport * from './a.ts'"), ['*', '*'])
  t.same(taken("await import('./a.ts')\nlet x: import('./a.ts').X"), ['*', '*'])
})
