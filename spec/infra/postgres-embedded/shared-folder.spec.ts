// A data folder that containers or machines share: process numbers of one mean nothing in another.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { treeOf } from '../../../bench/limits/process-tree.ts'
import { startEmbeddedPostgres } from '../../../src/infra/postgres-embedded/embedded-postgres.ts'
import { makeDataDir, start } from '../../support/embedded-postgres.ts'
import { copyTemplate, runSql } from '../../support/postgres.ts'

const NOTE = 'CREATE TABLE note (text text); INSERT INTO note VALUES ($$kept$$)'
const READ_NOTE = 'SELECT text FROM note'
const IN_USE = { message: /another Pit .* is using/ }

const APART = ['unshare', '--pid', '--ipc', '--fork', '--mount-proc', '--kill-child']
const canPart = spawnSync('unshare', [...APART.slice(1), 'true']).status === 0
const onlyApart = canPart ? {} : { skip: 'no right to make namespaces of processes' }

t.test(
  'a folder that a Pit in another container uses is refused as it is',
  onlyApart,
  async (t) => {
    const dataDir = await makeDataDir(t)
    const owner = await startApart(t, dataDir)
    await runSql(owner.connectionString, NOTE)
    const before = await filesOf(dataDir)

    await t.rejects(startEmbeddedPostgres({ dataDir }), IN_USE)

    t.strictSame(await filesOf(dataDir), before)
    t.strictSame(await runSql(owner.connectionString, READ_NOTE), [{ text: 'kept' }])
  },
)

t.test(
  'a container that is frozen keeps its folder, and one that is gone not',
  onlyApart,
  async (t) => {
    const dataDir = await makeDataDir(t)
    const owner = await startApart(t, dataDir)
    await runSql(owner.connectionString, NOTE)

    freeze(treeOf(owner.process.pid ?? NaN))
    await t.rejects(startEmbeddedPostgres({ dataDir }), IN_USE)
    owner.process.kill('SIGKILL')
    await once(owner.process, 'close')

    const next = await start(t, { dataDir })
    t.strictSame(await runSql(next.connectionString, READ_NOTE), [{ text: 'kept' }])
  },
)

t.test('a folder that a Pit on another machine uses is refused until that is gone', async (t) => {
  const dataDir = await makeDataDir(t)
  const file = join(dataDir, 'in-use')
  const elsewhere = '8b1d\nelsewhere\n'
  await writeFile(file, elsewhere)
  let touches = 0
  const holder = setInterval(() => void utimes(file, 0, (touches += 1)), 50)

  await t.rejects(startEmbeddedPostgres({ dataDir }), IN_USE)
  t.equal(await readFile(file, 'utf8'), elsewhere)
  clearInterval(holder)

  const next = await start(t, { dataDir })
  t.not(await readFile(file, 'utf8'), elsewhere)
  await next.stop()
  t.notOk((await readdir(dataDir)).includes('in-use'), 'a stop lets go of it')
})

t.test('one of several that find a holder dead at the same time gets the folder', async (t) => {
  const dataDir = await makeDataDir(t)
  await writeFile(join(dataDir, 'in-use'), '8b1d\nelsewhere\n')

  const starts = await Promise.allSettled([1, 2, 3].map(() => startEmbeddedPostgres({ dataDir })))

  const servers = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  t.equal(servers.length, 1)
  for (const server of servers) await server.stop()
})

t.test('a folder whose path is too long for a socket has a server without one', async (t) => {
  const dataDir = join(await makeDataDir(t), '..', 'x'.repeat(100))
  await copyTemplate(dataDir)

  const server = await start(t, { dataDir })

  t.strictSame(await runSql(server.connectionString, 'SHOW unix_socket_directories'), [
    { unix_socket_directories: '' },
  ])
})

/** Without the server's own files, which it writes to. */
async function filesOf(dataDir: string): Promise<readonly string[]> {
  const names = (await readdir(dataDir)).concat(['cluster/postmaster.pid'])
  const files = names.filter((name) => name !== 'cluster').toSorted()
  return Promise.all(
    files.map(async (name) => name + (await readFile(join(dataDir, name), 'utf8'))),
  )
}

interface Apart {
  readonly process: ChildProcess
  readonly connectionString: string
}

/** A process with an embedded PostgreSQL, in a namespace of processes of its own. */
async function startApart(t: Test, dataDir: string): Promise<Apart> {
  const script = fileURLToPath(new URL('../../support/embedded-postgres-owner.js', import.meta.url))
  const [command, ...args] = [...APART, process.execPath, script, dataDir]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return { process: child, connectionString: String(line) }
}

/** What has ended since it was listed, as a worker of PostgreSQL may, need not be frozen. */
function freeze(pids: Iterable<number>): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGSTOP')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
