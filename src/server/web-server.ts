// The port between the edge and the server under it, in the words of uWebSockets.js, so that it costs
// nothing there.

/** A request's first line and headers; to be read before its route returns. */
export interface HttpRequest {
  /** In lower case. */
  getMethod(): string
  /** What stands behind `?`, as it was sent; undefined or '' when there is nothing. */
  getQuery(): string | undefined
  /** The value of one of its fields; undefined when there is none. */
  getQuery(field: string): string | undefined
  /** Empty when there is no such header; `name` is in lower case. */
  getHeader(name: string): string
  /** What stood in the place of the path's nth `:name`; only of a path that has so many. */
  getParameter(index: number): string
  /** Each header as it was sent, repeated ones too; names are in lower case. */
  forEach(take: (name: string, value: string) => void): void
}

/** A response; nothing may be called after it was ended or closed, or after `onAborted`. */
export interface HttpResponse {
  /** Must be called before the route returns. The client has gone, or sent what is no HTTP. */
  onAborted(handler: () => void): void
  /** The body in pieces, which are only lent: gone after the call. At least one, the last, comes. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): void
  /** More can be written; the handler returns true. */
  onWritable(handler: () => boolean): void
  /** Reads nothing more from the connection until `resume`. */
  pause(): void
  resume(): void
  /** What is written in the call leaves as one piece. */
  cork(write: () => void): void
  /** Such as `202 Accepted`; `200 OK` when not called. Comes before headers and body. */
  writeStatus(status: string): void
  writeHeader(name: string, value: string): void
  /** A piece of a chunked body; false when the client does not keep up. */
  write(chunk: string): boolean
  /** A piece of a body of `totalBytes`, the last one of which ends it. */
  tryEnd(chunk: string, totalBytes: number): void
  /** That a boolean says whether the connection closes is uWebSockets.js' own interface. */
  end(body?: string | Buffer, closesConnection?: boolean): void
  /** Headers only; `contentLength` is left out for an answer to HEAD. */
  endWithoutBody(contentLength?: number, closesConnection?: boolean): void
  /** Closes the connection, without an answer where none was begun. */
  close(): void
}

export type Route = (response: HttpResponse, request: HttpRequest) => void

/** Usable from `open` until `close`. */
export interface WebSocket {
  send(text: string): void
  /** Bytes that wait for the client. */
  getBufferedAmount(): number
  /** Several messages sent in the call cost little more than one. */
  cork(send: () => void): void
  end(code: number, reason: string): void
}

export interface WebSocketRoute {
  /** Longest message taken, bytes; a longer one ends the connection. */
  readonly messageBytesMax: number
  /** A client that answers no ping for this long is cut off, s. */
  readonly silentMaxS: number
  /** Bytes that may wait for a client at the very most. */
  readonly bufferedBytesMax: number
  /** Whether a client may come in; else it is answered 403. */
  readonly admits: (request: HttpRequest) => boolean
  readonly open: (socket: WebSocket) => void
  /** Gets each socket that was opened, once. */
  readonly close: (socket: WebSocket) => void
}

/**
 * One server: routes are added, then it listens. A path's segment may be `:name`, its last one `*`
 * for any rest. A route of the request's method goes before one of `any`, a plain segment before
 * `:name`, and that before `*`.
 *
 * Either server by itself: closes a connection that is idle, or whose request stalls, after about
 * 10 s; bounds the headers; answers what is not HTTP/1.1 with 400 or 505 and closes the connection.
 */
export interface WebApp {
  get(path: string, route: Route): void
  post(path: string, route: Route): void
  put(path: string, route: Route): void
  any(path: string, route: Route): void
  ws(path: string, route: WebSocketRoute): void
  /** Binds and listens; rejects with `ListenFailed`. */
  listen(at: ListenAt): Promise<Listening>
  /** Stops listening and closes every connection at once. */
  close(): void
}

export interface WebServer {
  readonly name: 'uWebSockets.js' | 'node:http'
  /** Why it is not the one that was wished for. */
  readonly insteadOf?: string
  createApp(): WebApp
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

  /** Why it failed, as the end of a sentence, without the address. */
  readonly reason: string

  constructor(address: string, reason: string, cause?: unknown) {
    super(`http: cannot listen on ${address}: ${reason}`, { cause })
    this.reason = reason
  }
}
