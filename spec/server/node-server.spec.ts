// What Node's own server does and uWebSockets.js does not: bytes that are no HTTP get their 400 there
// at once, even where the answer to a payment before them is still awaited on the same connection.

import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { loadWebServer } from '../../src/server/load-server.ts'
import type { HttpResponse } from '../../src/server/web-server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: pit\r\n\r\n'
const LAST = 'GET / HTTP/1.1\r\nHost: pit\r\nConnection: close\r\n\r\n'
const GARBAGE = ['\x00\x01\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, GET.slice(3)]

t.test('what is no HTTP is never answered in the place of a request before it', async (t) => {
  for (const first of [GET, LAST]) {
    for (const garbage of GARBAGE) {
      const { asked, answers } = await send(t, first + garbage)

      asked.end('answer')

      t.match(await answers, /^HTTP\/1.1 200 [^]*\r\n\r\nanswer$/, JSON.stringify(garbage))
    }
  }
})

t.test('a body that breaks off is not answered in the place of a request before it', async (t) => {
  const chunked = 'POST / HTTP/1.1\r\nHost: pit\r\nTransfer-Encoding: chunked\r\n\r\n'
  const { answers } = await send(t, `${GET}${chunked}zz\r\n`)

  t.equal(await answers, '')
})

interface Sent {
  /** The first request, which waits. */
  readonly asked: HttpResponse
  /** All that comes until the server closes the connection. */
  readonly answers: Promise<string>
}

/** Sends these bytes at once, and resolves once the server has seen all of them. */
async function send(t: Test, bytes: string): Promise<Sent> {
  const app = (await loadWebServer('node')).createApp()
  t.teardown(() => app.close())
  const asked: HttpResponse[] = []
  app.any('/*', (response) => {
    response.onAborted(() => undefined)
    asked.push(response)
  })
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  const seen = new Promise<HttpResponse>((resolve) => {
    app.any('/seen', (response) => {
      response.end()
      if (asked[0] !== undefined) resolve(asked[0])
    })
  })
  const socket = connect(port, '127.0.0.1')
  const answers = text(socket).catch(() => '')
  await new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
  await fetch(`http://127.0.0.1:${port}/seen`)
  return { asked: await seen, answers }
}
