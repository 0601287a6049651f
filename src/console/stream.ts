// Live streams to viewers over WebSocket. A viewer that does not keep up loses messages; it never
// makes Pit hold more than a bounded number of bytes for it.

import type { TemplatedApp, WebSocket } from 'uWebSockets.js'
import { isOurOwn } from './origin-check.ts'

export interface Viewer {
  /** Whether it has yet to take what it was sent before: it would be sent nothing now. */
  readonly isBehind: boolean
  /** False, and nothing sent, while the viewer is behind. */
  send(text: string): boolean
  /** Several messages in one go, which costs little more than one; how many were not sent. */
  sendAll(texts: readonly string[]): number
}

export interface StreamOptions {
  readonly path: string
  /** Bytes that may wait for one viewer. */
  readonly bufferedBytesMax: number
  readonly onJoin: (viewer: Viewer) => void
  readonly onLeave: (viewer: Viewer) => void
}

/** Viewers of one stream; further ones are turned away. */
export const VIEWERS_MAX = 16

/** A viewer that answers no ping for this long has gone, s. */
const SILENT_MAX_S = 30

interface Seat {
  viewer: Viewer | null
}

/** Adds the stream's path to `app`. What viewers say is not listened to. */
export function openStream(app: TemplatedApp, options: StreamOptions): void {
  let seats = 0
  app.ws<Seat>(options.path, {
    maxPayloadLength: 1024,
    idleTimeout: SILENT_MAX_S,
    sendPingsAutomatically: true,
    // The bound is kept by `send`; this one is never met.
    maxBackpressure: 2 * options.bufferedBytesMax + 1024 * 1024,
    upgrade(response, request, context) {
      if (!isOurOwn(request)) {
        response.writeStatus('403 Forbidden').endWithoutBody()
        return
      }
      const key = request.getHeader('sec-websocket-key')
      const protocol = request.getHeader('sec-websocket-protocol')
      const extensions = request.getHeader('sec-websocket-extensions')
      response.upgrade<Seat>({ viewer: null }, key, protocol, extensions, context)
    },
    open(socket) {
      seats += 1
      if (seats > VIEWERS_MAX) {
        socket.end(TRY_LATER, 'too many viewers')
        return
      }
      const viewer = viewerOf(socket, options.bufferedBytesMax)
      socket.getUserData().viewer = viewer
      options.onJoin(viewer)
    },
    close(socket) {
      seats -= 1
      const { viewer } = socket.getUserData()
      if (viewer !== null) options.onLeave(viewer)
    },
  })
}

const TRY_LATER = 1013

function viewerOf(socket: WebSocket<Seat>, bufferedBytesMax: number): Viewer {
  const viewer: Viewer = {
    get isBehind() {
      return socket.getBufferedAmount() > bufferedBytesMax
    },
    send(text) {
      if (viewer.isBehind) return false
      socket.send(text)
      return true
    },
    sendAll(texts) {
      let missed = 0
      socket.cork(() => {
        for (const text of texts) if (!viewer.send(text)) missed += 1
      })
      return missed
    },
  }
  return viewer
}
