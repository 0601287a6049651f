import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { connectRedis, firstRefusal } from '../../../src/infra/redis/redis-connection.ts'
import { makeEnterableFolder } from '../../support/postgres.ts'
import { NO_REDIS, startRedis } from '../../support/redis.ts'
import { emitted } from '../../support/redis-world.ts'

t.test('a database that Redis does not have is refused, and never replaced by 0', async (t) => {
  const server = await startRedis(t)
  if (server === undefined) return t.plan(0, NO_REDIS)
  const connection = open(t, `${server.url}/99`)
  const { redis } = connection
  let wasReady = false
  redis.on('ready', () => (wasReady = true))

  t.match(await firstRefusal(connection), { message: /^ERR DB index is out of range/ })
  // It connects anew, and is refused again.
  await new Promise((resolve) => redis.once('connect', resolve))
  await emitted(redis, 'close')

  await t.rejects(redis.set('pit:retry', 'x'))
  t.equal(wasReady, false)
  const admin = open(t, server.url)
  await emitted(admin.redis, 'ready')
  t.equal(await admin.redis.dbsize(), 0)
})

t.test('a password that Redis refuses, or misses, is told at once', async (t) => {
  const server = await startRedis(t)
  if (server === undefined) return t.plan(0, NO_REDIS)
  const admin = new Redis(server.url)
  t.teardown(() => admin.disconnect())
  await admin.config('SET', 'requirepass', 'right')

  t.match(await firstRefusal(open(t, server.url)), { message: /^NOAUTH/ })
  const wrong = server.url.replace('//', '//:wrong@')
  t.match(await firstRefusal(open(t, wrong)), { message: /^WRONGPASS/ })
  t.equal(await firstRefusal(open(t, server.url.replace('//', '//:right@'))), undefined)
})

t.test('a Redis that is away is no refusal', async (t) => {
  const server = await startRedis(t)
  if (server === undefined) return t.plan(0, NO_REDIS)
  await server.own.kill()

  t.equal(await firstRefusal(open(t, server.url)), undefined)
})

t.test('the path of a socket is decoded', async (t) => {
  const folder = await makeEnterableFolder()
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const server = createServer((socket) => socket.on('error', () => undefined))
  t.teardown(() => server.close())
  server.listen(join(folder, 'my redis.sock'))
  await once(server, 'listening')

  const connected = once(server, 'connection')
  open(t, `unix://${folder}/my%20redis.sock`)

  await t.resolves(connected)
})

function open(t: Test, url: string): ReturnType<typeof connectRedis> {
  const connection = connectRedis({ url })
  t.teardown(() => connection.close())
  return connection
}
