import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { GIVE_UP_MS } from '../../bench/layout/wait.ts'
import { HttpClient } from '../../bench/load/client.ts'
import { Connection } from '../../bench/load/connection.ts'
import type { Answer } from '../../bench/load/connection.ts'
import { LatencyHistogram } from '../../bench/load/histogram.ts'
import { formatRequest, paymentFormatter } from '../../bench/load/request.ts'
import { parseResponse } from '../../bench/load/response.ts'
import { authorityOf, parseTarget } from '../../bench/load/target.ts'
import type { Target } from '../../bench/load/target.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'

t.test('a request that may be repeated outlives the end of an idle connection', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    const lastsFor = connections === 1 ? 1 : 2
    let requests = 0
    socket.on('data', () => {
      requests += 1
      if (requests > lastsFor) socket.destroy()
      else socket.write(OK)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new HttpClient({ target: { host: '127.0.0.1', port }, timeoutMs: GIVE_UP_MS })
  t.teardown(() => {
    client.close()
    server.close()
  })
  const request = { method: 'GET', path: '/' } as const
  t.match(await client.request(request), { kind: 'answered' })

  const repeated = await client.requestOrRepeat(request)
  const next = await client.request(request)
  const single = await client.request(request)

  t.match(repeated, { kind: 'answered', status: 200 })
  t.match(next, { kind: 'answered', status: 200 })
  t.match(single, { kind: 'failed', cause: 'reset' }, 'any other is not repeated')
  t.equal(connections, 2)
})

t.test('a response is whole with its last byte and not before', async (t) => {
  const rows: [string, string, { body: string; status: number; reusable: boolean }][] = [
    ['length', OK, { status: 200, body: 'hi', reusable: true }],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, body: '', reusable: true }],
    [
      'empty',
      'HTTP/1.1 202\r\ncontent-length:0\r\n\r\n',
      { status: 202, body: '', reusable: true },
    ],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\nT: 1\r\n\r\n',
      { status: 200, body: 'abc0123456789', reusable: true },
    ],
    ['preface', `HTTP/1.1 100 Continue\r\n\r\n${OK}`, { status: 200, body: 'hi', reusable: true }],
    [
      'closing',
      'HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 1\r\n\r\n!',
      { status: 503, body: '!', reusable: false },
    ],
    [
      'old',
      'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
      { status: 200, body: '', reusable: false },
    ],
  ]
  for (const [name, text, expected] of rows) {
    const bytes = Buffer.from(text)
    for (let end = 0; end < bytes.length; end += 1) {
      t.equal(
        parseResponse(bytes.subarray(0, end), 'open').kind,
        'partial',
        `${name}, ${end} bytes`,
      )
    }
    const whole = parseResponse(bytes, 'open')
    t.match(whole, { kind: 'whole', status: expected.status, reusable: expected.reusable }, name)
    t.equal(whole.kind === 'whole' && whole.body.toString(), expected.body, name)
  }
})

t.test('a response that is not HTTP, or too long, is malformed', async (t) => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const text of [
    'SSH-2.0\r\n\r\n',
    `${chunked}zz\r\n`,
    `${chunked}2\r\nabcd`,
    'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n',
    'x'.repeat(20_000),
  ]) {
    t.equal(parseResponse(Buffer.from(text), 'open').kind, 'malformed')
  }
})

t.test('a body without a length ends with the stream', async (t) => {
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\n\r\nall')

  t.equal(parseResponse(bytes, 'open').kind, 'partial')
  t.match(parseResponse(bytes, 'ended'), { kind: 'whole', reusable: false })
})

t.test('a connection is used again, and opened again once it was closed', async (t) => {
  const { target, connections } = await listen(t, (socket, count) => {
    socket.write(count === 2 ? OK.replace('\r\n', '\r\nConnection: close\r\n') : OK)
  })
  const connection = open(t, target)

  for (let request = 0; request < 3; request += 1) t.match(await ask(connection), { status: 200 })

  t.equal(connections(), 2)
})

t.test('a connection that nginx may be about to close is not used again', async (t) => {
  let now = 0
  const { target, connections } = await listen(t, (socket) => void socket.write(OK))
  const connection = new Connection({ target, timeoutMs: GIVE_UP_MS, now: () => now })
  t.teardown(() => connection.close())
  for (const [restMs, opened] of [
    [0, 1],
    [59_999, 1],
    [60_000, 2],
    [1, 2],
  ] as const) {
    now += restMs
    t.match(await ask(connection), { kind: 'answered' })
    t.equal(connections(), opened, `after ${restMs} ms`)
  }
})

t.test('an answer in pieces is timed to its last byte', async (t) => {
  let sendRest = (): void => undefined
  const { target } = await listen(t, (socket) => {
    sendRest = () => void socket.write(OK.slice(30))
    socket.write(OK.slice(0, 30))
  })
  const instants = { written: 0, firstPiece: 40, lastPiece: 100 }
  const left = Object.values(instants)
  const now = (): number => {
    const at = left.shift() ?? instants.lastPiece
    if (at === instants.firstPiece) sendRest()
    return at
  }
  const connection = new Connection({ target, timeoutMs: GIVE_UP_MS, now })
  t.teardown(() => connection.close())

  t.match(await ask(connection), { kind: 'answered', tookMs: 100 })
})

t.test(
  'an answer that does not come is a timeout, and the next request gets its own',
  async (t) => {
    const { target } = await listen(t, (socket, count) => {
      if (count > 1) socket.write(OK)
    })
    const connection = open(t, target, 1_000)

    t.match(await ask(connection), { kind: 'failed', cause: 'timeout', sent: true })
    t.match(await ask(connection), { kind: 'answered', status: 200 })
  },
)

t.test('failures say whether the request may have gone out', async (t) => {
  const cutting = await listen(t, (socket) => {
    socket.end(OK.slice(0, -1))
  })

  t.match(await ask(open(t, cutting.target)), { cause: 'reset', sent: true })
  const nobody = open(t, { host: '127.0.0.1', port: 1 })
  t.match(await ask(nobody), { cause: 'refused', detail: 'ECONNREFUSED', sent: false })
  const closed = open(t, cutting.target)
  const answer = ask(closed)
  closed.close()
  t.match(await answer, { cause: 'closed', sent: false })
})

t.test('a unix socket is a target like any other', async (t) => {
  const socketPath = join(tmpdir(), `pit-${randomUUID()}.sock`)
  const { target } = await listen(t, (socket) => socket.write(OK), socketPath)

  t.match(await ask(open(t, target)), { status: 200 })
})

t.test('requests and targets are written as they are read', async (t) => {
  const target = parseTarget('http://localhost:9999')
  const id = randomUUID()
  const body = JSON.stringify({ correlationId: id, amount: 19.9 })

  t.equal(
    paymentFormatter(target, 1990)(id),
    `POST /payments HTTP/1.1\r\nHost: localhost:9999\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  )
  t.match(formatRequest(target, { method: 'POST', path: '/x' }), /\r\nContent-Length: 0\r\n\r\n$/)
  t.equal(authorityOf(parseTarget('http://[::1]:80')), '[::1]:80')
  for (const wrong of ['localhost:9999', 'https://localhost', 'http://localhost/path', 'unix:x']) {
    t.throws(() => parseTarget(wrong), TypeError, wrong)
  }
})

t.test('a histogram keeps microseconds', async (t) => {
  const histogram = new LatencyHistogram()
  t.match(histogram.report(), { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 })

  for (let index = 1; index <= 1000; index += 1) histogram.record(index / 100)

  t.match(histogram.report(), { count: 1000, p50Ms: 5, p90Ms: 9, p99Ms: 9.9, maxMs: 10 })
})

function ask(connection: Connection): Promise<Answer> {
  return new Promise((resolve) => {
    connection.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n', resolve)
  })
}

function open(t: Tap, target: Target, timeoutMs = GIVE_UP_MS): Connection {
  const connection = new Connection({ target, timeoutMs })
  t.teardown(() => connection.close())
  return connection
}

/** A server that calls `answer` for each request; `count` is the number of requests so far. */
async function listen(
  t: Tap,
  answer: (socket: Socket, count: number) => void,
  socketPath?: string,
): Promise<{ target: Target; connections: () => number }> {
  let connections = 0
  let requests = 0
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    connections += 1
    sockets.push(socket)
    // A test that drops its connection leaves an error here that is none.
    socket.on('error', () => {})
    socket.on('data', () => {
      requests += 1
      answer(socket, requests)
    })
  })
  if (socketPath === undefined) server.listen(0, '127.0.0.1')
  else server.listen(socketPath)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const target =
    socketPath === undefined
      ? { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
      : { socketPath }
  return { target, connections: () => connections }
}

type Tap = Pick<typeof t, 'teardown'>
