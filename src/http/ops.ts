// The operators' port: whether the process lives and whether it wants traffic. Not for clients.

import uWS from 'uWebSockets.js'
import { Exchange } from './exchange.ts'
import { listen } from './listen.ts'
import { json, methodNotAllowed, NOT_FOUND, problem } from './problem.ts'
import type { Reply } from './problem.ts'

export interface OpsOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** False while starting and, first thing, when draining. */
  readonly isReady: () => boolean
}

export interface OpsServer {
  readonly port: number
  /** Stops listening and cuts every connection. */
  close(): void
}

/**
 * Serves `/healthz` (200 as long as the process turns its loop) and `/readyz` (200 or 503), each
 * to GET and HEAD. Rejects with `ListenFailed`.
 */
export async function startOps(options: OpsOptions): Promise<OpsServer> {
  const app = uWS.App()
  const connections = { draining: false }

  const serve = (path: string, reply: () => Reply): void => {
    app.any(path, (response, request) => {
      const method = request.getMethod()
      const isRead = method === 'get' || method === 'head'
      new Exchange(response, method, connections).answer(isRead ? reply() : READ_ONLY)
    })
  }
  serve('/healthz', () => ALIVE)
  serve('/readyz', () => (options.isReady() ? READY : NOT_READY))
  app.any('/*', (response, request) => {
    new Exchange(response, request.getMethod(), connections).answer(NOT_FOUND)
  })

  const listening = await listen(app, { host: options.host, port: options.port })
  return {
    port: listening.port,
    close: () => {
      listening.stop()
      app.close()
    },
  }
}

const ALIVE = json('{"alive":true}')
const READY = json('{"ready":true}')
const NOT_READY = problem({ status: 503, detail: 'This instance is starting or draining.' })
const READ_ONLY = methodNotAllowed(['GET', 'HEAD'])
