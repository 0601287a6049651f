// Drawn replies as bytes on a socket: any status and headers, and bodies that are whole, cut, endless
// or too long, in each of the ways in which HTTP/1.1 tells where a body ends.

import type { Socket } from 'node:net'
import type { Chance } from '../simulation/chance.ts'
import { type Body, endOf, type Reply } from '../simulation/worlds/http-ends.ts'
import { reset } from './relay.ts'

/** How the end of a body is told; `close`: by the end of the connection. */
export interface ReplyHeaders {
  readonly framing: 'length' | 'chunked' | 'close'
  /** Whole lines besides. */
  readonly lines: readonly string[]
}

/** What servers and proxies are known to send along, some of it untrue. */
const LINES: readonly (readonly string[])[] = [
  [],
  ['Content-Type: application/json; charset=utf-8'],
  ['Content-Type: text/html', 'Server: nginx'],
  ['Content-Type: application/problem+json', 'Retry-After: 120'],
  ['Location: https://login.example/?next=%2Fpayments', 'Set-Cookie: session=1; HttpOnly'],
  ['WWW-Authenticate: Basic realm="proxy"', 'Proxy-Authenticate: Basic'],
  ['Content-Encoding: gzip', 'Vary: *'],
  ['Connection: close', 'Cache-Control: no-store'],
  ['Age: 59', 'X-Cache: HIT'],
  ['X-Empty:', 'x-empty:  ', `Via: 1.1 ${'proxy, 1.1 '.repeat(40)}last`],
  [`X-Long: ${'x'.repeat(7000)}`],
  [`X-Longer: ${'x'.repeat(20_000)}`],
]

export function drawHeaders(chance: Chance): ReplyHeaders {
  const framing = chance.pick(['length', 'length', 'chunked', 'close'] as const)
  return { framing, lines: chance.happens(0.5) ? [] : chance.pick(LINES) }
}

export function describeHeaders({ framing, lines }: ReplyHeaders): string {
  const names = lines.map((line) => line.slice(0, line.indexOf(':')))
  return [`ends by ${framing}`, ...names].join(', ')
}

export interface WrittenReply {
  readonly reply: Reply
  readonly headers: ReplyHeaders
  /** What the contract has here. */
  readonly contractText: string
}

/** Far more than any client of a processor should read, bytes. */
const HUGE = Buffer.alloc(256 * 1024, ' ')
const DRIP_EVERY_MS = 200

/** Begins to answer at once. A connection whose caller is gone is left alone. */
export function writeReply(socket: Socket, { reply, headers, contractText }: WrittenReply): void {
  if (socket.destroyed || !socket.writable) return
  switch (reply.kind) {
    case 'silence':
      return
    case 'reset':
      return reset(socket)
    case 'unreachable':
      throw new Error('chaos: whoever has a connection was reached')
    case 'answer':
      return answer(socket, { status: reply.status, body: reply.body, headers, contractText })
  }
}

interface Answer {
  readonly status: number
  readonly body: Body
  readonly headers: ReplyHeaders
  readonly contractText: string
}

function answer(socket: Socket, { status, body, headers, contractText }: Answer): void {
  const head = (...framing: readonly string[]): string =>
    [`HTTP/1.1 ${status} Drawn`, ...headers.lines, ...framing, '', ''].join('\r\n')
  if (body === 'huge') {
    socket.write(head(`Content-Length: ${HUGE.length}`))
    socket.write(HUGE)
    return
  }
  if (body === 'dripping') {
    socket.write(head('Content-Length: 1000000'))
    return drip(socket)
  }
  const end = endOf(
    { kind: 'answer', status, body: body === 'cut' ? 'contract' : body },
    contractText,
  )
  const text = end?.kind === 'answered' ? end.text : ''
  // Half of nothing is nothing.
  const isCut = body === 'cut' && text !== ''
  const sent = isCut ? text.slice(0, Math.ceil(text.length / 2)) : text
  switch (headers.framing) {
    case 'length':
      socket.write(head(`Content-Length: ${Buffer.byteLength(text)}`) + sent)
      break
    case 'chunked': {
      const chunk = sent === '' ? '' : `${Buffer.byteLength(sent).toString(16)}\r\n${sent}\r\n`
      socket.write(`${head('Transfer-Encoding: chunked')}${chunk}${isCut ? '' : '0\r\n\r\n'}`)
      break
    }
    case 'close':
      socket.write(head('Connection: close') + sent)
  }
  if (isCut || headers.framing === 'close') socket.end()
}

function drip(socket: Socket): void {
  const timer = setInterval(() => {
    if (socket.destroyed || !socket.writable) clearInterval(timer)
    else socket.write(' ')
  }, DRIP_EVERY_MS)
  socket.once('close', () => clearInterval(timer))
}
