// The file of a unix socket: what lies in its place before, who may connect, and that it goes at the
// end.

import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { ListenFailed, type Listening } from './web-server.ts'

/** What a server is by now that listens on the path; `stop` ends its listening. */
export function listeningOnSocket(path: string, stop: () => void): Listening {
  // The balancer runs as another user and has to connect, which takes the right to write.
  chmodSync(path, 0o666)
  let isStopped = false
  return {
    port: 0,
    stop() {
      if (isStopped) return
      isStopped = true
      // The file first: once it has stopped, the path may belong to a successor.
      rmSync(path, { force: true })
      stop()
    },
  }
}

/** Why a path cannot be listened on, as far as a server tells. */
export function cannotListenOn(path: string, cause?: unknown): ListenFailed {
  return new ListenFailed(path, 'its folder is missing or may not be written', cause)
}

/**
 * A socket file left by a dead process is removed. One that a process listens on is not: a second
 * instance would take the first one's clients. Rejects with `ListenFailed`.
 */
export async function clearSocketFile(path: string): Promise<void> {
  const existing = lstatSync(path, { throwIfNoEntry: false })
  if (existing === undefined) return
  if (!existing.isSocket()) throw new ListenFailed(path, 'a file is there that is not a socket')
  if (await isListenedOn(path)) throw new ListenFailed(path, 'another process listens on it')
  rmSync(path, { force: true })
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
