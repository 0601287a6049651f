// A collector of OpenTelemetry traces on a real socket: OTLP over HTTP, as JSON.

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
}

export interface Collector {
  readonly url: string
  /** In the order of their arrival. */
  readonly spans: readonly CollectedSpan[]
  /** Requests of any kind. */
  requests(): number
}

/** Closed at the test's end. */
export async function startCollector(t: Test): Promise<Collector> {
  const spans: CollectedSpan[] = []
  let requests = 0
  const url = await serve(t, async (request) => {
    requests += 1
    const body = await textOf(request)
    if (request.url !== '/v1/traces') return { status: 404, body: '{}' }
    spans.push(...spansOf(body))
    return { status: 200, body: '{}' }
  })
  return { url, spans, requests: () => requests }
}

/** The attributes of a span by name, each with its bare value. */
export function attributesOf(span: CollectedSpan | undefined): Readonly<Record<string, unknown>> {
  const entries = span?.attributes.map(({ key, value }) => [key, Object.values(value)[0]])
  return Object.fromEntries(entries ?? [])
}

/** An HTTP server on a free port of the loopback, closed at the test's end; gives its URL. */
export async function serve(
  t: Test,
  respond: (request: IncomingMessage) => Promise<{ status: number; body: string }>,
): Promise<string> {
  const server = createServer((request, response) => {
    void respond(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly CollectedSpan[] }[]
  }[]
}

function spansOf(body: string): readonly CollectedSpan[] {
  const { resourceSpans } = JSON.parse(body) as Exported
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}
