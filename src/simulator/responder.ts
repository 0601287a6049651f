// One request and the ways to answer it, right and wrong. After the client has hung up, or an
// answer was begun, further answers do nothing: uWebSockets.js gives the response object away then.

import { STATUS_CODES } from 'node:http'
import type { HttpResponse } from 'uWebSockets.js'
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

  /** Must be made before the route's function returns, for the sake of `onAborted`. */
  constructor(res: HttpResponse) {
    this.#res = res
    res.onAborted(() => {
      const wasOpen = this.#open
      this.#open = false
      if (wasOpen) this.#onGone()
    })
  }

  /** What to do when the client hangs up before it was answered; replaces what was set before. */
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

  /** For a body that is too long: the rest of it must not be read as the next request. */
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
    // Not inside of the cork: closing would throw away what is still corked.
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

  /** Streams chunks as lines of JSON, giving way to other requests after each one. */
  streamLines(chunks: Iterator<string, void>): void {
    const next = () => {
      if (!this.#open) return
      const step = chunks.next()
      if (step.done) {
        this.#open = false
        this.#res.cork(() => this.#res.end())
        return
      }
      let hasRoom = false
      this.#res.cork(() => {
        hasRoom = this.#res.write(step.value)
      })
      if (hasRoom) setImmediate(next)
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
