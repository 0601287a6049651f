// The requests that a processor's callers send, read off a connection, and what each asks for.

import type { Charge } from '../../src/actors/model/ports.ts'

export interface ReadRequest {
  readonly method: string
  readonly path: string
  readonly body: string
  /** All of it, to be passed on. */
  readonly bytes: Buffer
}

/** Takes the requests of one connection out of its bytes; bodies have a length. */
export class RequestReader {
  #pending: Buffer = Buffer.alloc(0)

  read(chunk: Buffer): readonly ReadRequest[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const requests: ReadRequest[] = []
    for (let request = this.#next(); request !== undefined; request = this.#next()) {
      requests.push(request)
    }
    return requests
  }

  #next(): ReadRequest | undefined {
    const headEnd = this.#pending.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const head = this.#pending.toString('latin1', 0, headEnd)
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    const [from, to] = [headEnd + 4, headEnd + 4 + length]
    if (this.#pending.length < to) return undefined
    const bytes = this.#pending.subarray(0, to)
    this.#pending = this.#pending.subarray(to)
    const [method = '', path = ''] = head.split(' ', 2)
    return { method, path, body: bytes.toString('utf8', from, to), bytes }
  }
}

export type Call =
  | { readonly kind: 'charge'; readonly charge: Charge }
  | { readonly kind: 'lookUp'; readonly correlationId: string }
  | { readonly kind: 'probe' | 'other' }

/** What a request asks for by the processors' contract. */
export function callOf({ method, path, body }: ReadRequest): Call {
  if (method === 'POST' && path === '/payments') {
    const charge = chargeOf(body)
    return charge === undefined ? { kind: 'other' } : { kind: 'charge', charge }
  }
  if (method !== 'GET') return { kind: 'other' }
  if (path === '/payments/service-health') return { kind: 'probe' }
  const correlationId = /^\/payments\/([\da-f-]{36})(?:\?.*)?$/i.exec(path)?.[1]?.toLowerCase()
  return correlationId === undefined ? { kind: 'other' } : { kind: 'lookUp', correlationId }
}

function chargeOf(body: string): Charge | undefined {
  const { correlationId, amount, requestedAt } = JSON.parse(body) as Record<string, unknown>
  if (typeof correlationId !== 'string' || typeof amount !== 'number') return undefined
  return {
    correlationId,
    amountCents: Math.round(amount * 100),
    requestedAt: Date.parse(String(requestedAt)),
  }
}
