// A server of the payment port on a free port or a socket, with a supervisor that the spec plays.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Client } from 'undici'
import type { EdgeRequest, PaymentReceived } from '../../src/actors/messages.ts'
import type { HttpServer } from '../../src/http/server.ts'
import { startHttp } from '../../src/http/server.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import type { ListenAt, WebServer } from '../../src/server/web-server.ts'

export const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'
export const PAYMENT = `{"correlationId":"${ID}","amount":19.9}`

/** Silence after which a raw connection is given up, ms. */
const SILENCE_MAX_MS = 3000

export interface EdgeUnderTest {
  readonly server: HttpServer
  readonly webServer: WebServer['name']
  /** Every request that the supervisor got, in order. */
  readonly requests: EdgeRequest[]
  /** Times to the answers, µs. */
  readonly latencies: number[]
  /** One connection kept open between requests. */
  readonly client: Client
  /** The next request that the supervisor gets. */
  nextRequest(): Promise<EdgeRequest>
}

export interface EdgePlan {
  readonly at?: ListenAt
  readonly inFlightMax?: number
  readonly allowPurge?: boolean
  /** What the supervisor does with a request; it accepts payments at once when not given. */
  readonly supervise?: (request: EdgeRequest) => void
}

/** uWebSockets.js where it loads here, and Node's own. */
export const SERVERS: readonly WebServer[] = await availableServers()

async function availableServers(): Promise<readonly WebServer[]> {
  const [best, node] = [await loadWebServer('auto'), await loadWebServer('node')]
  return best.name === 'node:http' ? [node] : [best, node]
}

let webServer = await loadWebServer('auto')

/** Runs a test on each server that there is; `startEdge` starts that one. */
export function onEachServer(claim: string, run: (t: Test) => void | Promise<void>): void {
  for (const server of SERVERS) {
    t.test(`${claim} (${server.name})`, async (t) => {
      webServer = server
      await run(t)
    })
  }
}

/** `teardown` is the test's. */
export async function startEdge(
  test: { teardown(undo: () => void): void },
  plan: EdgePlan = {},
): Promise<EdgeUnderTest> {
  const requests: EdgeRequest[] = []
  const latencies: number[] = []
  let wake: (request: EdgeRequest) => void = () => undefined
  const at = plan.at ?? { port: 0 }
  const server = await startHttp({
    webServer,
    listen: at,
    limits: { bodyBytesMax: 4096, inFlightMax: plan.inFlightMax ?? 16 },
    allowPurge: plan.allowPurge ?? false,
    latency: { record: (us) => latencies.push(us) },
    supervisor: {
      send: (request) => {
        requests.push(request)
        wake(request)
        ;(plan.supervise ?? acceptAll)(request)
      },
    },
  })
  const address = `http://127.0.0.1:${server.port || 80}`
  const client = new Client(address, 'socket' in at ? { socketPath: at.socket } : {})
  test.teardown(() => {
    void client.destroy()
    server.close()
  })
  const nextRequest = (): Promise<EdgeRequest> =>
    new Promise((resolve) => {
      wake = resolve
    })
  return { server, webServer: webServer.name, requests, latencies, client, nextRequest }
}

function acceptAll(request: EdgeRequest): void {
  if (request.type === 'payment.received') request.replyTo('accepted')
}

/** Narrows to a payment, or fails. */
export function paymentOf(request: EdgeRequest | undefined): PaymentReceived {
  if (request?.type === 'payment.received') return request
  throw new Error('not a payment')
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Posts a payment's body over the edge's own connection. */
export function postPayment(edge: EdgeUnderTest, body: string | Buffer): Promise<Answer> {
  return call(edge, 'POST', '/payments', { body, headers: { 'content-type': 'application/json' } })
}

export async function call(
  { client }: EdgeUnderTest,
  method: string,
  path: string,
  more: { readonly body?: string | Buffer; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const answer = await client.request({ method, path, ...more })
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: await answer.body.text(),
  }
}

/** A raw connection; `received` has what came until it was closed or fell silent. */
export function open(edge: EdgeUnderTest): { socket: Socket; received: Promise<string> } {
  const socket = connect(edge.server.port, '127.0.0.1')
  const received = new Promise<string>((resolve) => {
    let text = ''
    socket.setNoDelay()
    socket.setTimeout(SILENCE_MAX_MS, () => socket.destroy())
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      resolve(text)
    })
  })
  return { socket, received }
}
