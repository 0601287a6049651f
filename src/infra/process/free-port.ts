// Ports of the loopback that nothing listens on.

import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Above what people choose, below what systems give to outgoing connections. */
const PORTS = { from: 12_000, to: 32_000 } as const

/** How many are tried. */
const TRIES_MAX = 1_000

const given = new Set<number>()

/**
 * A port that nothing listens on now, and not one that this process was given before. Another
 * process may take it before it is used, if it draws the same one: no outgoing connection does.
 * Rejects when none of a thousand is free.
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

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}
