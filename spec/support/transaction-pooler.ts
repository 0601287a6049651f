// A pooler in transaction mode before PostgreSQL, with one session: whoever sends a message has it until
// the answer, so it only serves clients that wait for one another.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

/** The same database, by way of the pooler. */
export async function startTransactionPooler(t: Test, target: string): Promise<string> {
  const address = new URL(target)
  const session = connect(Number(address.port), '127.0.0.1')
  session.on('error', () => undefined)
  const clients = new Set<Socket>()
  let current: Socket | undefined
  session.on('data', (bytes) => current?.write(bytes))

  const server = createServer((client) => {
    // The first one logs in at PostgreSQL; the pooler welcomes the others by itself.
    let isWelcome = clients.size === 0
    clients.add(client)
    client.on('error', () => undefined)
    client.on('data', (bytes) => {
      if (bytes[0] === TERMINATE) return client.end()
      if (!isWelcome) {
        isWelcome = true
        return client.write(WELCOME)
      }
      current = client
      return session.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of [session, ...clients]) socket.destroy()
  })
  address.port = String((server.address() as AddressInfo).port)
  return address.href
}

const TERMINATE = 'X'.charCodeAt(0)

/** Logged in, and ready for a query outside of a transaction. */
const WELCOME = Buffer.from([...message('R', [0, 0, 0, 0]), ...message('Z', ['I'.charCodeAt(0)])])

function message(type: string, body: readonly number[]): readonly number[] {
  return [type.charCodeAt(0), 0, 0, 0, body.length + 4, ...body]
}
