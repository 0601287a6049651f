// What is known of the server on a data folder where the system does not say it plainly.

import { spawn, spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findPostmaster, identifyByPs } from '../../../src/infra/postgres-embedded/postmaster.ts'
import { makeFolder } from '../../support/embedded-postgres.ts'

t.test('a note of a server that cannot be read is told, and not taken for none', async (t) => {
  const folder = await makeFolder(t)
  t.equal(await findPostmaster(folder), undefined, 'there is none')

  await mkdir(join(folder, 'postmaster.pid'))

  await t.rejects(findPostmaster(folder), { code: 'EISDIR' })
})

const NO_PS = spawnSync('ps').error === undefined ? false : 'ps is missing'

t.test('a process that ps does not know is gone', { skip: NO_PS }, async (t) => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  const living = spawn('cat')
  t.teardown(() => living.kill())

  t.equal(await identifyByPs(pid), 'gone')
  t.equal(await identifyByPs(living.pid ?? 0), 'other')
})

t.test('nothing is known of a process where ps is missing', async (t) => {
  const { PATH } = process.env
  t.teardown(() => void (process.env['PATH'] = PATH))
  process.env['PATH'] = ''

  t.equal(await identifyByPs(process.pid), 'unknown')
})
