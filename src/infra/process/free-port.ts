// Ports of the loopback that nothing listens on, and that nobody else was given.

import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** `from` inclusive, `to` exclusive. */
interface Ports {
  readonly from: number
  readonly to: number
}

/** Above what people choose, below what systems give to outgoing connections. */
const PORTS: Ports = { from: 12_000, to: 32_000 }

/** How many are tried. */
const TRIES_MAX = 1_000

/**
 * A port that nothing listens on now, and that no process was given by this function before, as
 * long as that process lives: the UDP port of the same number, which nothing else here uses, is
 * held until the process ends. Rejects when none of a thousand is free.
 */
export async function freePort(ports: Ports = PORTS): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(ports.from, ports.to)
    if ((await isReserved(port)) && (await isFree(port))) return port
  }
  throw new Error(`none of ${TRIES_MAX} ports of 127.0.0.1 can be listened on`)
}

/** Whether the port is this caller's now: false when another one holds it. */
function isReserved(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4').unref()
    socket.once('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true))
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}
