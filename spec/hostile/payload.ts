// What one hostile client sends: bytes on a connection, and what may come of them.

import type { Chance } from '../simulation/chance.ts'

export interface Payment {
  readonly id: string
  readonly cents: number
}

export interface Payload {
  readonly bytes: Buffer
  /** Requests in the bytes, counted as a client would. */
  readonly requests: number
  /** Answers that are waited for, unless the connection is closed. */
  readonly answers: number
  /**
   * `read`: waits for the answers, and the connection may be used again; `end`: says that nothing
   * more will come; `vanish`: is gone as soon as the bytes are.
   */
  readonly finish: 'read' | 'end' | 'vanish'
  /** `head`: answers have no bodies. */
  readonly asks: 'bodies' | 'head'
  /** Payments that may exist after this, each with the number of its request. */
  readonly payments: readonly (Payment & { readonly at: number })[]
  /** Statuses that are right for this payload, if fewer than for its kind. */
  readonly statuses?: readonly number[]
}

/** What payloads are drawn from: chance, and payments that were accepted before. */
export interface Draw {
  readonly chance: Chance
  /** One of the accepted payments; undefined while there are none. */
  known(): Payment | undefined
}

/** A payload of one request whose answer is read. */
export function single(bytes: string | Buffer, more: Partial<Payload> = {}): Payload {
  return {
    bytes: Buffer.from(bytes),
    requests: 1,
    answers: 1,
    finish: 'read',
    asks: 'bodies',
    payments: [],
    ...more,
  }
}

/** A request with a body and a right length. */
export function post(body: string | Buffer, headers: readonly string[] = JSON_TYPE): Buffer {
  const bytes = Buffer.from(body)
  const lines = ['POST /payments HTTP/1.1', HOST, ...headers, `Content-Length: ${bytes.length}`]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes])
}

export function get(path: string, method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\n${HOST}\r\n\r\n`
}

export function chunked(body: string, sizes: () => number): string {
  const chunks: string[] = []
  for (let at = 0; at < body.length;) {
    const chunk = body.slice(at, at + sizes())
    chunks.push(`${chunk.length.toString(16)}\r\n${chunk}\r\n`)
    at += chunk.length
  }
  const head = ['POST /payments HTTP/1.1', HOST, ...JSON_TYPE, 'Transfer-Encoding: chunked']
  return `${head.join('\r\n')}\r\n\r\n${chunks.join('')}0\r\n\r\n`
}

export const HOST = 'Host: pit'
export const JSON_TYPE: readonly string[] = ['Content-Type: application/json']

const CENTS_MAX = 50_000

export function drawPayment({ chance }: Pick<Draw, 'chance'>): Payment {
  return { id: drawId(chance), cents: 1 + chance.below(CENTS_MAX) }
}

/** As common clients write it. */
export function plain({ id, cents }: Payment): string {
  return JSON.stringify({ correlationId: id, amount: cents / 100 })
}

/** A UUID of version 4. */
export function drawId(chance: Chance): string {
  const hex = (): string =>
    chance
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const [a, b, c, d] = [hex(), hex(), hex(), hex()]
  const [time, version] = [b.slice(0, 4), `4${b.slice(5)}`]
  return `${a}-${time}-${version}-a${c.slice(1, 4)}-${c.slice(4)}${d}`
}
