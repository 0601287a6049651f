// Live streams to viewers over WebSocket. A viewer that does not keep up loses messages; it never
// makes Pit hold more than a bounded number of bytes for it.

import type { HttpRequest, WebApp, WebSocket } from '../server/web-server.ts'
import type { Access } from './access.ts'
import type { OnBug } from './contained.ts'

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
  readonly access: Access
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

/** Adds the stream's path to `app`. Messages from viewers are ignored. */
export function openStream(app: WebApp, options: StreamOptions): void {
  const { path, bufferedBytesMax, onBug } = options
  const viewers = new Map<WebSocket, Viewer>()
  // Who still may see it connects again.
  options.access.whenEnded(() => {
    for (const socket of viewers.keys()) socket.end(SIGNED_OUT, 'a session has ended')
  })
  app.ws(path, {
    messageBytesMax: 1024,
    silentMaxS: SILENT_MAX_S,
    // The bound is kept by `send`; this one is never met.
    bufferedBytesMax: 2 * bufferedBytesMax + 1024 * 1024,
    admits: (request) => admits(request, options),
    open(socket) {
      if (viewers.size >= VIEWERS_MAX) {
        socket.end(TRY_LATER, 'too many viewers')
        return
      }
      const viewer = viewerOf(socket, bufferedBytesMax)
      viewers.set(socket, viewer)
      try {
        options.onJoin(viewer)
      } catch (error) {
        onBug(`${path} open`, error)
        viewer.end()
      }
    },
    close(socket) {
      const viewer = viewers.get(socket)
      if (viewer === undefined) return
      viewers.delete(socket)
      try {
        options.onLeave(viewer)
      } catch (error) {
        onBug(`${path} close`, error)
      }
    },
  })
}

function admits(request: HttpRequest, { path, access, onBug }: StreamOptions): boolean {
  try {
    return !access.isForeign(request) && 'by' in access.visit(request)
  } catch (error) {
    onBug(`${path} upgrade`, error)
    return false
  }
}

const TRY_LATER = 1013
const INTERNAL_ERROR = 1011
const SIGNED_OUT = 1008

function viewerOf(socket: WebSocket, bufferedBytesMax: number): Viewer {
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
