// The port that nothing listens on is given to one caller, whatever process the others are.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { freePort } from '../../../src/infra/process/free-port.ts'

const NONE_FREE = /none of 1000 ports of 127\.0\.0\.1 can be listened on/

t.test('a port is given once', async (t) => {
  const port = await freePort()

  await t.rejects(freePort({ from: port, to: port + 1 }), NONE_FREE)

  const elsewhere = createSocket('udp4')
  elsewhere.bind({ port, address: '127.0.0.1' })
  const [error] = (await once(elsewhere, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'EADDRINUSE', 'another process meets what is held here')
  elsewhere.close()
})

t.test('what another process was given is left to it until it ends', async (t) => {
  const ports = { from: 11_873, to: 11_874 }
  const other = createSocket('udp4')
  other.bind({ port: ports.from, address: '127.0.0.1' })
  await once(other, 'listening')

  await t.rejects(freePort(ports), NONE_FREE)
  other.close()
  await once(other, 'close')

  t.equal(await freePort(ports), ports.from)
})

t.test('what somebody listens on is not given', async (t) => {
  const ports = { from: 11_874, to: 11_875 }
  const server = createServer().listen(ports.from, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())

  await t.rejects(freePort(ports), NONE_FREE)
})
