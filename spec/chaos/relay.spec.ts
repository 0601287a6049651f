// The TCP relay of chaos runs.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { TcpRelay } from './relay.ts'

t.test('a relay forwards until it closes, and closes both ends', async (t) => {
  const { relay, client, far } = await startRelay(t)

  client.write('ping')
  t.equal(String(await once(far, 'data')), 'ping')
  far.write('pong')
  t.equal(String(await once(client, 'data')), 'pong')

  const ended = Promise.all([closed(client), closed(far)])
  await relay.close()
  await ended
})

t.test('a relay closes a connection that it resets while an end is being sent', async (t) => {
  const { relay, client, far } = await startRelay(t)
  client.write('ping')
  await once(far, 'data')
  relay.loseNextAnswers()

  // Both arrive at once: the end is passed on, and the answer has the connection reset.
  client.destroy()
  far.resume().write('lost')

  await t.resolves(goneFor(far))
  await relay.close()
})

t.test(
  'a connection breaks after its bytes: it is reset, or silent and heard by none',
  async (t) => {
    for (const how of ['reset', 'silence'] as const) {
      const { relay, client, far } = await startRelay(t)
      client.write('one')
      await once(far, 'data')
      relay.breakAfter({ how, drawBytes: () => 3 })

      far.write('abcdef')
      t.equal(String(await once(client, 'data')), 'abc', how)

      if (how === 'reset') {
        await goneFor(client.resume())
      } else {
        const heard: unknown[] = []
        for (const event of ['data', 'end', 'close']) client.on(event, () => heard.push(event))
        far.destroy()
        await closed(far)
        client.write('two')
        const other = connect({ host: '127.0.0.1', port: Number(new URL(relay.url).port) })
        other.on('error', () => undefined)
        await once(other, 'connect')
        other.destroy()
        t.strictSame(heard, [])
        client.destroy()
      }
      await relay.close()
    }
  },
)

async function startRelay(t: Test) {
  const server = createServer({ allowHalfOpen: true })
  server.on('connection', (socket) => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = await freePort()
  const relay = new TcpRelay({ port, target: (server.address() as AddressInfo).port })
  await relay.open()
  const arrived = once(server, 'connection') as Promise<[Socket]>
  const client = connect({ host: '127.0.0.1', port })
  const [far] = await arrived
  for (const socket of [client, far]) socket.on('error', () => undefined)
  t.teardown(() => {
    client.destroy()
    far.destroy()
    server.close()
  })
  return { relay, client, far }
}

/** Not `once`, which rejects when the socket is reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('close', () => resolve())
  })
}

/** It sees the other side end or reset. */
function goneFor(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) socket.on(event, () => resolve())
  })
}
