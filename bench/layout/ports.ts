// TCP ports of the loopback: free ones, and who is connected to one.

import { randomInt } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const given = new Set<number>()

/** Above what people choose, below what systems give to outgoing connections. */
const PORTS = { from: 12_000, to: 32_000 } as const

/**
 * A port that nothing listens on now, and not one that this process was given before. Another
 * process may take it before it is used, if it draws the same one: no outgoing connection does.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(PORTS.from, PORTS.to)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`none of ${TRIES_MAX} ports of 127.0.0.1 can be listened on`)
}

const TRIES_MAX = 1000

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

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}
