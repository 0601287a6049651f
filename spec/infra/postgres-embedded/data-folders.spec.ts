// Folders that a start is given for its data, and why it refuses them.

import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { startEmbeddedPostgres } from '../../../src/infra/postgres-embedded/embedded-postgres.ts'
import { findPostmaster } from '../../../src/infra/postgres-embedded/postmaster.ts'
import { makeDataDir, makeFolder, start } from '../../support/embedded-postgres.ts'
import { copyTemplate, runSql } from '../../support/postgres.ts'

t.test('a folder that cannot be used is refused in one sentence', async (t) => {
  const folder = await makeFolder(t)
  const refuse = async (name: string, message: RegExp): Promise<void> => {
    const starting = startEmbeddedPostgres({ dataDir: join(folder, name) })
    await t.rejects(starting, { name: 'Error', message }, name)
  }

  await writeFile(join(folder, 'file'), '')
  await refuse('file', /^the data folder .*file cannot be made or entered: ENOTDIR\b.*$/)
  await refuse('file/below', /^the data folder .*below cannot be made or entered: ENOTDIR\b.*$/)

  // It takes no folders, and says that there is none above.
  const inProc = startEmbeddedPostgres({ dataDir: '/proc/pit/data' })
  await t.rejects(inProc, { message: /^the data folder \/proc\/pit\/data cannot be made or/ })

  await mkdir(join(folder, 'garbage', 'cluster'), { recursive: true })
  await refuse('garbage', /cluster does not hold the data of a PostgreSQL$/)

  await copyTemplate(join(folder, 'old'))
  await writeFile(join(folder, 'old', 'cluster', 'PG_VERSION'), '9\n')
  await refuse('old', /cluster holds data of PostgreSQL 9, this one is 18$/)

  await copyTemplate(join(folder, 'broken'))
  await rm(join(folder, 'broken', 'cluster', 'global', 'pg_control'))
  await refuse('broken', /^PostgreSQL did not start on port \d+: .*\S$/)

  if (mount(t, await made(join(folder, 'fixed')), 'ro')) {
    await refuse('fixed', /^the data folder cannot be written to at .*fixed.*: EROFS\b/)
  }
  const [small, full] = [await made(join(folder, 'small')), await made(join(folder, 'full'))]
  if (mount(t, small, 'size=1m') && mount(t, full, 'size=96m')) {
    await refuse('small', /^no PostgreSQL data could be made in .*: .*No space left on device/)
    await promisify(execFile)('cp', ['-a', `${await makeDataDir(t)}/.`, full])
    spawnSync('dd', ['if=/dev/zero', `of=${join(full, 'cluster', 'fill')}`, 'bs=1k'])
    await refuse('full', /^the data folder cannot be written to at .*full\/.*: ENOSPC\b/)
  }

  if (process.getuid?.() === 0) return
  await mkdir(join(folder, 'closed'), { mode: 0o500 })
  await refuse('closed/data', /^the data folder .*closed\/data cannot be made or entered: EACCES/)
})

t.test('a folder with files of others is refused, and nothing in it is changed', async (t) => {
  const dataDir = await makeFolder(t)
  for (const name of ['notes.txt', 'password', 'a', 'b']) await writeFile(join(dataDir, name), 'x')
  const { uid } = await stat(dataDir)

  const starting = startEmbeddedPostgres({ dataDir })

  await t.rejects(starting, {
    message: /^the data folder .* holds a, b, notes\.txt, and no data of Pit: name an empty one$/,
  })
  t.same((await readdir(dataDir)).toSorted(), ['a', 'b', 'notes.txt', 'password'])
  t.equal((await stat(dataDir)).uid, uid)
  t.equal(await readFile(join(dataDir, 'password'), 'utf8'), 'x')
})

t.test(
  'a lost or wrong password is told with the name of its file, and none is made',
  async (t) => {
    const dataDir = await makeDataDir(t)
    const file = join(dataDir, 'password')
    const kept = await readFile(file, 'utf8')

    await rm(file)
    await t.rejects(startEmbeddedPostgres({ dataDir }), {
      message: new RegExp(`^${file} is missing, .*: put it back, or .*docs/DATABASE.md`),
    })
    t.notOk(existsSync(file))
    await writeFile(file, '')
    await t.rejects(startEmbeddedPostgres({ dataDir }), { message: /password is missing/ })
    await writeFile(file, 'wrong')
    await t.rejects(startEmbeddedPostgres({ dataDir }), {
      message: new RegExp(`^Pit is not let in by ${file}: password authentication failed.*28P01`),
    })

    t.equal(await findPostmaster(join(dataDir, 'cluster')), undefined, 'nothing runs')
    await writeFile(file, `${kept}\n`)
    await start(t, { dataDir })
  },
)

t.test('a folder that was only just mounted is a new one', async (t) => {
  const dataDir = await makeFolder(t)
  await mkdir(join(dataDir, 'lost+found'))

  const server = await start(t, { dataDir })

  t.strictSame(await runSql(server.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
})

const onlyRoot = process.getuid?.() === 0 ? {} : { skip: 'of use to root only' }
t.test('root can keep the server in a folder that no other user can enter', onlyRoot, async (t) => {
  const folder = await makeFolder(t)
  await chmod(folder, 0o700)

  const server = await start(t, { dataDir: join(folder, 'data') })

  t.strictSame(await runSql(server.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
  await server.stop()
  const again = await start(t, { dataDir: join(folder, 'data') })
  t.strictSame(await runSql(again.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
})

async function made(folder: string): Promise<string> {
  await mkdir(folder)
  return folder
}

/** A file system of its own there; false: this process may not mount one. */
function mount(t: Test, folder: string, options: string): boolean {
  const args = ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]
  if (spawnSync('mount', args).status !== 0) return false
  t.teardown(() => void spawnSync('umount', [folder]))
  return true
}
