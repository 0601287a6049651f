// `pit migrate` as people run it: beside nothing, beside itself, and on tables that it must not touch.

import t from 'tap'
import { runSql, startPostgres } from '../support/postgres.ts'
import { CLI, runPit } from '../support/system-process.ts'

const postgres = await startPostgres(t)

t.test('migrations are shown, printed, applied once, and shown as applied', async (t) => {
  const url = await postgres.freshDatabase()
  const run = (...args: readonly string[]) =>
    runPit(t, { program: CLI, args: ['migrate', ...args], env: { DATABASE_URL: url } }).ended()

  const plan = await run('--plan')
  t.match(plan, {
    code: 1,
    err: '',
    out: /^0001-tables {2}is left: in one transaction, by the next start /,
  })
  t.match(await run('--sql'), { code: 0, err: '', out: /CREATE TABLE IF NOT EXISTS payments/ })
  t.same(
    await runSql(url, "SELECT FROM pg_class WHERE relname IN ('payments', 'applied_migrations')"),
    [],
  )

  const both = await Promise.all([run('--apply'), run('--apply')])

  for (const each of both) t.match(each, { code: 0, err: '' })
  t.equal(
    both
      .map(({ out }) => out)
      .join()
      .split('0001-tables  applied').length,
    2,
    'one applied it',
  )
  t.match(await run('--plan'), {
    code: 0,
    err: '',
    out: /^0001-tables {2}applied 20\S+Z by pit \d/,
  })
  t.match(await run('--apply'), { code: 0, err: '', out: 'nothing is left to apply\n' })
})

t.test('tables of another Pit are left alone, in one sentence', async (t) => {
  const url = await postgres.freshDatabase()
  const run = (...args: readonly string[]) =>
    runPit(t, { program: CLI, args: ['migrate', ...args], env: { DATABASE_URL: url } }).ended()
  await run('--apply')
  await runSql(
    url,
    `INSERT INTO applied_migrations (number, name, digest, needs_code, applied_by, applied_at)
    VALUES (9999, '9999-later', 'd', 9998, 'pit 9.9.9', now())`,
  )

  for (const flag of ['--plan', '--apply', '--sql']) {
    t.match(await run(flag), {
      code: 1,
      out: '',
      err: /^the tables are too new for this Pit: 9999-later \(by pit 9\.9\.9\) needs .*\n$/,
    })
  }
})

t.test('the help fits a terminal, and one thing at a time is asked for', async (t) => {
  const run = (...args: readonly string[]) =>
    runPit(t, { program: CLI, args: ['migrate', ...args] }).ended()

  const { out } = await run('--help')
  t.same(
    out.split('\n').filter((line) => line.length > 80),
    [],
  )
  t.match(await run(), { code: 2, out: '', err: /^pit migrate takes one of --plan/ })
  t.match(await run('--aply'), { code: 2, err: /did you mean --apply\?/ })
})
