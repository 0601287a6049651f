// uWebSockets.js as the server under the edge: routes go to it as they are.

import { cannotListenOn, clearSocketFile, listeningOnSocket } from './socket-file.ts'
import {
  ListenFailed,
  type ListenAt,
  type Listening,
  type HttpRequest,
  type Route,
  type WebServer,
  type WebSocket,
  type WebSocketRoute,
} from './web-server.ts'

interface ListenSocket {
  readonly brand: 'us_listen_socket'
}

type OnListening = (token: ListenSocket | false) => void

interface UpgradingResponse {
  writeStatus(status: string): UpgradingResponse
  endWithoutBody(contentLength: number): void
  upgrade(data: object, key: string, protocol: string, extensions: string, context: object): void
}

interface WebSocketBehavior {
  readonly maxPayloadLength: number
  readonly idleTimeout: number
  readonly sendPingsAutomatically: boolean
  readonly maxBackpressure: number
  readonly upgrade: (response: UpgradingResponse, request: HttpRequest, context: object) => void
  readonly open: (socket: WebSocket) => void
  readonly close: (socket: WebSocket) => void
}

interface TemplatedApp {
  get(path: string, route: Route): void
  post(path: string, route: Route): void
  put(path: string, route: Route): void
  any(path: string, route: Route): void
  ws(path: string, behavior: WebSocketBehavior): void
  listen(port: number, options: number, onListening: OnListening): void
  listen(host: string, port: number, options: number, onListening: OnListening): void
  listen_unix(onListening: OnListening, path: string): void
  close(): void
}

/** What Pit uses of uWebSockets.js. */
export interface UWS {
  App(): TemplatedApp
  us_listen_socket_close(token: ListenSocket): void
  us_socket_local_port(token: ListenSocket): number
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number
}

export function createUwsServer(uWS: UWS): WebServer {
  return {
    name: 'uWebSockets.js',
    createApp() {
      const app = uWS.App()
      return {
        get: (path, route) => app.get(path, route),
        post: (path, route) => app.post(path, route),
        put: (path, route) => app.put(path, route),
        any: (path, route) => app.any(path, route),
        ws: (path, route) => app.ws(path, behaviorOf(route)),
        listen: (at) => ('socket' in at ? onSocket(uWS, app, at.socket) : onPort(uWS, app, at)),
        close: () => app.close(),
      }
    },
  }
}

function behaviorOf(route: WebSocketRoute): WebSocketBehavior {
  return {
    maxPayloadLength: route.messageBytesMax,
    idleTimeout: route.silentMaxS,
    sendPingsAutomatically: true,
    maxBackpressure: route.bufferedBytesMax,
    upgrade(response, request, context) {
      if (!route.admits(request)) {
        response.writeStatus('403 Forbidden').endWithoutBody(0)
        return
      }
      const key = request.getHeader('sec-websocket-key')
      const protocol = request.getHeader('sec-websocket-protocol')
      const extensions = request.getHeader('sec-websocket-extensions')
      response.upgrade({}, key, protocol, extensions, context)
    },
    open: route.open,
    close: route.close,
  }
}

type AtPort = Exclude<ListenAt, { socket: string }>

function onPort(uWS: UWS, app: TemplatedApp, at: AtPort): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const onListening = (token: ListenSocket | false): void => {
      if (token === false) {
        const address = `${at.host ?? '*'}:${at.port}`
        reject(new ListenFailed(address, 'the port is taken or may not be bound'))
        return
      }
      let isStopped = false
      const stop = (): void => {
        if (!isStopped) uWS.us_listen_socket_close(token)
        isStopped = true
      }
      resolve({ port: uWS.us_socket_local_port(token), stop })
    }
    // Without the exclusive flag two processes would share the port and its connections.
    const exclusive = uWS.LIBUS_LISTEN_EXCLUSIVE_PORT
    if (at.host === undefined) app.listen(at.port, exclusive, onListening)
    else app.listen(at.host, at.port, exclusive, onListening)
  })
}

/** uWebSockets.js would silently take over a socket that another process listens on. */
async function onSocket(uWS: UWS, app: TemplatedApp, path: string): Promise<Listening> {
  await clearSocketFile(path)
  return new Promise((resolve, reject) => {
    app.listen_unix((token: ListenSocket | false) => {
      if (token === false) reject(cannotListenOn(path))
      else resolve(listeningOnSocket(path, () => uWS.us_listen_socket_close(token)))
    }, path)
  })
}
