// docs/XSTATE.md names each file that leans on XState's internals, and the head of the compiled
// chart each place that its removal has to look at, as far as their texts tell.

import t from 'tap'
import { listFiles, readSource, readText, withoutComments } from '../support/sources.ts'

/** Events and fields of XState's own, and actors that are made with a parent instead of spawned. */
const INTERNAL =
  /['"`]@?xstate\.|\._parent\b|\._transitions\b|_sendInspectionEvent|_register\b|createActor\([^;]*\bparent\b/

const HEAD = 'src/actors/compiled-chart/compiled-chart.ts'

/** What the compiled chart consists of, in the words of its head. */
const OWN =
  /^src\/actors\/compiled-chart\/|^spec\/(actors\/compiled-chart|support\/(same-walks|random-chart))/

const files = listFiles()

t.test('docs/XSTATE.md names each file of src that leans on XState’s internals', async (t) => {
  const page = readText('docs/XSTATE.md')
  const leaning = files
    .filter((path) => /^src\/.*\.ts$/.test(path))
    .filter((path) => INTERNAL.test(withoutComments(readText(path))))
    .map((path) => path.slice('src/'.length))

  t.ok(leaning.length > 10, leaning.join(' '))
  t.same(
    leaning.filter(
      (path) => !page.includes(`\`${path}\``) && !page.includes(`\`${folderOf(path)}\``),
    ),
    [],
  )
})

t.test('the compiled chart names each place that its removal has to look at', async (t) => {
  const [head = ''] = readText(HEAD).split('\nimport ')
  const sources = files.filter((path) => /^(src|spec|bench)\/.*\.ts$/.test(path) && !OWN.test(path))
  const users = sources.filter((path) => {
    const { text } = readSource(path)
    return (
      /\bcompileChart\b/.test(text) || (path.startsWith('bench/') && text.includes(`'compiled'`))
    )
  })
  const documents = files
    .filter((path) => /^([A-Z]+|docs\/[A-Z]+)\.md$/.test(path) && path !== 'CHANGELOG.md')
    .filter((path) =>
      /compiled[ -]chart|chart that is compiled|chart(, | is )compiled/i.test(readText(path)),
    )

  t.ok(users.length > 7 && documents.length > 3, [...users, ...documents].join(' '))
  t.same(
    [...users, ...documents].filter((path) => !head.includes(nameOf(path))),
    [],
  )
})

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.spec\.ts$/, '')
}
