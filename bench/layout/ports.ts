// TCP ports of the loopback: free ones, and who is connected to one.

import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const given = new Set<number>()

/**
 * A port that nothing listens on now, and not one that this process was given before; another
 * process may take it before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await anyPort()
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

/** Connections that a server on this port has open; none where there is no /proc. */
export function connectionsTo(port: number): number {
  const table = '/proc/net/tcp'
  return existsSync(table) ? countEstablished(readFileSync(table, 'utf8'), port) : 0
}

/** @param table in the form of /proc/net/tcp: number, local address, remote address, state. */
export function countEstablished(table: string, port: number): number {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').filter((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === ESTABLISHED && local.endsWith(ending)
  }).length
}

const ESTABLISHED = '01'

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
