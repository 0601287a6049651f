// Live streams to viewers over WebSocket. A viewer that does not keep up loses messages; it never
// makes Pit hold more than a bounded number of bytes for it.

import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_socket_context_t,
  WebSocket,
} from 'uWebSockets.js'
import type { OnBug } from './contained.ts'
import { hasOwnOrigin } from './origin-check.ts'

export interface Viewer {
  /** Whether too much of what it was sent is still waiting: it is sent nothing now. */
  readonly isBehind: boolean
  /** False, and nothing sent, while the viewer is behind. */
  send(text: string): boolean
  /**
   * Sends several messages at once, which costs little more than one; returns how many it missed.
   */
  sendAll(texts: readonly string[]): number
  /** Ends it, after a bug in what it was to be sent. */
  end(): void
}

export interface StreamOptions {
  readonly path: string
  /** Bytes that may wait for one viewer. */
  readonly bufferedBytesMax: number
  readonly onJoin: (viewer: Viewer) => void
  readonly onLeave: (viewer: Viewer) => void
  /** Gets each bug that has ended a viewer. */
  readonly onBug: OnBug
}

/** Viewers of one stream; further ones are closed with 1013. */
const VIEWERS_MAX = 16

/** A viewer that answers no ping for this long counts as gone, s. */
const SILENT_MAX_S = 30

/** What a socket carries; null until it is open, and for one that is turned away. */
interface SocketData {
  viewer: Viewer | null
}

/** Adds the stream's path to `app`. Messages from viewers are ignored. */
export function openStream(app: TemplatedApp, options: StreamOptions): void {
  let sockets = 0
  app.ws<SocketData>(options.path, {
    maxPayloadLength: 1024,
    idleTimeout: SILENT_MAX_S,
    sendPingsAutomatically: true,
    // The bound is kept by `send`; this one is never met.
    maxBackpressure: 2 * options.bufferedBytesMax + 1024 * 1024,
    upgrade(response, request, context) {
      try {
        upgrade(response, request, context)
      } catch (error) {
        options.onBug(`${options.path} upgrade`, error)
        response.close()
      }
    },
    open(socket) {
      sockets += 1
      if (sockets > VIEWERS_MAX) {
        socket.end(TRY_LATER, 'too many viewers')
        return
      }
      const viewer = viewerOf(socket, options.bufferedBytesMax)
      socket.getUserData().viewer = viewer
      try {
        options.onJoin(viewer)
      } catch (error) {
        options.onBug(`${options.path} open`, error)
        viewer.end()
      }
    },
    close(socket) {
      sockets -= 1
      const { viewer } = socket.getUserData()
      try {
        if (viewer !== null) options.onLeave(viewer)
      } catch (error) {
        options.onBug(`${options.path} close`, error)
      }
    },
  })
}

function upgrade(response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void {
  if (!hasOwnOrigin(request)) {
    response.writeStatus('403 Forbidden').endWithoutBody()
    return
  }
  const key = request.getHeader('sec-websocket-key')
  const protocol = request.getHeader('sec-websocket-protocol')
  const extensions = request.getHeader('sec-websocket-extensions')
  response.upgrade<SocketData>({ viewer: null }, key, protocol, extensions, context)
}

const TRY_LATER = 1013
const INTERNAL_ERROR = 1011

function viewerOf(socket: WebSocket<SocketData>, bufferedBytesMax: number): Viewer {
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
    end: () => socket.end(INTERNAL_ERROR, 'a bug in the console'),
  }
  return viewer
}
