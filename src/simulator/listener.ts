// Listening on a port that nobody else has.

import uWS from 'uWebSockets.js'
import type { TemplatedApp, us_listen_socket } from 'uWebSockets.js'

/** The declarations lack this form of `listen`, which takes a host and options together. */
interface ExclusiveListener {
  listen(
    host: string,
    port: number,
    options: number,
    callback: (socket: us_listen_socket | false) => void,
  ): void
}

/** Without it a taken port is shared unnoticed, and each of the two gets some connections. */
const LISTEN_EXCLUSIVE_PORT = 1

/** Resolves to the port, which is a free one for port 0. Rejects when it cannot be had. */
export function listen(
  app: TemplatedApp,
  { name, host, port }: { name: string; host: string; port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = app as unknown as ExclusiveListener
    listener.listen(host, port, LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket) {
        resolve(uWS.us_socket_local_port(socket))
        return
      }
      const where = `simulator ${name} cannot listen on ${host}:${port}`
      reject(new Error(`${where}: the port is taken, or this process may not use that address`))
    })
  })
}
