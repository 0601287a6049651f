// One request on its way to its one answer, safe against clients that disconnect.

import type { HttpResponse } from '../server/web-server.ts'
import type { Reply } from './problem.ts'

/** An answer whose body is made while it is sent. */
export interface ReplyInPieces extends Omit<Reply, 'body'> {
  readonly pieces: AsyncIterable<string>
}

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
  /** Called when the client takes more, and when it has gone. */
  #goOn = (): void => undefined

  /** `method` in lower case, as uWebSockets gives it. */
  constructor(response: HttpResponse, method: string, connections: Connections) {
    this.#response = response
    this.#method = method
    this.#connections = connections
    response.onAborted(() => {
      this.#open = false
      this.#goOn()
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

  /**
   * Answers in pieces, none of which is asked for before the client has taken the one before it. What
   * `pieces` throws is thrown on, and cuts the answer off. To HEAD none is asked for.
   */
  async answerInPieces({ pieces, ...head }: ReplyInPieces): Promise<void> {
    if (this.#method === 'head' || !this.#open) return this.answer({ ...head, body: '' })
    const response = this.#response
    response.onWritable(() => {
      this.#goOn()
      return true
    })
    let isBegun = false
    try {
      for await (const piece of pieces) {
        if (!this.isOpen) return
        let isTaken = true
        response.cork(() => {
          if (!isBegun) this.#writeHead(head)
          isBegun = true
          isTaken = response.write(piece)
        })
        if (!isTaken) await new Promise<void>((resolve) => (this.#goOn = resolve))
      }
    } catch (error) {
      if (this.isOpen && isBegun) {
        this.#open = false
        response.close()
      }
      throw error
    }
    if (!isBegun) this.answer({ ...head, body: '' })
    else if (this.isOpen) {
      this.#open = false
      response.cork(() => response.end())
    }
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
      this.#writeHead(reply)
      if (location !== '') response.writeHeader('Location', location)
      // An answer to HEAD ends after its headers; a body would be taken for the next answer.
      if (this.#method === 'head') response.endWithoutBody()
      else if (reply.body === '') response.endWithoutBody(0, connection === 'close')
      else response.end(reply.body, connection === 'close')
    })
  }

  #writeHead({ status, headers }: Omit<Reply, 'body'>): void {
    this.#response.writeStatus(status)
    for (const [name, value] of headers) this.#response.writeHeader(name, value)
  }
}
