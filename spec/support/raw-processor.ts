// A processor on a bare socket, which can do on the wire what no HTTP server would.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

/** A request that has arrived whole. */
export interface RawRequest {
  readonly method: string
  readonly path: string
  /** Its first line and its headers. */
  readonly head: string
  readonly body: string
  /** The connection it came on, counted from 0. */
  readonly connection: number
}

/** Decides what becomes of a request; nothing is answered unless it writes. */
export type Respond = (socket: Socket, request: RawRequest) => void

export interface RawProcessor {
  readonly url: string
  /** Every request that arrived whole, in order. */
  readonly requests: readonly RawRequest[]
  /** Open connections. */
  readonly sockets: ReadonlySet<Socket>
  /** May be changed at any time. */
  respond: Respond
  /** Resolves with the next request that arrives whole. */
  nextRequest(): Promise<RawRequest>
  close(): Promise<void>
}

export async function startRawProcessor(t: Test, respond: Respond): Promise<RawProcessor> {
  const requests: RawRequest[] = []
  const sockets = new Set<Socket>()
  const waiting: ((request: RawRequest) => void)[] = []
  let connections = 0
  const server = createServer((socket) => {
    const connection = connections
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Resets are what it is made for.
    socket.on('error', () => undefined)
    readRequests(socket, (read) => {
      const request = { ...read, connection }
      requests.push(request)
      for (const resolve of waiting.splice(0)) resolve(request)
      processor.respond(socket, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const processor: RawProcessor = {
    url: `http://127.0.0.1:${port}`,
    requests,
    sockets,
    respond,
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
  t.teardown(() => processor.close())
  return processor
}

/** One that tells of each request how its connection ended: in order, or by the code of its error. */
export async function startTellingProcessor(t: Test, respond: Respond = silent) {
  const ends: Promise<string>[] = []
  const codeOf = (error: unknown): string => String(Object(error)['code'])
  const processor = await startRawProcessor(t, (socket, request) => {
    const ended = once(socket, 'end').then(() => 'closed in order')
    const failed = once(socket, 'error').then(([error]) => codeOf(error))
    ends.push(Promise.race([ended, failed]).catch(codeOf))
    respond(socket, request)
  })
  return { processor, ends }
}

/** A whole answer, honest about its length. */
export function answer(status: number, body = '{"message":"ok"}', headers = ''): Respond {
  const head = `HTTP/1.1 ${status} x\r\ncontent-type: application/json\r\n${headers}`
  return (socket) => {
    socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
}

/** These bytes, and then whatever `then` does to the connection. */
export function raw(bytes: string, then: 'stays' | 'ends' | 'resets' = 'stays'): Respond {
  return (socket) => {
    socket.write(bytes, () => {
      if (then === 'ends') socket.end()
      if (then === 'resets') socket.resetAndDestroy()
    })
  }
}

/** One byte of a never-ending body at a time, every `everyMs`. */
export function drip(everyMs: number): Respond {
  return (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{')
    const timer = setInterval(() => socket.write(' '), everyMs)
    socket.on('close', () => clearInterval(timer))
  }
}

export const reset: Respond = (socket) => void socket.resetAndDestroy()
export const hangUp: Respond = (socket) => void socket.end()
export const silent: Respond = () => undefined

function readRequests(socket: Socket, onRequest: (read: Omit<RawRequest, 'connection'>) => void) {
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const head = received.slice(0, headEnd)
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
      const end = headEnd + 4 + length
      if (received.length < end) return
      const [method = '', path = ''] = head.split(' ')
      const body = received.slice(headEnd + 4, end)
      received = received.slice(end)
      onRequest({ method, path, head, body })
    }
  })
}
