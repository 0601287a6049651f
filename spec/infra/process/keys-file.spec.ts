// The file of keys: what stands in it, whose key is found, and what a change of it does.

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { waitUntil } from '../../../bench/layout/wait.ts'
import {
  isKeyName,
  keyLine,
  newKey,
  openKeysFile,
  readKeys,
} from '../../../src/infra/process/keys-file.ts'

const HASH = `sha256:${'0a'.repeat(32)}`

t.test('a line is a name, a scope and a hash; comments and blank lines are none', async (t) => {
  const read = readKeys(`# who\n\nana operate ${HASH} # since May\r\n  bo@x.example view ${HASH}\n`)

  t.match(read, {
    lines: [
      { name: 'ana', scope: 'operate', hash: Buffer.from('0a'.repeat(32), 'hex') },
      { name: 'bo@x.example', scope: 'view' },
    ],
  })
  t.same(readKeys('').valueOf(), { lines: [] })
})

t.test('a fault names its line and never what could be a secret', async (t) => {
  const faults = {
    [`ana operate ${HASH}\nbo admin ${HASH}`]:
      'has in line 2 the scope admin, which is none of view, operate',
    [`ana pit_SECRET ${HASH}`]: 'has in line 1 no scope of view, operate',
    [`a/b view ${HASH}`]: /^has in line 1 no name: /,
    [`loopback view ${HASH}`]: 'has in line 1 the name loopback, which stands for no key',
    'ana view sha256:SECRET': /^has in line 1 no sha256: and 64 hexadecimal digits/,
    [`ana view ${HASH} more`]: /^has in line 1 no sha256: and 64 hexadecimal digits/,
    ana: 'has in line 1 no scope of view, operate',
  }

  for (const [text, fault] of Object.entries(faults)) {
    t.match(readKeys(text), { fault }, text)
    t.notMatch(JSON.stringify(readKeys(text)), /SECRET/)
  }
})

t.test('a new key is of 256 random bits, and its line opens what it says', async (t) => {
  const [one, other] = [newKey(), newKey()]
  t.match(one, /^pit_[\w-]{43}$/)
  t.not(one, other)
  const line = keyLine(one, { name: 'ana', scope: 'view' })
  t.notMatch(line, one)
  const { keys } = await open(t, line)

  t.same(keys.find(one)?.operator(), { name: 'ana', scope: 'view' })
  t.equal(keys.find(other), undefined)
  t.equal(keys.find(''), undefined)
  t.ok(isKeyName('ana'))
  for (const name of ['', 'a b', 'loopback', 'x'.repeat(65)]) t.notOk(isKeyName(name), name)
})

t.test('a changed file counts at once, also for keys that were found before', async (t) => {
  const [ana, bo] = [newKey(), newKey()]
  const { keys, replace, news } = await open(t, keyLine(ana, { name: 'ana', scope: 'operate' }))
  const found = keys.find(ana)

  await replace(keyLine(bo, { name: 'bo', scope: 'view' }))
  await waitUntil({ what: 'it is read again' }, () => news.length > 0)

  t.same(news, [[{ name: 'bo', scope: 'view' }]])
  t.equal(found?.operator(), undefined, 'what was found is none any more')
  t.equal(keys.find(ana), undefined)
  t.same(keys.find(bo)?.operator(), { name: 'bo', scope: 'view' })
})

t.test('a broken version is told, and the one before counts on', async (t) => {
  const ana = newKey()
  const line = keyLine(ana, { name: 'ana', scope: 'operate' })
  const { keys, replace, path, news } = await open(t, line)

  await replace('ana admin x')
  await waitUntil({ what: 'it is told' }, () => news.length > 0)
  await rm(path)
  await waitUntil({ what: 'that it is gone is told' }, () => news.length > 1)

  t.same(news, [
    'has in line 1 the scope admin, which is none of view, operate',
    `cannot be read by user ${process.getuid?.()} (ENOENT)`,
  ])
  t.same(keys.find(ana)?.operator(), { name: 'ana', scope: 'operate' })
  await replace(line)
  await waitUntil({ what: 'it is read again' }, () => news.length > 2)
  t.same(news[2], [{ name: 'ana', scope: 'operate' }])
})

t.test('a file that cannot be read at the start is refused in one sentence', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pit-keys-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const none = { onRead: () => undefined, onFault: () => undefined }
  const path = join(folder, 'keys')

  t.throws(() => openKeysFile(path, none), {
    message: `KEYS_FILE: ${path} cannot be read by user ${process.getuid?.()} (ENOENT)`,
  })
  t.throws(() => openKeysFile(folder, none), { message: `KEYS_FILE: ${folder} is not a file` })
  await writeFile(path, '#'.repeat(70_000))
  t.throws(() => openKeysFile(path, none), { message: /is longer than 65536 bytes$/ })
})

async function open(t: Test, text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'pit-keys-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'keys')
  await writeFile(path, text)
  const news: unknown[] = []
  const keys = openKeysFile(path, {
    onRead: (read) => news.push(read),
    onFault: (fault) => news.push(fault),
  })
  t.teardown(() => keys.close())
  // As orchestrators and editors do: another file takes its place, whole.
  const replace = async (now: string): Promise<void> => {
    await writeFile(`${path}.new`, now)
    await rename(`${path}.new`, path)
  }
  return { keys, replace, path, news }
}
