// Listening on a TCP port or a unix socket, never together with another process.

import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import uWS from 'uWebSockets.js'
import type { TemplatedApp, us_listen_socket } from 'uWebSockets.js'

// Both exist and work; the package's types leave them out.
declare module 'uWebSockets.js' {
  export const LIBUS_LISTEN_EXCLUSIVE_PORT: ListenOptions
  export interface TemplatedApp {
    listen(
      host: RecognizedString,
      port: number,
      options: ListenOptions,
      cb: (listenSocket: us_listen_socket | false) => void,
    ): TemplatedApp
  }
}

/** `port` 0 is any free port; without a host all interfaces. `socket` is a path. */
export type ListenAt =
  { readonly port: number; readonly host?: string } | { readonly socket: string }

export interface Listening {
  /** The TCP port that was bound; 0 on a unix socket. */
  readonly port: number
  /** Takes no further connections, and removes the socket's file. Calling it again is harmless. */
  stop(): void
}

/** The address could not be bound: taken, not permitted, or not there. */
export class ListenFailed extends Error {
  override readonly name = 'ListenFailed'
  readonly code = 'listen_failed'

  constructor(address: string, reason: string, cause?: unknown) {
    super(`http: cannot listen on ${address}: ${reason}`, { cause })
  }
}

/** Binds and listens; rejects with `ListenFailed`. */
export async function listen(app: TemplatedApp, at: ListenAt): Promise<Listening> {
  return 'socket' in at ? listenOnSocket(app, at.socket) : listenOnPort(app, at)
}

function listenOnPort(app: TemplatedApp, at: { port: number; host?: string }): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const onListening = (token: us_listen_socket | false): void => {
      if (token === false) {
        const address = `${at.host ?? '*'}:${at.port}`
        reject(new ListenFailed(address, 'the port is taken or may not be bound'))
        return
      }
      resolve({ port: uWS.us_socket_local_port(token), stop: stopOnce(token, () => undefined) })
    }
    // Without the exclusive flag two processes would share the port and its connections.
    const exclusive = uWS.LIBUS_LISTEN_EXCLUSIVE_PORT
    if (at.host === undefined) app.listen(at.port, exclusive, onListening)
    else app.listen(at.host, at.port, exclusive, onListening)
  })
}

/**
 * A socket file left by a dead process is replaced. One that a process listens on is not, although
 * uWebSockets would silently take it over: a second instance would take the first one's clients.
 */
async function listenOnSocket(app: TemplatedApp, path: string): Promise<Listening> {
  const existing = lstatSync(path, { throwIfNoEntry: false })
  if (existing !== undefined) {
    if (!existing.isSocket()) throw new ListenFailed(path, 'a file is there that is not a socket')
    if (await isListenedOn(path)) throw new ListenFailed(path, 'another process listens on it')
    rmSync(path, { force: true })
  }
  return new Promise((resolve, reject) => {
    app.listen_unix((token: us_listen_socket | false) => {
      if (token === false) {
        reject(new ListenFailed(path, 'its folder is missing or may not be written'))
        return
      }
      // The balancer runs as another user and has to connect, which takes the right to write.
      chmodSync(path, 0o666)
      const removeFile = (): void => {
        rmSync(path, { force: true })
      }
      resolve({ port: 0, stop: stopOnce(token, removeFile) })
    }, path)
  })
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // Any other error, such as a full queue of connections, means that a process listens.
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}

/** Removes the file first: once it has stopped, the path may belong to a successor. */
function stopOnce(token: us_listen_socket, removeFile: () => void): () => void {
  let isStopped = false
  return () => {
    if (isStopped) return
    isStopped = true
    removeFile()
    uWS.us_listen_socket_close(token)
  }
}
