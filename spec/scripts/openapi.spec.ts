import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { describeApi } from '../../src/http/openapi/openapi.ts'
import { PROJECT } from '../support/sources.ts'

t.test('the check fails on an old description and leaves the file as it is', async (t) => {
  const file = join(t.testdir({ 'openapi.json': '{}\n' }), 'openapi.json')
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['build/scripts/openapi.js', '--file', file, ...args], {
      cwd: PROJECT,
      encoding: 'utf8',
      timeout: 60_000,
    })

  const old = run('--check')
  t.equal(old.status, 1)
  t.match(old.stderr, 'old description')
  t.equal(readFileSync(file, 'utf8'), '{}\n')

  t.equal(run().status, 0)
  t.match(JSON.parse(readFileSync(file, 'utf8')), { paths: describeApi('').paths })
  t.equal(run('--check').status, 0)
})
