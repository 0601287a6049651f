import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rulesList, settingsTable, updatePage } from '../../scripts/config-page.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import { PROJECT, readText } from '../support/sources.ts'

const RULES = '<!-- rules -->\nold\n<!-- /rules -->'
const PAGE = `# Page\n\n<!-- settings -->\nold\n<!-- /settings -->\n\ntext\n\n${RULES}\n`

t.test('the table names every setting with its default', async (t) => {
  const rows = rowsOf(settingsTable())

  for (const { name, shown } of Object.values(VARIABLES)) t.equal(rows.get(name), shown)
})

t.test('the rules are what a start says where settings do not go together', async (t) => {
  const rules = rulesList().split('\n')

  t.ok(rules.includes('- `PORT` and `LISTEN_SOCKET` are both set; choose one'), rules.join('\n'))
  t.ok(rules.includes('- `LOOKUP_LAG_MS` is longer than `IN_DOUBT_HORIZON_MS`'))
  t.ok(rules.includes('- `OPS_PORT` and `PORT` are the same'))
})

t.test(
  'a page gets the table and the rules between their markers and keeps the rest',
  async (t) => {
    const once = updatePage(PAGE)

    const table = `<!-- settings -->\n\n${settingsTable()}\n\n<!-- /settings -->`
    const rules = `<!-- rules -->\n\n${rulesList()}\n\n<!-- /rules -->`
    t.equal(once, `# Page\n\n${table}\n\ntext\n\n${rules}\n`)
    t.equal(updatePage(once ?? ''), once)
  },
)

t.test('a page without all markers is not changed', async (t) => {
  for (const marker of [
    '<!-- settings -->',
    '<!-- /settings -->',
    '<!-- rules -->',
    '<!-- /rules -->',
  ]) {
    t.equal(updatePage(PAGE.replace(marker, '')), undefined, marker)
  }
})

t.test('the check fails on an old table and leaves the page as it is', async (t) => {
  const file = join(t.testdir({ 'page.md': PAGE }), 'page.md')
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['build/scripts/config.js', '--page', file, ...args], {
      cwd: PROJECT,
      encoding: 'utf8',
      timeout: 60_000,
    })

  const old = run('--check')
  t.equal(old.status, 1)
  t.match(old.stderr, 'old settings or rules')
  t.equal(readFileSync(file, 'utf8'), PAGE)

  t.equal(run().status, 0)
  t.equal(readFileSync(file, 'utf8'), updatePage(PAGE))
  t.equal(run('--check').status, 0)
})

t.test('each setting in README has the default that is declared', async (t) => {
  const declared = new Map<string, string>(
    Object.values(VARIABLES).map(({ name, shown }) => [name, shown]),
  )
  const rows = rowsOf(readText('README.md'))

  t.ok(rows.size >= 10 && rows.size <= 15, `${rows.size} settings`)
  for (const [name, shown] of rows) t.equal(shown, declared.get(name), name)
})

/** The default by the name of the setting, from the rows of Markdown tables. */
function rowsOf(markdown: string): ReadonlyMap<string, string> {
  const rows = markdown.matchAll(/^\| `([A-Z][A-Z_]+)` +\| ([^|]+?) +\|/gm)
  return new Map([...rows].map(([, name = '', shown = '']) => [name, shown]))
}
