// A TCP proxy in front of PostgreSQL that can lose answers.

import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Test } from 'tap'

export interface PostgresProxy {
  /** The same database, by way of the proxy. */
  readonly connectionString: string
  /**
   * From now on lets requests that hold this text through, and cuts their connection as soon as
   * PostgreSQL answers, before the answer is passed on. Counts how often it did so.
   */
  loseAnswersTo(text: string | undefined): void
  readonly lost: () => number
}

export async function startProxy(t: Test, target: string): Promise<PostgresProxy> {
  const address = new URL(target)
  const targetPort = Number(address.port)
  const sockets = new Set<Socket>()
  let needle: string | undefined
  let lost = 0

  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    let doomed = false
    client.on('data', (bytes) => {
      if (needle !== undefined && bytes.includes(needle)) doomed = true
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!doomed) return client.write(bytes)
      lost += 1
      doomed = false
      upstream.destroy()
      return client.destroy()
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const bound = server.address()
  address.port = String(typeof bound === 'object' && bound !== null ? bound.port : 0)
  return {
    connectionString: address.href,
    loseAnswersTo: (text) => {
      needle = text
    },
    lost: () => lost,
  }
}
