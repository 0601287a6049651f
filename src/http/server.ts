// The payment port: routes, listening, stopping.

import type {
  HttpRequest,
  HttpResponse,
  ListenAt,
  WebApp,
  WebServer,
} from '../server/web-server.ts'
import type { Edge, HttpLimits, Supervisor } from './routes/edge.ts'
import { Responder } from './responder.ts'
import { framingOf, type Framing } from './request/body.ts'
import { postPayment } from './routes/post-payment.ts'
import { methodNotAllowed, NOT_FOUND } from './problem.ts'
import type { Reply } from './problem.ts'
import { purgePayments } from './routes/purge-payments.ts'
import { getPayment } from './routes/get-payment.ts'
import { getSummary } from './routes/get-summary.ts'

export interface HttpOptions {
  readonly webServer: WebServer
  readonly listen: ListenAt
  readonly supervisor: Supervisor
  readonly limits: HttpLimits
  /** Whether `POST /purge-payments` may forget everything. */
  readonly allowPurge: boolean
  /** Takes the time from a decoded payment to its written answer, µs. */
  readonly latency: { record(us: number): void }
}

export interface HttpServer {
  /** The TCP port that was bound; 0 on a unix socket. */
  readonly port: number
  /** Requests sent to the supervisor and not yet replied to. */
  inFlight(): number
  /** Posts of payments answered 503 since the start. */
  refused(): number
  /**
   * Takes no further connections and no further payments: on connections that are open payments
   * get 503. Requests in flight and reads are still answered; each answer closes its connection.
   */
  stopAccepting(): void
  /** Closes every connection at once; later replies are dropped. Implies `stopAccepting`. */
  close(): void
}

/**
 * Serves the payment API. Rejects with `ListenFailed`. A request that does not say plainly where it
 * ends has its connection closed.
 */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { supervisor, limits, allowPurge, latency } = options
  const counts = { inFlight: 0, refused: 0, draining: false }
  const edge: Edge = { supervisor, limits, allowPurge, latency, ...counts }
  const app = options.webServer.createApp()
  addRoutes(app, edge)
  const listening = await app.listen(options.listen)

  const stopAccepting = (): void => {
    edge.draining = true
    listening.stop()
  }
  return {
    port: listening.port,
    inFlight: () => edge.inFlight,
    refused: () => edge.refused,
    stopAccepting,
    close: () => {
      stopAccepting()
      app.close()
    },
  }
}

type PaymentRoute = (
  edge: Edge,
  response: HttpResponse,
  request: HttpRequest,
  framing: Exclude<Framing, 'unclear'>,
) => void

const ROUTES: readonly { path: string; method: 'get' | 'post'; route: PaymentRoute }[] = [
  { path: '/payments', method: 'post', route: postPayment },
  { path: '/payments/:correlationId', method: 'get', route: getPayment },
  { path: '/payments-summary', method: 'get', route: getSummary },
  { path: '/purge-payments', method: 'post', route: purgePayments },
]

function addRoutes(app: WebApp, edge: Edge): void {
  const guarded = (route: PaymentRoute) => (response: HttpResponse, request: HttpRequest) => {
    const framing = framingOf(request)
    // It gets no answer: after one, the bytes behind it would still be read as requests.
    if (framing === 'unclear') response.close()
    else route(edge, response, request, framing)
  }
  const always = (reply: Reply) =>
    guarded((_, response, request) => {
      new Responder(response, request.getMethod(), edge).answer(reply)
    })
  for (const { path, method, route } of ROUTES) {
    const answer = guarded(route)
    const isRead = method === 'get'
    const refuse = always(methodNotAllowed(isRead ? ['GET', 'HEAD'] : ['POST']))
    app[method](path, answer)
    app.any(path, (response, request) => {
      if (isRead && request.getMethod() === 'head') answer(response, request)
      else refuse(response, request)
    })
  }
  app.any('/*', always(NOT_FOUND))
}
