import t from 'tap'
import { framingOf, readBody } from '../../../src/http/request/body.ts'
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
      t.match(
        await received,
        /^$|^HTTP\/1.1 400 [^\r]*\r\n(Content-Length: 0\r\n)?Connection: close\r\n\r\n$/,
        framing,
      )
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

t.test(
  'a request says where it ends with one length, in plain chunks, or not clearly',
  async (t) => {
    const length = ['content-length', '3'] as const
    const coded = (value: string) => ['transfer-encoding', value] as const
    for (const [headers, framing] of [
      [[], 'length'],
      [[['x-length', '']], 'length'],
      [[length], 'length'],
      [[length, ['x-coding', 'gzip']], 'length'],
      [[coded('Chunked')], 'chunked'],
      [[['content-length', '']], 'unclear'],
      [[length, length], 'unclear'],
      [[length, coded('chunked')], 'unclear'],
      [[coded('gzip')], 'unclear'],
      [[coded('gzip, chunked')], 'unclear'],
      [[coded('chunked'), coded('chunked')], 'unclear'],
    ] as const) {
      const forEach = (take: (name: string, value: string) => void): void => {
        for (const [name, value] of headers) take(name, value)
      }
      t.equal(framingOf({ forEach }), framing, JSON.stringify(headers))
    }
  },
)

const BOUND = 8

/** Bytes beyond the bound that are still read, so that the connection can be kept. */
const SKIPPED_MAX = 65_536

/** What a reader of at most 8 bytes is told of a body in these pieces, and when the last came. */
function toldOf(...pieces: readonly string[]): readonly string[] {
  const told: string[] = []
  let take: (chunk: ArrayBuffer, isLast: boolean) => void = () => undefined
  readBody(
    { onData: (handler) => void (take = handler) },
    {
      bytesMax: BOUND,
      onWhole: (bytes) => told.push(`whole ${bytes.toString()}`),
      onTooLarge: (rest) => told.push(rest),
    },
  )
  for (const [index, piece] of pieces.entries()) {
    const isLast = index === pieces.length - 1
    const bytes = new TextEncoder().encode(piece)
    if (isLast) told.push('last piece')
    take(bytes.buffer, isLast)
    bytes.fill(0)
  }
  return told
}

t.test('a body is the same however it is cut, up to its bound', async (t) => {
  t.strictSame(toldOf(''), ['last piece', 'whole '])
  t.strictSame(toldOf('12345'), ['last piece', 'whole 12345'])
  for (const pieces of [['12345678'], ['1234', '5678'], ['', '1234567', '8'], ['12345678', '']]) {
    t.strictSame(toldOf(...pieces), ['last piece', 'whole 12345678'], JSON.stringify(pieces))
  }
})

t.test('a body over its bound is skipped to its end, unless that is too far away', async (t) => {
  const most = 'x'.repeat(BOUND + SKIPPED_MAX)
  for (const pieces of [['123456789'], ['12345678', '9'], ['123456789', ''], [most], [most, '']]) {
    t.strictSame(toldOf(...pieces), ['last piece', 'read'])
  }
  t.strictSame(toldOf(`${most}x`, 'x', ''), ['unread', 'last piece'])
  t.strictSame(toldOf(most, 'x', ''), ['unread', 'last piece'])
})
