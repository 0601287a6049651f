import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { writeLines } from '../../../src/infra/process/logger.ts'
import { makeEnterableFolder } from '../../support/postgres.ts'

const FULL = '/dev/full'

t.test('lines for a reader that does not read are left out, and come whole again', async (t) => {
  const folder = await makeEnterableFolder()
  const pipe = join(folder, 'pipe')
  spawnSync('mkfifo', [pipe])
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  t.teardown(async () => {
    closeSync(fd)
    await rm(folder, { recursive: true, force: true })
  })
  const log = writeLines(fd)
  // More than a pipe holds, in lines whose length is no part of what it holds.
  for (let line = 0; line < 300; line += 1) log.write(`${String(line).padStart(1_000, '.')}\n`)

  const kept = readAll(fd)
  log.write('after\n')
  log.write('last\n')

  const lines = (kept + readAll(fd)).split('\n')
  t.ok(lines.length > 10 && lines.length < 300, `${lines.length} lines`)
  t.same(lines.slice(-3), ['after', 'last', ''])
  t.same(new Set(lines.slice(0, -3).map((line) => line.length)), new Set([1_000]))
})

t.test('lines for a full disk are left out', async (t) => {
  const fd = openSync(FULL, 'w')
  t.teardown(() => closeSync(fd))

  t.doesNotThrow(() => writeLines(fd).write('lost\n'))
})

function readAll(fd: number): string {
  const bytes = Buffer.alloc(1 << 20)
  let length = 0
  try {
    for (;;) length += readSync(fd, bytes, length, bytes.length - length, null)
  } catch {
    return bytes.toString('utf8', 0, length)
  }
}
