// One request on its way to its one answer, safe against clients that disconnect.

import type { HttpResponse } from '../server/web-server.ts'
import type { Reply } from './problem.ts'

/** What all responders of one server share. */
export interface Connections {
  /** Set by the server when it stops: each further answer closes its connection. */
  draining: boolean
}

/**
 * Owns a uWebSockets response, which is freed natively once it was answered or its client has
 * gone: touching it later throws. So it must be made first thing in a route, before anything
 * that could wait, and nothing else may keep the response.
 */
export class Responder {
  readonly #response: HttpResponse
  readonly #connections: Connections
  readonly #method: string
  #open = true
  #isPaused = false

  /** `method` in lower case, as uWebSockets gives it. */
  constructor(response: HttpResponse, method: string, connections: Connections) {
    this.#response = response
    this.#method = method
    this.#connections = connections
    response.onAborted(() => {
      this.#open = false
    })
  }

  /** False once it was answered or its client has gone. */
  get isOpen(): boolean {
    return this.#open
  }

  /** Reads nothing more from the connection until the answer. */
  pauseReading(): void {
    this.#isPaused = true
    this.#response.pause()
  }

  /** Answers; does nothing when the client has gone. `location`: of what the answer is about. */
  answer(reply: Reply, location = ''): void {
    this.#write(reply, this.#connections.draining ? 'close' : 'keep', location)
  }

  /** Answers and closes the connection: for a request that was not read to its end. */
  answerAndClose(reply: Reply): void {
    this.#write(reply, 'close')
  }

  #write(reply: Reply, connection: 'keep' | 'close', location = ''): void {
    if (!this.#open) return
    this.#open = false
    const response = this.#response
    response.cork(() => {
      if (this.#isPaused) response.resume()
      response.writeStatus(reply.status)
      for (const [name, value] of reply.headers) response.writeHeader(name, value)
      if (location !== '') response.writeHeader('Location', location)
      // An answer to HEAD ends after its headers; a body would be taken for the next answer.
      if (this.#method === 'head') response.endWithoutBody()
      else if (reply.body === '') response.endWithoutBody(0, connection === 'close')
      else response.end(reply.body, connection === 'close')
    })
  }
}
