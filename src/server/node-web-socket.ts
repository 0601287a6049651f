// WebSockets of Node's own server, by the package `ws`.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocketServer, type WebSocket as WsSocket } from 'ws'
import type { HttpRequest, WebSocket, WebSocketRoute } from './web-server.ts'

/** A request for a WebSocket with the connection that it came on. */
export interface Asked {
  readonly incoming: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
}

export type Take = (asked: Asked, request: HttpRequest) => void

/** What takes the requests for WebSockets of one path. */
export function webSocketsOf(route: WebSocketRoute): { take: Take; close: () => void } {
  const { messageBytesMax: maxPayload } = route
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload })
  return {
    take({ incoming, socket, head }, request) {
      if (!route.admits(request)) refuse(socket, '403 Forbidden')
      else server.handleUpgrade(incoming, socket, head, (opened) => open(opened, route))
    },
    close() {
      for (const opened of server.clients) opened.terminate()
    },
  }
}

function open(opened: WsSocket, route: WebSocketRoute): void {
  const socket: WebSocket = {
    send(text) {
      if (opened.bufferedAmount > route.bufferedBytesMax) opened.terminate()
      else opened.send(text)
    },
    getBufferedAmount: () => opened.bufferedAmount,
    cork: (send) => send(),
    end: (code, reason) => opened.close(code, reason),
  }
  let isAlive = true
  const timer = setInterval(() => {
    if (!isAlive) return opened.terminate()
    isAlive = false
    opened.ping()
  }, route.silentMaxS * 500)
  timer.unref()
  opened.on('pong', () => {
    isAlive = true
  })
  // What it would say is told by `close`.
  opened.on('error', () => undefined)
  opened.once('close', () => {
    clearInterval(timer)
    route.close(socket)
  })
  route.open(socket)
}

export function refuse(socket: Socket, status: string): void {
  socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  // A client that keeps its own end open would hold the connection for ever.
  socket.destroySoon()
}
