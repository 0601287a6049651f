// One request: reading its body, and the ways to answer it, right and wrong. After the client has
// hung up, or an answer was begun, further answers do nothing: uWebSockets.js then takes the
// response back.

import { STATUS_CODES } from 'node:http'
import type { HttpResponse } from '../server/web-server.ts'
import type { Clock } from './clock.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

export interface Answer {
  readonly status: number
  readonly body?: string | Buffer
  readonly contentType?: string
  /** Seconds, for `Retry-After`. */
  readonly retryAfter?: number
}

export class Responder {
  readonly #res: HttpResponse
  #open = true
  #onGone: () => void = () => {}

  /** Must be made before the route's function returns: `onAborted` is registered here. */
  constructor(res: HttpResponse) {
    this.#res = res
    res.onAborted(() => {
      const wasOpen = this.#open
      this.#open = false
      if (wasOpen) this.#onGone()
    })
  }

  /** Called when the client hangs up before it was answered; replaces an earlier callback. */
  onGone(callback: () => void): void {
    this.#onGone = callback
  }

  answer(answer: Answer): void {
    if (!this.#open) return
    this.#open = false
    this.#res.cork(() => {
      this.#writeHead(answer)
      if (answer.body === undefined) this.#res.end()
      else this.#res.end(answer.body)
    })
  }

  /** Answers a body that is too long, whose rest must not be read as the next request. */
  refuseAndClose(answer: Answer): void {
    if (!this.#open) return
    this.#open = false
    this.#res.cork(() => {
      this.#writeHead(answer)
      this.#res.end('', true)
    })
  }

  /**
   * Closes the connection without a byte of an answer. uWebSockets.js cannot send a TCP reset here:
   * the client sees the connection end (undici: `UND_ERR_SOCKET`, node:http: `ECONNRESET`).
   */
  drop(): void {
    if (!this.#open) return
    this.#open = false
    this.#res.close()
  }

  /** Sends the first half of the body under the `Content-Length` of the whole, then closes. */
  cut(body: string): void {
    if (!this.#open) return
    this.#open = false
    this.#res.cork(() => {
      this.#writeHead({ status: 200 })
      this.#res.tryEnd(body.slice(0, body.length / 2), body.length)
    })
    // Not inside the cork: closing would discard what is still corked.
    this.#res.close()
  }

  /** Sends the ASCII body byte by byte; the first one at once, the others `intervalMs` apart. */
  drip(body: string, { clock, intervalMs }: { clock: Clock; intervalMs: number }): void {
    let sent = 0
    const next = () => {
      if (!this.#open) return
      this.#res.cork(() => {
        if (sent === 0) this.#writeHead({ status: 200 })
        this.#res.tryEnd(body.charAt(sent), body.length)
      })
      sent += 1
      if (sent === body.length) this.#open = false
      else clock.setTimeout(next, intervalMs)
    }
    next()
  }

  /** Streams chunks as lines of JSON; other requests get their turn after each chunk. */
  streamLines(chunks: Iterator<string, void>): void {
    const next = () => {
      if (!this.#open) return
      const step = chunks.next()
      if (step.done) {
        this.#open = false
        this.#res.cork(() => this.#res.end())
        return
      }
      let hasCapacity = false
      this.#res.cork(() => {
        hasCapacity = this.#res.write(step.value)
      })
      if (hasCapacity) setImmediate(next)
    }
    this.#res.onWritable(() => {
      setImmediate(next)
      return true
    })
    this.#res.cork(() => this.#writeHead({ status: 200, contentType: 'application/x-ndjson' }))
    next()
  }

  #writeHead({ status, contentType = JSON_TYPE, retryAfter }: Answer): void {
    if (status !== 200) this.#res.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Unknown'}`)
    this.#res.writeHeader('Content-Type', contentType)
    if (retryAfter !== undefined) this.#res.writeHeader('Retry-After', String(retryAfter))
  }
}

/** Bytes of a request body that are read; a charge has some 130, faults a few thousand. */
const BODY_BYTES_MAX = 16_384

/**
 * Calls `take` once with the whole body as text, in the same turn as its last piece arrives. A
 * larger body is answered 413 and its connection closed, without a call. Must be called before the
 * route's function returns.
 */
export function readBody(
  res: HttpResponse,
  responder: Responder,
  take: (text: string) => void,
): void {
  let pieces: Buffer | undefined
  let refused = false
  res.onData((chunk, isLast) => {
    if (refused) return
    if ((pieces?.length ?? 0) + chunk.byteLength > BODY_BYTES_MAX) {
      refused = true
      responder.refuseAndClose({ status: 413 })
      return
    }
    const piece = Buffer.from(chunk)
    if (isLast) {
      take((pieces ? Buffer.concat([pieces, piece]) : piece).toString())
      return
    }
    // The chunk's memory belongs to uWebSockets.js and is reused when this returns, so it is
    // copied.
    pieces = pieces ? Buffer.concat([pieces, piece]) : Buffer.concat([piece])
  })
}

/** The value of a JSON text, `undefined` (which JSON cannot say) when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** A field of a JSON object, `undefined` of anything else. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}
