// A server that answers every request alike, on a free port of the loopback.

import { createServer } from 'node:http'
import type { Test } from 'tap'
import type { Target } from '../../bench/load/target.ts'

export interface AcceptingServer {
  readonly target: Target
  /** Requests that came in as a whole. */
  received(): number
}

/** Closed at the end of the test. */
export async function startHttpServer(
  t: Pick<Test, 'teardown'>,
  answer: { readonly status: number; readonly delayMs?: number },
): Promise<AcceptingServer> {
  let received = 0
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      received += 1
      setTimeout(() => response.writeHead(answer.status).end(), answer.delayMs ?? 0)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { target: { host: '127.0.0.1', port }, received: () => received }
}
