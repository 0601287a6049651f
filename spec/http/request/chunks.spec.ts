import type { EdgeRequest } from '../../../src/actors/messages.ts'
import { call, open, PAYMENT, paymentOf, startEdge, onEachServer } from '../edge-under-test.ts'

const HEAD =
  'POST /payments HTTP/1.1\r\nHost: pit\r\nContent-Type: application/json\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n'
const SIZE = PAYMENT.length.toString(16)
const CHUNK = `${SIZE}\r\n${PAYMENT}\r\n`
const TRAILER = 'X-Sum: 1\r\n\r\n'

onEachServer('a chunked payment with a trailer is answered as it was taken', async (t) => {
  const edge = await startEdge(t)
  const { socket, received } = open(edge)

  socket.write(`${HEAD}${CHUNK}0\r\n${TRAILER}`)

  const isTaken = (await received).startsWith('HTTP/1.1 202')
  t.equal(edge.requests.length, isTaken ? 1 : 0)
  if (!isTaken) t.match(await received, /^HTTP\/1.1 505[^]*Connection: close/)
})

onEachServer(
  'a trailer that comes after the last chunk was read waits for the answer',
  async (t) => {
    const held: EdgeRequest[] = []
    const edge = await startEdge(t, { supervise: (request) => held.push(request) })
    const { socket, received } = open(edge)
    const taken = edge.nextRequest()
    socket.write(`${HEAD}${CHUNK}0\r\n`)
    // Node's own server reports a payment behind its trailer only.
    if (edge.webServer === 'uWebSockets.js') await taken

    socket.write(TRAILER)
    await taken
    await call(edge, 'GET', '/')
    paymentOf(held[0]).replyTo('accepted')

    t.match(await received, /^HTTP\/1.1 202/)
  },
)

onEachServer('a request behind a chunked payment is read after its answer', async (t) => {
  const held: EdgeRequest[] = []
  const edge = await startEdge(t, { supervise: (request) => held.push(request) })
  const { socket, received } = open(edge)
  socket.write(`${HEAD}${CHUNK}0\r\n\r\n`)
  await edge.nextRequest()

  socket.write('GET /nowhere HTTP/1.1\r\nHost: pit\r\nConnection: close\r\n\r\n')
  await call(edge, 'GET', '/')
  paymentOf(held[0]).replyTo('accepted')

  t.match(await received, /^HTTP\/1.1 202[^]*HTTP\/1.1 404/)
})

onEachServer(
  'a payment whose chunks have extensions is answered 202 when it is taken',
  async (t) => {
    const bodies = [
      `${SIZE};a=1\r\n${PAYMENT}\r\n0\r\n\r\n`,
      `${SIZE} ;a=1\r\n${PAYMENT}\r\n0\r\n\r\n`,
      `${SIZE};a="b;c"\r\n${PAYMENT}\r\n0\r\n\r\n`,
      `${CHUNK}0;a=1\r\n\r\n`,
      `${CHUNK}0 ;a=1\r\n\r\n`,
    ]

    await Promise.all(
      bodies.map(async (body) => {
        const edge = await startEdge(t)
        const { socket, received } = open(edge)
        socket.write(HEAD + body)
        const isAnswered = (await received).startsWith('HTTP/1.1 202')
        t.equal(edge.requests.length, isAnswered ? 1 : 0, JSON.stringify(body))
      }),
    )
  },
)

onEachServer('a chunked payment whose client has gone is forgotten', async (t) => {
  const edge = await startEdge(t, { supervise: () => undefined })
  const { socket, received } = open(edge)
  socket.write(`${HEAD}${CHUNK}0\r\n\r\n`)
  const payment = paymentOf(await edge.nextRequest())

  socket.destroy()
  await received
  await call(edge, 'GET', '/')
  payment.replyTo('accepted')

  t.equal(edge.server.inFlight(), 0)
  t.equal((await call(edge, 'GET', '/')).status, 404)
})

const PURGE_HEAD =
  'POST /purge-payments HTTP/1.1\r\nHost: pit\r\nTransfer-Encoding: chunked\r\n\r\n'

onEachServer('a chunked purge with a trailer is answered as it was done', async (t) => {
  const supervise = (request: EdgeRequest): void => {
    if (request.type === 'purge.requested') request.replyTo({ kind: 'found', value: null })
  }
  for (const body of [`${CHUNK}0\r\n`, '0\r\n']) {
    const edge = await startEdge(t, { allowPurge: true, supervise })
    const { socket, received } = open(edge)

    socket.write(`${PURGE_HEAD}${body}${TRAILER}`)

    const isDone = (await received).startsWith('HTTP/1.1 200')
    t.equal(edge.requests.length, isDone ? 1 : 0)
    if (!isDone) t.match(await received, /^HTTP\/1.1 505[^]*Connection: close/)
  }
})

onEachServer('a chunked purge is done once its body has ended, and is answered', async (t) => {
  const edge = await startEdge(t, { allowPurge: true, supervise: () => undefined })
  const { socket, received } = open(edge)
  socket.write(`${PURGE_HEAD}${CHUNK}`)
  await call(edge, 'GET', '/')
  t.equal(edge.requests.length, 0)

  socket.write('0\r\n\r\n')
  const request = await edge.nextRequest()
  if (request.type === 'purge.requested') request.replyTo({ kind: 'found', value: null })

  t.match(await received, /^HTTP\/1.1 200/)
})

onEachServer('a purge with an endless body is refused and not done', async (t) => {
  const edge = await startEdge(t, { allowPurge: true })
  const { socket, received } = open(edge)

  socket.write(`${PURGE_HEAD}${`1000\r\n${'x'.repeat(0x1000)}\r\n`.repeat(20)}`)

  t.match(await received, /^HTTP\/1.1 413[^]*connection: close/i)
  t.equal(edge.requests.length, 0)
})
