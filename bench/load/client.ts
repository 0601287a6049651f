// Requests at any time over as many keep-alive connections as are needed at once.

import { Connection } from './connection.ts'
import type { Answer, ConnectionOptions } from './connection.ts'
import { formatRequest } from './request.ts'
import type { HttpRequest } from './request.ts'

export interface ClientOptions extends ConnectionOptions {
  /** Sees every answer before the caller does; for tallies. */
  readonly observe?: (answer: Answer) => void
}

/** For the few calls around a load; a virtual user owns its `Connection` instead. */
export class HttpClient {
  readonly #options: ClientOptions
  /** Grows to the most requests ever under way at once: the callers bound it. */
  readonly #connections: Connection[] = []

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Never rejects: what went wrong stands in the answer. */
  request(request: HttpRequest): Promise<Answer> {
    const connection = this.#idleConnection()
    return new Promise((resolve) => {
      connection.send(formatRequest(this.#options.target, request), (answer) => {
        this.#options.observe?.(answer)
        resolve(answer)
      })
    })
  }

  /**
   * The same for what may arrive twice: it is sent once more when its connection ends, as an idle
   * one does in the moment in which it is used again.
   */
  async requestOrRepeat(request: HttpRequest): Promise<Answer> {
    const answer = await this.request(request)
    const isCutOff = answer.kind === 'failed' && answer.cause === 'reset'
    return isCutOff ? this.request(request) : answer
  }

  /** Ends all connections; requests under way fail with `closed`. */
  close(): void {
    for (const connection of this.#connections.splice(0)) connection.close()
  }

  #idleConnection(): Connection {
    const idle = this.#connections.find((connection) => !connection.busy)
    if (idle !== undefined) return idle
    const opened = new Connection(this.#options)
    this.#connections.push(opened)
    return opened
  }
}

/** The JSON body of a 200; undefined for anything else. */
export function readJson(answer: Answer): unknown {
  if (answer.kind !== 'answered' || answer.status !== 200) return undefined
  try {
    return JSON.parse(answer.body.toString('utf8')) as unknown
  } catch {
    // A body that is not JSON is no answer; the caller names the server.
    return undefined
  }
}

/** Short text of an answer for messages: `HTTP 401`, `refused (ECONNREFUSED)`. */
export function describeAnswer(answer: Answer): string {
  if (answer.kind === 'answered') return `HTTP ${answer.status}`
  return `${answer.cause} (${answer.detail})`
}
