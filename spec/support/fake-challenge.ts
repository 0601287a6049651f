// A tiny Pit and two tiny processors over node:http, for the challenge load to be tried on. The
// fake Pit answers 202 at once and settles straight into the fake default processor.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * What the fake Pit does wrong with every fifth payment:
 * - `forgets`: settles it, but leaves it out of its own books;
 * - `swaps`: books it at the other processor than the one that has it;
 * - `doubles`: settles and books it twice;
 * - `loses`: answers 202 and does nothing;
 * - `refuses`: answers 503.
 */
export type FakeFault = 'none' | 'forgets' | 'swaps' | 'doubles' | 'loses' | 'refuses'

export interface FakeOptions {
  /** What the fake Pit answers to a purge; it purges at 200 only. */
  readonly purgeStatus?: number
  /** Payments of somebody else than the load that settle before each reading of the summary. */
  readonly othersPerReading?: number
  /** Awaited by each change of a processor's settings before it is made. */
  readonly beforeChange?: () => Promise<void>
}

export interface FakeChallenge {
  readonly url: string
  readonly defaultUrl: string
  readonly fallbackUrl: string
  /** Admin calls and Pit's purges in order: `default delay 100`, `pit purge 0` (bytes of body). */
  readonly calls: readonly string[]
  close(): Promise<void>
}

interface Entry {
  readonly cents: number
  readonly requestedAt: number
}

type Route = (call: { method: string; url: URL; body: string; token: string }) => Reply
type Reply = { readonly status: number; readonly json?: object }

export async function startFakeChallenge(
  fault: FakeFault,
  options: FakeOptions = {},
): Promise<FakeChallenge> {
  const calls: string[] = []
  // From before the run, and Pit has nothing of it.
  const old = { cents: 1990, requestedAt: Date.now() - 2000 }
  const recorded = { default: [old] as Entry[], fallback: [] as Entry[] }
  const { beforeChange } = options
  const processors = [
    processorRoute({ name: 'default', feeRate: 0.05, calls, entries: recorded.default }),
    processorRoute({ name: 'fallback', feeRate: 0.15, calls, entries: recorded.fallback }),
  ]
  const servers = await Promise.all([
    listen(pitRoute({ fault, calls, recorded, ...options })),
    ...processors.map((route) => listen(route, beforeChange)),
  ])
  const [url = '', defaultUrl = '', fallbackUrl = ''] = servers.map(urlOf)
  return { url, defaultUrl, fallbackUrl, calls, close: () => closeAll(servers) }
}

function pitRoute(pit: {
  fault: FakeFault
  calls: string[]
  recorded: { default: Entry[]; fallback: Entry[] }
  purgeStatus?: number
  othersPerReading?: number
}): Route {
  const { purgeStatus = 200, othersPerReading = 0 } = pit
  const books = { default: [] as Entry[], fallback: [] as Entry[] }
  let received = 0
  return ({ method, url, body }) => {
    if (method === 'GET' && url.pathname === '/payments-summary') {
      for (let others = 0; others < othersPerReading; others += 1) {
        books.default.push({ cents: 1990, requestedAt: Date.now() })
      }
      return {
        status: 200,
        json: { default: total(books.default, url), fallback: total(books.fallback, url) },
      }
    }
    if (url.pathname === '/purge-payments') {
      pit.calls.push(`pit purge ${body.length}`)
      if (purgeStatus !== 200) return { status: purgeStatus }
      books.default.length = 0
      books.fallback.length = 0
      return { status: 200 }
    }
    const { amount } = JSON.parse(body) as { amount: number }
    const entry = { cents: Math.round(amount * 100), requestedAt: Date.now() }
    received += 1
    const fault = received % 5 === 0 ? pit.fault : 'none'
    if (fault === 'refuses') return { status: 503 }
    if (fault === 'loses') return { status: 202 }
    pit.recorded.default.push(entry)
    if (fault === 'doubles') {
      pit.recorded.default.push(entry)
      books.default.push(entry)
    }
    if (fault !== 'forgets') books[fault === 'swaps' ? 'fallback' : 'default'].push(entry)
    return { status: 202 }
  }
}

function processorRoute(processor: {
  name: string
  feeRate: number
  calls: string[]
  entries: Entry[]
}): Route {
  const { name, feeRate, calls, entries } = processor
  let knownToken = '123'
  return ({ method, url, body, token }) => {
    if (token !== knownToken) return { status: 401 }
    if (method === 'GET') {
      return {
        status: 200,
        json: { ...total(entries, url), totalFee: 0, feePerTransaction: feeRate },
      }
    }
    if (url.pathname === '/admin/purge-payments') {
      calls.push(`${name} purge`)
      entries.length = 0
      return { status: 200, json: {} }
    }
    const setting = JSON.parse(body) as { token?: string; delay?: number; failure?: boolean }
    for (const [key, value] of Object.entries(setting)) calls.push(`${name} ${key} ${value}`)
    knownToken = setting.token ?? knownToken
    return { status: setting.token === undefined ? 200 : 204 }
  }
}

function total(
  entries: readonly Entry[],
  url: URL,
): { totalRequests: number; totalAmount: number } {
  const from = Date.parse(url.searchParams.get('from') ?? '1970-01-01T00:00:00Z')
  const to = Date.parse(url.searchParams.get('to') ?? '9999-01-01T00:00:00Z')
  const inside = entries.filter(({ requestedAt }) => requestedAt >= from && requestedAt <= to)
  const cents = inside.reduce((sum, entry) => sum + entry.cents, 0)
  return { totalRequests: inside.length, totalAmount: cents / 100 }
}

async function listen(route: Route, beforeChange?: () => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => {
    // A request that cannot be answered ends its connection, which the caller sees.
    const waits = request.method === 'PUT' ? beforeChange?.() : undefined
    const answered = Promise.resolve(waits).then(() => answer(route, request, response))
    answered.catch((error: Error) => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function answer(
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { status, json } = route({
    method: request.method ?? '',
    url: new URL(request.url ?? '/', 'http://fake'),
    body,
    token: String(request.headers['x-rinha-token'] ?? ''),
  })
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(json === undefined ? undefined : JSON.stringify(json))
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  const closed = servers.map((server) => once(server, 'close'))
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
  await Promise.all(closed)
}
