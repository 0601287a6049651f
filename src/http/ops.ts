// The operators' port: whether the process is alive and takes payments, its metrics, and the
// description of the API. Not for clients.

import type { HttpRequest, WebApp, WebServer } from '../server/web-server.ts'
import { renderDocs } from './openapi/docs-page.ts'
import { Responder } from './responder.ts'
import { describeApi } from './openapi/openapi.ts'
import { json, methodNotAllowed, NOT_FOUND, problem } from './problem.ts'
import type { Reply } from './problem.ts'

export interface OpsOptions {
  readonly webServer: WebServer
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Whether a request may be answered, by its headers; else it gets 403. Absent: any may. */
  readonly admits?: (request: Pick<HttpRequest, 'getHeader'>) => boolean
  /**
   * Why payments are not taken now, as a sentence; undefined when they are. A reason while starting,
   * first thing when draining, and while nothing can be committed.
   */
  readonly whyNotReady: () => string | undefined
  /** What an operator ought to know while payments are taken, as a sentence; undefined: nothing. */
  readonly remark?: () => string | undefined
  /** All metrics, in a format that `accept` allows; must not reject. */
  readonly metrics: (
    accept: string,
  ) => Promise<{ readonly contentType: string; readonly body: string }>
  /** Pit's version, for the description of the API. */
  readonly version: string
  /** Adds further routes, before the one that answers 404 to everything else. */
  readonly extend?: (app: WebApp) => void
}

export interface OpsServer {
  readonly port: number
  /** Stops listening and closes every connection at once. */
  close(): void
}

/**
 * Serves `/healthz` (200 as long as the event loop runs; asks nothing else), `/readyz` (200 or
 * 503), `/metrics`, `/openapi.json` and `/docs`, each to GET and HEAD. Rejects with `ListenFailed`.
 */
export async function startOps(options: OpsOptions): Promise<OpsServer> {
  const app = options.webServer.createApp()
  addRoutes(app, options)
  options.extend?.(app)
  app.any('/*', (response, request) => {
    new Responder(response, request.getMethod(), CONNECTIONS).answer(NOT_FOUND)
  })

  const listening = await app.listen({ host: options.host, port: options.port })
  return {
    port: listening.port,
    close: () => {
      listening.stop()
      app.close()
    },
  }
}

function addRoutes(app: WebApp, options: OpsOptions): void {
  const api = describeApi(options.version)
  const apiReply = json(JSON.stringify(api))
  const docsReply = html(renderDocs(api))
  const { admits = () => true } = options
  const serve = (path: string, read: Read): void => addRoute(app, path, { read, admits })
  serve('/healthz', (answer) => answer(ALIVE))
  serve('/readyz', (answer) => {
    const reason = options.whyNotReady()
    if (reason !== undefined) return answer(problem({ status: 503, detail: reason }))
    const remark = options.remark?.()
    answer(remark === undefined ? READY : json(JSON.stringify({ ready: true, remark })))
  })
  serve('/openapi.json', (answer) => answer(apiReply))
  serve('/docs', (answer) => answer(docsReply))
  serve('/metrics', (answer, accept) => {
    void options.metrics(accept).then(({ contentType, body }) => {
      answer({ status: '200 OK', headers: [['Content-Type', contentType]], body })
    })
  })
}

type Read = (answer: (reply: Reply) => void, accept: string) => void

function addRoute(
  app: WebApp,
  path: string,
  { read, admits }: { readonly read: Read } & Required<Pick<OpsOptions, 'admits'>>,
): void {
  app.any(path, (response, request) => {
    const method = request.getMethod()
    const accept = request.getHeader('accept')
    const isAdmitted = admits(request)
    const responder = new Responder(response, method, CONNECTIONS)
    if (!isAdmitted) responder.answer(FOREIGN)
    else if (method === 'get' || method === 'head') read((reply) => responder.answer(reply), accept)
    else responder.answer(READ_ONLY)
  })
}

/** This port never drains: it answers until the end, when all connections are closed at once. */
const CONNECTIONS = { draining: false }

const ALIVE = json('{"alive":true}')
const READY = json('{"ready":true}')
const FOREIGN = problem({
  status: 403,
  detail:
    'OPS_HOST is this machine alone: the port answers under an address, a name without dots or one that ends in .localhost, and to no page of another site.',
})
const READ_ONLY = methodNotAllowed(['GET', 'HEAD'])

/** The page holds all it needs and may load nothing. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"

function html(body: string): Reply {
  return {
    status: '200 OK',
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Content-Security-Policy', PAGE_POLICY],
    ],
    body,
  }
}
