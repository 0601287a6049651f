// Node's own HTTP as the server under the edge, where uWebSockets.js has no binary: the same words
// and the same bounds, at 1.3 to 2.2 times the CPU under full load.

import assert from 'node:assert'
import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http'
import { Server as NetServer, Socket, type ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
import { refuse, webSocketsOf, type Asked, type Take } from './node-web-socket.ts'
import { createRouter, type Router } from './router.ts'
import { cannotListenOn, clearSocketFile, listeningOnSocket } from './socket-file.ts'
import {
  ListenFailed,
  type HttpRequest,
  type HttpResponse,
  type ListenAt,
  type Listening,
  type Route,
  type WebApp,
  type WebServer,
} from './web-server.ts'

/** How long a connection may be idle, and a request take to come in, ms. */
const IDLE_MAX_MS = 10_000

/** How often what is over its time is looked for, ms. */
const CHECK_MS = 1000

/** How long a client that is still sending may read its answer, ms. */
const LINGER_MS = 1000

export function createNodeServer(): WebServer {
  return { name: 'node:http', createApp }
}

function createApp(): WebApp {
  const routes = createRouter<Route>()
  const upgrades = createRouter<Take>()
  const closes: (() => void)[] = []
  const server = createServer({
    requestTimeout: IDLE_MAX_MS,
    headersTimeout: IDLE_MAX_MS,
    keepAliveTimeout: IDLE_MAX_MS,
    connectionsCheckingInterval: CHECK_MS,
  })
  server.on('request', (incoming, outgoing) => serve(routes, incoming, outgoing))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseRest(error.code, socket))
  server.setTimeout(IDLE_MAX_MS, closeIdle)
  return {
    get: (path, route) => routes.add('get', path, route),
    post: (path, route) => routes.add('post', path, route),
    put: (path, route) => routes.add('put', path, route),
    any: (path, route) => routes.add('any', path, route),
    ws(path, route) {
      const { take, close } = webSocketsOf(route)
      upgrades.add('get', path, take)
      closes.push(close)
      if (closes.length > 1) return
      server.on('upgrade', (incoming, socket, head) => {
        assert(socket instanceof Socket, 'requests come over TCP and unix sockets only')
        takeUpgrade({ routes, upgrades }, { incoming, socket, head })
      })
    },
    listen: (at) => listen(server, at),
    close() {
      stopListening(server)
      server.closeAllConnections()
      for (const close of closes) close()
    },
  }
}

function serve(routes: Router<Route>, incoming: IncomingMessage, outgoing: ServerResponse): void {
  // What came behind a request that ends its connection is not read, though it was parsed.
  if (closing.has(incoming.socket)) return
  lastAnswers.set(incoming.socket, outgoing)
  const response = new NodeResponse(incoming, outgoing)
  if (incoming.httpVersion !== '1.1') {
    response.writeStatus('505 HTTP Version Not Supported')
    response.endWithoutBody(0, true)
    return
  }
  const request = new NodeRequest(incoming)
  const found = routes.find(request.getMethod(), request.path)
  if (found === undefined) {
    response.close()
    return
  }
  request.parameters = found.parameters
  found.route(response, request)
}

/** Connections that end with the answer under way. */
const closing = new WeakSet<Socket>()

/** The answer to the last request of each connection; they leave in the order of the requests. */
const lastAnswers = new WeakMap<Duplex, ServerResponse>()

/** What came is no HTTP, or did not come in time. It is never answered in another's place. */
function refuseRest(code: string | undefined, socket: Duplex): void {
  const last = lastAnswers.get(socket)
  const isAwaited = last !== undefined && !last.writableFinished
  if (isAwaited && last.req.complete) {
    // What came before it was whole, and still gets its answer.
    socket.pause()
    last.once('close', () => socket.destroy())
    return
  }
  // The request that broke off is the one that is answered next, and was not yet.
  const isNext = !isAwaited || (last.socket !== null && !last.headersSent)
  if (isNext && socket.writable) {
    const status = STATUS_BY_CODE[code ?? ''] ?? '400 Bad Request'
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  }
  socket.destroy()
}

const STATUS_BY_CODE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Nothing came or went for a while: unless Pit owes an answer, the client does. */
function closeIdle(socket: Socket): void {
  const last = lastAnswers.get(socket)
  const isOwed = last !== undefined && !last.writableFinished && socket.writableLength === 0
  if (!isOwed) socket.destroy()
}

class NodeRequest implements HttpRequest {
  readonly #incoming: IncomingMessage
  readonly path: string
  readonly #query: string | undefined
  parameters: readonly string[] = []

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming
    const url = incoming.url ?? ''
    const mark = url.indexOf('?')
    this.path = mark === -1 ? url : url.slice(0, mark)
    this.#query = mark === -1 ? undefined : url.slice(mark + 1)
  }

  getMethod(): string {
    return (this.#incoming.method ?? '').toLowerCase()
  }

  getQuery(field?: string): string | undefined {
    if (field === undefined) return this.#query
    return new URLSearchParams(this.#query).get(field) ?? undefined
  }

  getHeader(name: string): string {
    const value = this.#incoming.headers[name]
    return typeof value === 'string' ? value : (value?.[0] ?? '')
  }

  getParameter(index: number): string {
    return this.parameters[index] ?? ''
  }

  forEach(take: (name: string, value: string) => void): void {
    const { rawHeaders } = this.#incoming
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      take(rawHeaders[at]?.toLowerCase() ?? '', rawHeaders[at + 1] ?? '')
    }
  }
}

class NodeResponse implements HttpResponse {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  #status = '200 OK'
  #headers: string[] = []
  #sentBytes = 0

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    // What they would say is told by `close`.
    incoming.on('error', () => undefined)
    outgoing.on('error', () => undefined)
  }

  onAborted(handler: () => void): void {
    this.#outgoing.once('close', () => {
      if (!this.#outgoing.writableEnded) handler()
    })
  }

  /** That a piece was the last one is known only at the end: the last one is always empty. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): void {
    this.#incoming.on('data', (chunk: Buffer) => handler(bytesOf(chunk), false))
    this.#incoming.once('end', () => handler(new ArrayBuffer(0), true))
  }

  onWritable(handler: () => boolean): void {
    this.#outgoing.on('drain', handler)
  }

  pause(): void {
    this.#incoming.pause()
  }

  resume(): void {
    this.#incoming.resume()
  }

  cork(write: () => void): void {
    write()
  }

  writeStatus(status: string): void {
    this.#status = status
  }

  writeHeader(name: string, value: string): void {
    this.#headers.push(name, value)
  }

  write(chunk: string): boolean {
    this.#writeHead()
    return this.#outgoing.write(chunk)
  }

  tryEnd(chunk: string, totalBytes: number): void {
    if (!this.#outgoing.headersSent) this.writeHeader('Content-Length', String(totalBytes))
    this.#sentBytes += Buffer.byteLength(chunk)
    this.write(chunk)
    if (this.#sentBytes >= totalBytes) this.#outgoing.end()
  }

  end(body: string | Buffer = '', closesConnection = false): void {
    if (!this.#outgoing.headersSent) {
      this.writeHeader('Content-Length', String(Buffer.byteLength(body)))
    }
    this.#writeHead(closesConnection)
    if (closesConnection && !this.#incoming.complete) this.#endLater(body)
    else this.#outgoing.end(body)
  }

  endWithoutBody(contentLength?: number, closesConnection = false): void {
    if (contentLength !== undefined) this.writeHeader('Content-Length', String(contentLength))
    this.#writeHead(closesConnection)
    this.#outgoing.end()
  }

  close(): void {
    closing.add(this.#incoming.socket)
    // What was written before still leaves.
    this.#incoming.socket.destroySoon()
  }

  /** The client is still sending: closed now, it would get a reset in the place of its answer. */
  #endLater(body: string | Buffer): void {
    if (body.length > 0) this.#outgoing.write(body)
    const end = (): void => {
      clearTimeout(timer)
      this.#outgoing.end()
    }
    const timer = setTimeout(end, LINGER_MS)
    this.#incoming.once('close', end).once('end', end).resume()
  }

  #writeHead(closesConnection = false): void {
    if (this.#outgoing.headersSent) return
    if (closesConnection) {
      closing.add(this.#incoming.socket)
      this.writeHeader('Connection', 'close')
    }
    const space = this.#status.indexOf(' ')
    const code = Number(this.#status.slice(0, space))
    this.#outgoing.writeHead(code, this.#status.slice(space + 1), this.#headers)
  }
}

function bytesOf(chunk: Buffer): ArrayBuffer {
  const copy = new ArrayBuffer(chunk.byteLength)
  new Uint8Array(copy).set(chunk)
  return copy
}

/**
 * Takes a request with `Upgrade`. One for anything but a WebSocket, such as the h2c that Java's
 * client asks for, is answered as if it had not asked, and its connection closed: node:http has
 * let go of it by now, and would read neither a body nor a further request.
 */
function takeUpgrade(app: { routes: Router<Route>; upgrades: Router<Take> }, asked: Asked): void {
  const { incoming, socket } = asked
  socket.on('error', () => socket.destroy())
  const request = new NodeRequest(incoming)
  const found = app.upgrades.find('get', request.path)
  if (found !== undefined && request.getHeader('upgrade').toLowerCase() === 'websocket') {
    found.route(asked, request)
  } else if (hasBody(incoming)) refuse(socket, '400 Bad Request')
  else {
    const outgoing = new ServerResponse(incoming)
    outgoing.shouldKeepAlive = false
    outgoing.assignSocket(socket)
    outgoing.once('finish', () => socket.destroySoon())
    serve(app.routes, incoming, outgoing)
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function listen(server: Server, at: ListenAt): Promise<Listening> {
  return 'socket' in at ? listenOnSocket(server, at.socket) : listenOnPort(server, at)
}

async function listenOnPort(
  server: Server,
  at: Exclude<ListenAt, { socket: string }>,
): Promise<Listening> {
  await listening(server, { ...at, exclusive: true }, `${at.host ?? '*'}:${at.port}`)
  const address = server.address()
  assert(address !== null && typeof address === 'object', 'a server that listens has a port')
  return { port: address.port, stop: () => stopListening(server) }
}

async function listenOnSocket(server: Server, path: string): Promise<Listening> {
  await clearSocketFile(path)
  await listening(server, { path }, path).catch((error: unknown) => {
    throw error instanceof ListenFailed ? cannotListenOn(path, error.cause) : error
  })
  return listeningOnSocket(path, () => stopListening(server))
}

function listening(server: Server, at: ListenOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(new ListenFailed(address, WHY[error.code ?? ''] ?? error.message, error))
    }
    server.once('error', onError)
    server.listen(at, () => {
      server.off('error', onError)
      resolve()
    })
  })
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'it may not be bound',
}

/** Not `close` of node:http, which ends idle connections too: their clients are to be told first. */
function stopListening(server: Server): void {
  if (server.listening) NetServer.prototype.close.call(server)
}
