import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findDevStack, writeDevStackFile } from '../../../src/infra/process/dev-stack-file.ts'

const ADDRESSES = {
  databaseUrl: 'postgres://pit:secret@127.0.0.1:40404/pit',
  processorDefaultUrl: 'http://127.0.0.1:8001',
  processorFallbackUrl: 'http://127.0.0.1:8002',
  processorToken: '123',
  opsUrl: 'http://127.0.0.1:9998',
}
const FILE = 'dev-stack.json'

t.test('a dev stack is found by its data folder for as long as it runs', async (t) => {
  const dataDir = t.testdir()
  t.same(await findDevStack(dataDir), { whyNot: `no dev stack runs on ${dataDir}` })

  const remove = await writeDevStackFile(dataDir, ADDRESSES)

  t.same(await findDevStack(dataDir), { addresses: ADDRESSES, pid: process.pid })
  await remove()
  t.same(await readdir(dataDir), [])
})

t.test('only its owner can read where a dev stack is, whatever was there before', async (t) => {
  const dataDir = t.testdir({ [FILE]: '', [`${FILE}.new`]: '' })
  for (const name of await readdir(dataDir)) {
    t.not((await stat(join(dataDir, name))).mode & 0o077, 0, `others can read ${name}`)
  }

  await writeDevStackFile(dataDir, ADDRESSES)

  t.same(await readdir(dataDir), [FILE])
  t.equal((await stat(join(dataDir, FILE))).mode & 0o777, 0o600)
})

t.test('a dev stack whose process is gone has ended, also when its number is reused', async (t) => {
  const dataDir = t.testdir()
  await writeDevStackFile(dataDir, ADDRESSES)
  const path = join(dataDir, FILE)
  const written = JSON.parse(await readFile(path, 'utf8')) as object
  const gone = spawn(process.execPath, ['--version'])
  await once(gone, 'close')
  for (const change of [{ pid: gone.pid }, { startedAt: '1' }]) {
    await writeFile(path, JSON.stringify({ ...written, ...change }))

    t.match(await findDevStack(dataDir), { whyNot: `the dev stack on ${dataDir} has ended` })
  }
})

t.test('a file of another form, or one that cannot be read, is no dev stack', async (t) => {
  const odd = JSON.stringify({ ...ADDRESSES, pid: process.pid, databaseUrl: 17 })
  for (const text of ['', '{', 'null', '[]', '{"pid":1}', odd]) {
    const dataDir = t.testdir({ [FILE]: text })

    t.match(await findDevStack(dataDir), { whyNot: `${FILE} is not one that this Pit` }, text)
  }
  const folder = t.testdir({ [FILE]: {} })
  t.match(await findDevStack(folder), { whyNot: 'cannot be read: EISDIR' })
})

t.test('a dev stack that ends leaves alone what another process has written', async (t) => {
  const dataDir = t.testdir()
  const remove = await writeDevStackFile(dataDir, ADDRESSES)
  const path = join(dataDir, FILE)
  const written = JSON.parse(await readFile(path, 'utf8')) as object
  const other = JSON.stringify({ ...written, pid: process.ppid })
  await writeFile(path, other)

  await remove()

  t.equal(await readFile(path, 'utf8'), other)
})
