import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, mkdir, readFile, rename } from 'node:fs/promises'
import { stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import {
  startEmbeddedPostgres,
  type RepairNews,
} from '../../../src/infra/postgres-embedded/embedded-postgres.ts'
import { findPostmaster } from '../../../src/infra/postgres-embedded/postmaster.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { makeDataDir, makeFolder, start } from '../../support/embedded-postgres.ts'
import { runSql } from '../../support/postgres.ts'

const NOTE = 'CREATE TABLE note (text text); INSERT INTO note VALUES ($$kept$$)'
const END_ALL_SESSIONS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
const READ_NOTE = 'SELECT text FROM note'

t.test('a new folder becomes a server that only its owner can use', async (t) => {
  const dataDir = join(await makeFolder(t), 'deep', 'data')
  const signals = process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')
  const told: boolean[] = []
  const onFirstStart = (): void => void told.push(existsSync(join(dataDir, 'cluster')))
  const server = await start(t, { dataDir, onFirstStart })
  const address = new URL(server.connectionString)
  t.strictSame(told, [false], 'that it is made is told once, before it is')

  const settings = await runSql(
    server.connectionString,
    `SELECT name, setting FROM pg_settings WHERE name IN
      ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses')`,
  )
  t.strictSame(settings.map((row) => Object.values(row).join('=')).sort(), [
    'fsync=on',
    'full_page_writes=on',
    'listen_addresses=127.0.0.1',
    'synchronous_commit=on',
  ])
  t.equal((await stat(join(dataDir, 'password'))).mode & 0o777, 0o600)
  t.equal(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM'), signals)

  const wrong = new URL(address)
  wrong.password = 'guess'
  await t.rejects(runSql(wrong.href, 'SELECT 1'), { code: '28P01' })
  for (const host of otherAddresses()) {
    const outside = new URL(address)
    outside.hostname = host
    await t.rejects(runSql(outside.href, 'SELECT 1'), { code: 'ECONNREFUSED' })
  }
})

function otherAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const v4 = all.filter((each) => each.family === 'IPv4' && !each.internal)
  return v4.map((each) => each.address)
}

t.test('committed rows are there after a stop and a start', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await start(t, { dataDir })
  await runSql(first.connectionString, NOTE)
  await Promise.all([first.stop(), first.stop()])
  t.equal(await findPostmaster(join(dataDir, 'cluster')), undefined, 'nothing runs')

  const onFirstStart = (): void => void t.fail('nothing is made a second time')
  const second = await start(t, { dataDir, onFirstStart })

  t.strictSame(await runSql(second.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('a server in use is left alone, and one whose Pit was killed is replaced', async (t) => {
  const dataDir = await makeDataDir(t)
  const owner = await startOwner(t, dataDir)
  await runSql(owner.connectionString, NOTE)

  const starting = startEmbeddedPostgres({ dataDir })
  await t.rejects(starting, { message: /another Pit .* is using/ })
  t.strictSame(await runSql(owner.connectionString, READ_NOTE), [{ text: 'kept' }])

  owner.process.kill('SIGKILL')
  await once(owner.process, 'exit')
  t.ok(await findPostmaster(join(dataDir, 'cluster')), 'its server has outlived it')
  const next = await start(t, { dataDir })
  t.strictSame(await runSql(next.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('Ctrl-C reaches Pit but not its server', async (t) => {
  const dataDir = await makeDataDir(t)
  const owner = await startOwner(t, dataDir)

  process.kill(-(owner.process.pid ?? NaN), 'SIGINT') // the whole process group, as a terminal does
  t.equal(await owner.nextLine(), 'SIGINT')

  t.strictSame(await runSql(owner.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
  owner.process.kill('SIGKILL')
  await once(owner.process, 'exit')
  await (await start(t, { dataDir })).stop()
})

t.test('a server starts after a crash, also when its old pid is another process’s', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await start(t, { dataDir, restartsMax: 0 })
  await runSql(first.connectionString, NOTE)
  const cluster = join(dataDir, 'cluster')
  const postmaster = await findPostmaster(cluster)
  const note = await readFile(join(cluster, 'postmaster.pid'), 'utf8')
  process.kill(postmaster?.pid ?? NaN, 'SIGQUIT')
  while (await findPostmaster(cluster)) await new Promise(setImmediate)
  await writeFile(
    join(cluster, 'postmaster.pid'),
    note.replace(`${postmaster?.pid}`, `${process.pid}`),
  )

  const second = await start(t, { dataDir })

  t.strictSame(await runSql(second.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('a second start on a folder by another path is refused and changes nothing', async (t) => {
  const dataDir = await makeDataDir(t)
  const server = await start(t, { dataDir })
  await runSql(server.connectionString, NOTE)
  const file = join(dataDir, 'cluster', 'postmaster.pid')
  const note = await readFile(file, 'utf8')
  const link = `${dataDir}.link`
  await symlink(dataDir, link)
  const paths = [link, relative(process.cwd(), dataDir), ...(await mountedElsewhere(t, dataDir))]

  for (const path of paths) {
    const starting = startEmbeddedPostgres({ dataDir: path })
    await t.rejects(starting, { message: /another Pit .* is using/ }, path)
    t.equal(await readFile(file, 'utf8'), note)
  }
  t.strictSame(await runSql(server.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('a server that was killed and that nobody reaps does not stop a start', async (t) => {
  const dataDir = await makeDataDir(t)
  const first = await start(t, { dataDir, restartsMax: 0 })
  await runSql(first.connectionString, NOTE)
  const file = join(dataDir, 'cluster', 'postmaster.pid')
  const note = await readFile(file, 'utf8')
  await killServer(dataDir, 'SIGKILL')
  await writeFile(file, note.replace(/^\d+/, String(await makeZombie(t, dataDir))))

  const second = await start(t, { dataDir })

  t.strictSame(await runSql(second.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('a start succeeds after a loss of power has damaged postmaster.pid', async (t) => {
  for (const remains of ['', '\0\0\0\0\0\0', 'x\n', '1\n', `${process.pid}\n`]) {
    const dataDir = await makeDataDir(t)
    const file = join(dataDir, 'cluster', 'postmaster.pid')
    await writeFile(file, remains)
    const owner = await stat(join(dataDir, 'cluster'))
    await chown(file, owner.uid, owner.gid)

    const server = await start(t, { dataDir })

    t.strictSame(await runSql(server.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
    await server.stop()
  }
})

t.test('a server that dies is started again at the same address, and that is told', async (t) => {
  const dataDir = await makeDataDir(t)
  const news: RepairNews[] = []
  const server = await start(t, { dataDir, onRepair: (each) => news.push(each) })
  await runSql(server.connectionString, NOTE)

  for (const signal of ['SIGKILL', 'SIGQUIT'] as const) {
    await killServer(dataDir, signal)
    await waitUntil({ what: 'it runs again' }, () => answers(server.connectionString))
    t.strictSame(await runSql(server.connectionString, READ_NOTE), [{ text: 'kept' }], signal)
    await waitUntil({ what: 'it is told' }, () => news.at(-1)?.state === 'runs')
    t.match(news.splice(0), [
      { state: 'ended', cause: /[a-z]/ },
      { state: 'runs', tookMs: Number },
    ])
  }

  await server.stop()
  t.equal(await findPostmaster(join(dataDir, 'cluster')), undefined, 'a stop is final')
})

t.test('a server that cannot be started again is told as failed, in one sentence', async (t) => {
  const dataDir = await makeDataDir(t)
  const server = await start(t, { dataDir, restartsMax: 1 })
  const control = join(dataDir, 'cluster', 'global', 'pg_control')
  await rename(control, `${control}.gone`)

  await killServer(dataDir, 'SIGKILL')

  t.match(await server.failed, {
    message: /^PostgreSQL on .*cluster has ended and does not run again: PostgreSQL did not start/,
  })
  await server.stop()
})

t.test('a process that ends by a bug leaves no server running', async (t) => {
  const dataDir = await makeDataDir(t)
  const owner = await startOwner(t, dataDir)

  owner.process.stdin?.write('bug\n')
  const [code] = await once(owner.process, 'exit')

  t.not(code, 0)
  await waitUntil({ what: 'the server has stopped' }, async () => {
    return (await findPostmaster(join(dataDir, 'cluster'))) === undefined
  })
  const next = await start(t, { dataDir })
  t.strictSame(await runSql(next.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
})

t.test('a process whose folder was taken while it was suspended leaves it alone', async (t) => {
  const dataDir = await makeDataDir(t)
  const owner = await startOwner(t, dataDir)
  owner.process.kill('SIGSTOP')
  await runSql(owner.connectionString, END_ALL_SESSIONS)

  const next = await start(t, { dataDir, restartsMax: 0 })
  owner.process.kill('SIGCONT')
  owner.process.stdin?.write('bug\n')
  await once(owner.process, 'exit')

  await runSql(next.connectionString, NOTE)
  t.ok(await findPostmaster(join(dataDir, 'cluster')))
})

t.test('a start waits for the end of a server that is stopping', async (t) => {
  const dataDir = await makeDataDir(t)
  const owner = await startOwner(t, dataDir)
  await runSql(owner.connectionString, NOTE)
  owner.process.stdin?.write('bug\n')
  await once(owner.process, 'exit')

  const next = await start(t, { dataDir })

  t.strictSame(await runSql(next.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('a server that cuts a connection without a word is stopping, not in use', async (t) => {
  const dataDir = await makeDataDir(t)
  const owner = await startOwner(t, dataDir)
  await runSql(owner.connectionString, NOTE)
  owner.process.kill('SIGKILL')
  await once(owner.process, 'exit')
  const file = join(dataDir, 'cluster', 'postmaster.pid')
  const note = await readFile(file, 'utf8')
  let cuts = 0
  const cutter = createServer((socket) => {
    cuts += 1
    // Once it has read what it was sent: so no reset is seen, only an end.
    socket.once('data', () => socket.end())
    void writeFile(file, note)
  })
  t.teardown(() => cutter.close())
  const port = await listen(cutter)
  await writeFile(file, note.replace(new URL(owner.connectionString).port, String(port)))

  const next = await start(t, { dataDir })

  t.equal(cuts, 1)
  t.strictSame(await runSql(next.connectionString, READ_NOTE), [{ text: 'kept' }])
})

t.test('a start succeeds after one that was interrupted', async (t) => {
  const dataDir = await makeFolder(t)
  await mkdir(join(dataDir, 'cluster.new', 'base'), { recursive: true })

  const server = await start(t, { dataDir })

  t.strictSame(await runSql(server.connectionString, 'SELECT 1 AS one'), [{ one: 1 }])
})

t.test('a start on a port that is taken fails and names it', async (t) => {
  const taken = createServer()
  t.teardown(() => taken.close())
  const port = await listen(taken)

  const starting = startEmbeddedPostgres({ dataDir: await makeDataDir(t), port })

  await t.rejects(starting, { message: new RegExp(`did not start on port ${port}: `) })
})

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

async function killServer(dataDir: string, signal: NodeJS.Signals): Promise<void> {
  const postmaster = await findPostmaster(join(dataDir, 'cluster'))
  process.kill(postmaster?.pid ?? NaN, signal)
  await waitUntil({ what: 'it is gone' }, async () => {
    return (await findPostmaster(join(dataDir, 'cluster')))?.pid !== postmaster?.pid
  })
}

function answers(connectionString: string): Promise<boolean> {
  return runSql(connectionString, 'SELECT 1').then(
    () => true,
    () => false,
  )
}

/** The same folder below another one, where this process may mount it. */
async function mountedElsewhere(t: Test, dataDir: string): Promise<readonly string[]> {
  const place = await makeFolder(t)
  if (spawnSync('mount', ['--bind', dataDir, place]).status !== 0) return []
  t.teardown(() => void spawnSync('umount', [place]))
  return [place]
}

/** A dead process of the server's user whose parent never asks for its end; its number. */
async function makeZombie(t: Test, dataDir: string): Promise<number> {
  const { uid, gid } = await stat(join(dataDir, 'cluster'))
  const script = 'sleep 1000 & echo $!; exec sleep 1000'
  const parent = spawn('sh', ['-c', script], { uid, gid, stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => parent.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  const pid = Number(line)
  // A shell would ask for its child's end.
  await waitUntil({ what: 'its parent is no shell any more' }, async () => {
    return (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n'
  })
  process.kill(pid, 'SIGKILL')
  await waitUntil({ what: 'it is a zombie' }, async () => {
    return (await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z ')
  })
  return pid
}

interface Owner {
  readonly process: ChildProcess
  readonly connectionString: string
  nextLine(): Promise<string>
}

async function startOwner(t: Test, dataDir: string): Promise<Owner> {
  const script = fileURLToPath(new URL('../../support/embedded-postgres-owner.js', import.meta.url))
  const child = spawn(process.execPath, [script, dataDir], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const line = await lines.next()
    return line.done === true ? '' : line.value
  }
  return { process: child, connectionString: await nextLine(), nextLine }
}
