import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOps } from '../../src/http/ops.ts'
import { OPS } from './ops-under-test.ts'
import {
  open,
  PAYMENT,
  paymentOf,
  postPayment,
  startEdge,
  onEachServer,
} from './edge-under-test.ts'

onEachServer('listening on a port that is taken fails and names the port', async (t) => {
  const edge = await startEdge(t)
  const at = { port: edge.server.port }

  await t.rejects(startEdge(t, { at }), { code: 'listen_failed', message: String(at.port) })
  await t.rejects(startOps({ ...OPS, ...at }), { code: 'listen_failed' })
})

onEachServer('a unix socket is served to any user and leaves no file behind', async (t) => {
  const socket = join(folder(t), 'pit.sock')
  const edge = await startEdge(t, { at: { socket } })

  t.equal((await postPayment(edge, PAYMENT)).status, 202)
  t.equal(statSync(socket).mode & 0o777, 0o666)
  t.equal(edge.server.port, 0)

  edge.server.close()
  t.throws(() => statSync(socket), { code: 'ENOENT' })
})

onEachServer('a socket file is replaced when its process is gone, and only then', async (t) => {
  const path = folder(t)
  const socket = join(path, 'pit.sock')
  const dead = createServer().listen(join(path, 'dead.sock'))
  await new Promise((resolve) => dead.once('listening', resolve))
  renameSync(join(path, 'dead.sock'), socket)
  await new Promise((resolve) => dead.close(resolve))
  t.ok(statSync(socket).isSocket())

  const edge = await startEdge(t, { at: { socket } })
  t.equal((await postPayment(edge, PAYMENT)).status, 202)

  await t.rejects(startEdge(t, { at: { socket } }), { code: 'listen_failed', message: /another/ })
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
  const plain = join(path, 'plain')
  writeFileSync(plain, 'kept')
  await t.rejects(startEdge(t, { at: { socket: plain } }), { message: /not a socket/ })
  await t.rejects(startEdge(t, { at: { socket: join(path, 'none', 'x') } }), {
    code: 'listen_failed',
    message: /folder/,
  })
})

onEachServer('a draining server answers requests in flight and accepts no new ones', async (t) => {
  const edge = await startEdge(t, { supervise: () => undefined })
  const waiting = postPayment(edge, PAYMENT)
  const request = paymentOf(await edge.nextRequest())
  const idle = open(edge)
  idle.socket.write('GET / HTTP/1.1\r\nHost: pit\r\n\r\n')
  await new Promise((resolve) => idle.socket.once('data', resolve))

  edge.server.stopAccepting()
  edge.server.stopAccepting()
  t.equal(edge.server.inFlight(), 1)
  request.replyTo('accepted')

  t.match(await waiting, { status: 202, headers: { connection: 'close' } })
  idle.socket.write(`POST /payments HTTP/1.1\r\nHost: pit\r\nContent-Length: 0\r\n\r\n`)
  t.match(await idle.received, /HTTP\/1.1 404[^]*HTTP\/1.1 503[^]*Connection: close/)
  await t.rejects(postPayment(edge, PAYMENT))
})

function folder(test: { teardown(undo: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'pit-http-'))
  test.teardown(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}
