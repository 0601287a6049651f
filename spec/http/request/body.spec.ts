import { open, PAYMENT, postPayment, startEdge, onEachServer } from '../edge-under-test.ts'

const JSON_TYPE = 'Content-Type: application/json\r\n'

onEachServer('a request whose end is ambiguous or unknown has its connection closed', async (t) => {
  const edge = await startEdge(t)
  const hidden = request(PAYMENT)
  const length = (text: string): string => `Content-Length:${text}\r\n`
  const coding = (text: string): string => `Transfer-Encoding: ${text}\r\n`
  const framings = [
    length(' 0') + length(` ${hidden.length}`),
    length(' 0') + length(' 0'),
    length(''),
    coding('chunked, identity'),
    coding('identity, chunked'),
    coding('chunked') + coding('chunked'),
  ]

  for (const framing of framings) {
    for (const line of ['POST /payments', 'POST /nowhere', 'GET /payments-summary']) {
      const { socket, received } = open(edge)
      const body = framing.startsWith('T') ? '0\r\n\r\n' : ''
      socket.write(`${line} HTTP/1.1\r\nHost: pit\r\n${JSON_TYPE}${framing}\r\n${body}${hidden}`)
      t.match(await received, /^$|^HTTP\/1.1 400 .*\r\nConnection: close\r\n\r\n$/, framing)
    }
  }

  t.equal(edge.requests.length, 0, 'what is hidden in them is not read')
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
})

onEachServer('a body with one length or in plain chunks is read', async (t) => {
  const edge = await startEdge(t)
  const chunks = `${PAYMENT.length.toString(16)}\r\n${PAYMENT}\r\n0\r\n\r\n`

  for (const text of [request(PAYMENT), `${HEAD}Transfer-Encoding: Chunked\r\n\r\n${chunks}`]) {
    const { socket, received } = open(edge)
    socket.write(text.replace('Host: pit', 'Host: pit\r\nConnection: close'))
    t.match(await received, /^HTTP\/1.1 202/)
  }
  const { socket, received } = open(edge)
  socket.write('GET /nowhere HTTP/1.1\r\nHost: pit\r\nConnection: close\r\n\r\n')
  t.match(await received, /^HTTP\/1.1 404/)
})

const HEAD = `POST /payments HTTP/1.1\r\nHost: pit\r\n${JSON_TYPE}`

function request(body: string): string {
  return `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`
}
