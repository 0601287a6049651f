import fc from 'fast-check'
import type { EdgeRequest } from '../../src/actors/messages.ts'
import type { EdgeUnderTest } from './edge-under-test.ts'
import {
  call,
  ID,
  open,
  PAYMENT,
  paymentOf,
  postPayment,
  startEdge,
  onEachServer,
} from './edge-under-test.ts'

const HEAD = 'POST /payments HTTP/1.1\r\nHost: pit\r\nContent-Type: application/json\r\n'

function request(body: string, more = ''): string {
  return `${HEAD}${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

onEachServer('a body that comes in pieces is put together', async (t) => {
  const edge = await startEdge(t)
  const { socket, received } = open(edge)
  const body = `{"correlationId":"${ID}","note":"é","amount":19.9}`
  const bytes = Buffer.from(request(body, 'Connection: close\r\n'))

  for (const byte of bytes.subarray(0, -60)) socket.write(Buffer.from([byte]))
  for (const byte of bytes.subarray(-60)) {
    // A request over another connection, so that the server has read each byte separately.
    socket.write(Buffer.from([byte]))
    await call(edge, 'GET', '/')
  }

  t.match(await received, /^HTTP\/1.1 202/)
  t.match(edge.requests, [{ correlationId: ID, amountCents: 1990 }])
})

onEachServer('a chunked body is read, within the same limit', async (t) => {
  const edge = await startEdge(t)
  const chunked = `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

  const good = open(edge)
  good.socket.write(`${chunked}${chunk(PAYMENT.slice(0, 9))}${chunk(PAYMENT.slice(9))}0\r\n\r\n`)
  t.match(await good.received, /^HTTP\/1.1 202/)

  const long = open(edge)
  long.socket.write(`${chunked}${chunk(' '.repeat(3000)).repeat(2)}0\r\n\r\n`)
  t.match(await long.received, /^HTTP\/1.1 413/)
})

onEachServer('a body over the limit is answered 413, and the connection stays open', async (t) => {
  const edge = await startEdge(t)
  const padded = (length: number): string => PAYMENT.padEnd(length, ' ')

  t.equal((await postPayment(edge, padded(4096))).status, 202)
  const answer = await postPayment(edge, padded(4097))
  t.equal(answer.status, 413)
  t.not(answer.headers['connection'], 'close')
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
})

onEachServer('the connection of a body that never ends is closed', async (t) => {
  const edge = await startEdge(t)
  const { socket, received } = open(edge)

  socket.write(`${HEAD}Content-Length: 1000000000\r\n\r\n${' '.repeat(100_000)}`)

  t.match(await received, /^HTTP\/1.1 413[^]*Connection: close/)
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
})

onEachServer('a request whose client disconnects within its body is forgotten', async (t) => {
  const edge = await startEdge(t)

  for (let count = 0; count < 20; count += 1) {
    const { socket, received } = open(edge)
    socket.write(request(PAYMENT).slice(0, -10), () => socket.destroy())
    await received
  }

  t.equal((await postPayment(edge, PAYMENT)).status, 202)
  t.equal(edge.requests.length, 1)
  t.equal(edge.server.inFlight(), 0)
})

onEachServer('a reply for a client that has disconnected is dropped', async (t) => {
  const held: EdgeRequest[] = []
  const edge = await startEdge(t, { supervise: (request) => held.push(request) })
  const { socket, received } = open(edge)
  socket.write(request(PAYMENT))
  await edge.nextRequest()

  socket.destroy()
  await received
  await call(edge, 'GET', '/')
  t.equal(edge.server.inFlight(), 1)
  paymentOf(held[0]).replyTo('accepted')

  t.equal(edge.server.inFlight(), 0)
  t.same(edge.latencies, [])
  t.equal((await call(edge, 'GET', '/')).status, 404)
})

onEachServer('replies after the server was closed are dropped', async (t) => {
  const edge = await startEdge(t, { supervise: () => undefined })
  const { socket, received } = open(edge)
  socket.write(request(PAYMENT))
  const payment = paymentOf(await edge.nextRequest())

  edge.server.close()
  payment.replyTo('accepted')

  t.equal(await received, '')
  t.equal(edge.server.inFlight(), 0)
})

onEachServer('a second reply to one request fails an assert', async (t) => {
  const edge = await startEdge(t)
  await postPayment(edge, PAYMENT)

  t.throws(() => {
    paymentOf(edge.requests[0]).replyTo('accepted')
  }, /replied to once/)
  t.equal(edge.server.inFlight(), 0)
})

onEachServer('a request beyond the limit of waiting ones is answered 503', async (t) => {
  const edge = await startEdge(t, { inFlightMax: 2, supervise: () => undefined })
  const first = open(edge)
  first.socket.write(request(PAYMENT, 'Connection: close\r\n'))
  const payment = paymentOf(await edge.nextRequest())
  const second = open(edge)
  second.socket.write(`GET /payments/${ID} HTTP/1.1\r\nHost: pit\r\nConnection: close\r\n\r\n`)
  await edge.nextRequest()

  t.match(await postPayment(edge, PAYMENT), { status: 503, headers: { 'retry-after': '1' } })
  t.equal((await call(edge, 'GET', '/payments-summary')).status, 503)
  t.equal(edge.requests.length, 2)

  payment.replyTo('accepted')
  t.match(await first.received, /^HTTP\/1.1 202/)
  const third = postPayment(edge, PAYMENT)
  paymentOf(await edge.nextRequest()).replyTo('known')
  t.equal((await third).status, 202)
})

onEachServer('pipelined requests whose answers are ready are answered in order', async (t) => {
  const edge = await startEdge(t)
  const { socket, received } = open(edge)

  const faulty = request('{"correlationId":1}')
  socket.write(`${request(PAYMENT)}${faulty}${request(PAYMENT, 'Connection: close\r\n')}`)

  t.match(await received, /^HTTP\/1.1 202[^]*HTTP\/1.1 400[^]*HTTP\/1.1 202/)
})

onEachServer(
  'a request pipelined behind a waiting one is answered after it, or closes its connection only',
  async (t) => {
    const waiting: EdgeRequest[] = []
    const supervise = (request: EdgeRequest): void => {
      waiting.push(request)
      // The second one is answered first.
      if (waiting.length < 2) return
      for (const each of waiting.splice(0).reverse()) paymentOf(each).replyTo('accepted')
    }
    const edge = await startEdge(t, { supervise })
    const { socket, received } = open(edge)

    socket.write(request(PAYMENT) + request(PAYMENT, 'Connection: close\r\n'))

    t.match(await received, waiting.length === 0 ? /^HTTP\/1.1 202[^]*HTTP\/1.1 202/ : /^$/)
    for (const each of waiting) paymentOf(each).replyTo('accepted')
    t.equal(edge.server.inFlight(), 0)
  },
)

onEachServer('requests that smuggle another one, or are not HTTP, are refused', async (t) => {
  const edge = await startEdge(t)
  const both = `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
  const texts = [both, `${HEAD}Content-Length: -1\r\n\r\n`, 'GET / HTTP/1.0\r\nHost: pit\r\n\r\n']

  for (const text of [...texts, '\x00\x01\x02\r\n\r\n', `GET / HTTP/9.9\r\nHost: pit\r\n\r\n`]) {
    const { socket, received } = open(edge)
    socket.write(text)
    t.match(await received, /^HTTP\/1.1 (400|505)/, JSON.stringify(text))
  }
  t.equal(edge.requests.length, 0)
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
})

onEachServer('random bytes never stop the server', async (t) => {
  const edge = await startEdge(t)
  const pieces = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(request(PAYMENT), HEAD, '\r\n\r\n', 'GET / HTTP/1.1\r\n', PAYMENT)
      .map(Buffer.from),
  )

  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { minLength: 1, maxLength: 6 }), async (bytes) => {
      const { socket, received } = open(edge)
      socket.end(Buffer.concat(bytes))
      await received
    }),
    { numRuns: 150 },
  )

  t.equal((await postPayment(edge, PAYMENT)).status, 202)
  t.equal(edge.server.inFlight(), 0)
})

onEachServer('no body is answered 5xx, and only payments are answered 202', async (t) => {
  const edge = await startEdge(t)
  const bodies = fc.oneof(
    fc
      .uint8Array({ minLength: 1, maxLength: 5000, size: 'max' })
      .map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .anything()
      .map((value) => Buffer.from(JSON.stringify({ correlationId: ID, amount: value }) ?? '1')),
    fc.tuple(fc.nat(75), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(PAYMENT)
      bytes[at % bytes.length] = byte
      return bytes
    }),
  )

  await fc.assert(
    fc.asyncProperty(bodies, async (body) => isAnsweredRightly(edge, body)),
    { numRuns: 400 },
  )
  t.equal(edge.server.inFlight(), 0)
})

async function isAnsweredRightly(edge: EdgeUnderTest, body: Buffer): Promise<boolean> {
  const before = edge.requests.length
  const { status } = await postPayment(edge, body)
  const isSent = edge.requests.length > before
  return isSent === (status === 202) && [202, 400, 413].includes(status)
}
