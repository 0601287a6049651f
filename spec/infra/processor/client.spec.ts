import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { ChargeAnswer } from '../../../src/actors/model/ports.ts'
import {
  InFlightRequest,
  type RequestEnd,
} from '../../../src/infra/processor/in-flight-requests.ts'
import {
  answer,
  drip,
  hangUp,
  raw,
  reset,
  silent,
  startRawProcessor,
} from '../../support/raw-processor.ts'
import { crashesOf } from '../../support/crashes.ts'
import type { Respond } from '../../support/raw-processor.ts'
import { charge, lookUp, openClient, sendCharge } from '../../support/processor.ts'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const OTHER_ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b4'
const UPGRADE = 'connection: upgrade\r\nupgrade: h2c\r\n'
const JSON_BODY = '{"message":"ok"}'

interface Case {
  readonly title: string
  readonly respond: Respond
  readonly kind: ChargeAnswer['kind']
  readonly detail?: string
}

const status = (code: number, kind: ChargeAnswer['kind'], body?: string): Case => ({
  title: `a ${code}${body === undefined ? '' : ` without a body`}`,
  respond: answer(code, body),
  kind,
  detail: `http ${code}`,
})

const doubt = (title: string, respond: Respond, detail?: string): Case => ({
  title,
  respond,
  kind: 'inDoubt',
  ...(detail === undefined ? {} : { detail }),
})

const CASES: readonly Case[] = [
  status(200, 'settled'),
  status(422, 'known'),
  status(422, 'known', ''),
  status(429, 'refused'),
  status(500, 'failed'),
  status(500, 'failed', ''),
  status(400, 'denied'),
  status(400, 'denied', ''),
  {
    title: 'a 400 with a long JSON object',
    kind: 'denied',
    respond: answer(400, `{"message":"${'x'.repeat(2000)}"}`),
  },
  {
    title: 'a 400 that is a page',
    kind: 'refused',
    detail: 'http 400',
    respond: answer(400, '<html>Bad Request</html>'),
  },
  { title: 'a 400 that is a long page', kind: 'refused', respond: answer(400, 'x'.repeat(20_000)) },
  ...[301, 302, 307, 401, 404, 405, 413, 501].map((code) => status(code, 'refused')),
  status(304, 'refused', ''),
  status(204, 'inDoubt', ''),
  ...[201, 202, 408, 409, 425, 499, 502, 503, 504, 599].map((code) => status(code, 'inDoubt')),
  doubt('a 101 that nobody asked for', raw('HTTP/1.1 101 Switching Protocols\r\n\r\n')),
  doubt('a 101 with an upgrade', raw(`HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\n`)),
  doubt('a 101 with a body', raw(`HTTP/1.1 101 X\r\ncontent-length: 15\r\n\r\n${JSON_BODY}`)),
  doubt('a 100 alone', raw('HTTP/1.1 100 Continue\r\n\r\n')),
  { title: 'a chunked 200', kind: 'settled', respond: raw(chunked(JSON_BODY, '0\r\n\r\n')) },
  { title: 'a 200 that ends with its connection', kind: 'settled', respond: untilClose(JSON_BODY) },
  {
    title: 'a 200 after an interim answer',
    kind: 'settled',
    respond: raw(`HTTP/1.1 103 Early Hints\r\n\r\n${HEAD}content-length: 16\r\n\r\n${JSON_BODY}`),
  },
  doubt('an empty 200', answer(200, ''), 'unreadable answer'),
  doubt('a 200 that is no JSON', answer(200, '<html>'), 'unreadable answer'),
  doubt('a 200 whose JSON is no object', answer(200, '42'), 'unreadable answer'),
  doubt('a 200 cut short by its connection', untilClose('{"message":'), 'unreadable answer'),
  doubt('a huge 200', answer(200, `{"message":"${'x'.repeat(100_000)}"}`), 'answer too large'),
  doubt('a huge 500', answer(500, 'x'.repeat(100_000)), 'answer too large'),
  doubt('a reset before the answer', reset),
  doubt('a hang-up before the answer', hangUp, 'UND_ERR_SOCKET'),
  doubt('a status line cut by a reset', raw('HTTP/1.1 20', 'resets')),
  doubt('headers cut by a hang-up', raw(HEAD, 'ends')),
  doubt('a body shorter than its length', raw(`${HEAD}content-length: 99\r\n\r\n{}`, 'ends')),
  doubt('a body cut by a reset', raw(`${HEAD}content-length: 99\r\n\r\n{}`, 'resets')),
  doubt('a cut body on a connection to be closed', cutClosing('content-length: 99')),
  doubt('chunks without an end', raw(chunked(JSON_BODY, ''), 'ends')),
  doubt('a cut 422', raw('HTTP/1.1 422 x\r\ncontent-length: 99\r\n\r\n{}', 'ends')),
  doubt('a cut 429', raw('HTTP/1.1 429 x\r\ncontent-length: 99\r\n\r\n{}', 'ends')),
  doubt('an answer that is no HTTP', raw('SSH-2.0-OpenSSH_9.2\r\n')),
  doubt('interim answers without end', interims(1000), 'too many interim answers'),
  doubt('a 100 that was not asked for', raw('HTTP/1.1 100 Continue\r\n\r\n')),
  doubt('endless headers', raw(`${HEAD}x: ${'x'.repeat(40_000)}`)),
  doubt('no answer at all', silent, 'timeout'),
  doubt('headers and no body', raw(`${HEAD}content-length: 16\r\n\r\n`), 'timeout'),
  doubt('a body that drips', drip(5), 'timeout'),
]

for (const { title, respond, kind, detail } of CASES) {
  t.test(`${title} is ${kind}`, async (t) => {
    const processor = await startRawProcessor(t, respond)
    const client = openClient(t, {
      url: processor.url,
      ...(detail === 'timeout' ? { attemptTimeoutMs: 500 } : {}),
    })

    const said = await charge(client)

    t.match(said, detail === undefined ? { kind } : { kind, detail })
    t.ok(said.detail.length < 40, said.detail)
    t.equal(said.isLimited ?? false, detail === 'http 429', 'one too many')
    t.equal(processor.requests.length, 1, 'it was sent once')
  })
}

t.test(
  'a charge carries its id, its amount to the cent and its instant to the millisecond',
  async (t) => {
    const processor = await startRawProcessor(t, answer(200))
    const client = openClient(t, { url: `${processor.url}/base/` })
    const correlationId = randomUUID()
    const requestedAt = Date.parse('2025-07-15T12:34:56.070Z')

    for (const amountCents of [1, 10, 1_990, 100, 99_999_999_999]) {
      await sendCharge(client, { correlationId, amountCents, requestedAt })
    }

    const when = '"requestedAt":"2025-07-15T12:34:56.070Z"'
    t.same(
      processor.requests.map((request) => request.body),
      ['0.01', '0.10', '19.90', '1.00', '999999999.99'].map(
        (amount) => `{"correlationId":"${correlationId}","amount":${amount},${when}}`,
      ),
    )
    t.match(processor.requests[0], { method: 'POST', path: '/base/payments' })
    t.ok(processor.sockets.size <= 2, 'connections are kept')
  },
)

t.test(
  'a request that undici starts a second time is in doubt, and not written again',
  startedTwice,
)
t.test('a request that undici takes for invalid is a bug, which ends the process', async (t) => {
  const client = openClient(t, { url: 'http://127.0.0.1:9' })

  t.match(
    crashesOf(() => void lookUp(client, 'no id at all')),
    [{ code: 'UND_ERR_INVALID_ARG' }],
  )
})

t.test('the answer to a look-up is found, missing, failed or foreign', async (t) => {
  const id: string = randomUUID()
  const found = (amount: string, requestedAt: string, named = id): string =>
    `{"correlationId":"${named}","amount":${amount},"requestedAt":"${requestedAt}"}`
  const at = '2025-07-15T12:34:56.789Z'
  const failed = { kind: 'failed' }
  const foreign = { kind: 'foreign' }
  const is = (amountCents: number, instant = at): object => ({
    kind: 'found',
    amountCents,
    requestedAt: Date.parse(instant),
  })
  const processor = await startRawProcessor(t, silent)
  const client = openClient(t, { url: processor.url })
  const hasty = openClient(t, { url: processor.url, lookupTimeoutMs: 500 })

  for (const [respond, expected] of [
    [answer(200, found('19.9', at)), is(1_990)],
    [answer(200, found('19.90', at, id.toUpperCase())), is(1_990)],
    [answer(200, found('0.07', '2025-07-15T12:34:56.789123Z')), is(7)],
    [answer(200, found('1.15', '2025-07-15T12:34:56.789')), is(115)],
    [answer(200, found('100', '2025-07-15T14:34:56.789+02:00')), is(10_000)],
    [
      answer(200, found('999999999.99', '2025-07-15T12:34:56Z')),
      is(99_999_999_999, '2025-07-15T12:34:56Z'),
    ],
    [answer(404, ''), { kind: 'missing' }],
    [answer(404), { ...foreign, detail: 'http 404' }],
    [answer(403), { ...foreign, detail: 'http 403' }],
    [answer(404, '', 'Age: 0\r\n'), { kind: 'missing' }],
    [answer(404, '', 'Age: 1\r\n'), { ...foreign, detail: 'from a cache' }],
    [answer(200, found('19.9', at), 'Age: 59\r\n'), { ...foreign, detail: 'from a cache' }],
    [answer(200, found('19.9', at, OTHER_ID)), { ...is(1_990), foreignId: OTHER_ID }],
    [answer(200, found('19.999', at)), foreign],
    [answer(200, found('1e21', at)), foreign],
    [answer(200, found('-1', at)), foreign],
    [answer(200, found('"19.9"', at)), foreign],
    [answer(200, found('19.9', 'yesterday')), foreign],
    [answer(200, found('19.9', '2025-13-45T99:99:99Z')), foreign],
    [answer(200, '{}'), foreign],
    [answer(200, '[]'), foreign],
    [answer(200, ''), foreign],
    [answer(500), { ...failed, detail: 'http 500' }],
    [answer(429), { ...failed, detail: 'http 429' }],
    [raw('HTTP/1.1 404 x\r\ncontent-length: 9\r\n\r\n{', 'ends'), failed],
    [reset, failed],
    [silent, { ...failed, detail: 'timeout' }],
  ] as const) {
    processor.respond = respond
    t.match(await lookUp(respond === silent ? hasty : client, id), expected)
  }
  t.ok(processor.requests.every(({ path }) => path.split('?')[0] === `/payments/${id}`))
})

t.test('a 404 that a cache in between keeps by URL answers no later look-up', async (t) => {
  const correlationId = randomUUID()
  const payment = { correlationId, amount: 19.9, requestedAt: '2025-07-15T12:34:56Z' }
  const cached = new Map<string, Respond>()
  let truth = answer(404, '')
  const cache = await startRawProcessor(t, (socket, request) => {
    const respond = cached.get(request.path) ?? truth
    cached.set(request.path, respond)
    respond(socket, request)
  })
  // One instance after a restart is another client, and so is another instance.
  const clients = [1, 2].map(() => openClient(t, { url: cache.url }))
  for (const client of clients) {
    t.same(await lookUp(client, correlationId), { kind: 'missing' })
  }

  truth = answer(200, JSON.stringify(payment))

  for (const client of clients) {
    t.match(await lookUp(client, correlationId), { kind: 'found', amountCents: 1_990 })
  }
  for (const { head } of cache.requests) {
    t.match(head, /^cache-control: no-cache$/im)
    t.match(head, /^pragma: no-cache$/im)
  }
})

t.test('the answer to a probe is a health report, limited or failed', async (t) => {
  const processor = await startRawProcessor(t, silent)
  const client = openClient(t, { url: processor.url })
  const hasty = openClient(t, { url: processor.url, probeTimeoutMs: 500 })
  const failed = { kind: 'failed' }

  for (const [respond, expected] of [
    [
      answer(200, '{"failing":true,"minResponseTime":1200}'),
      { kind: 'answered', failing: true, minResponseMs: 1_200 },
    ],
    [answer(429, ''), { kind: 'limited' }],
    [answer(200, '{"failing":"no","minResponseTime":0}'), failed],
    [answer(200, '{"failing":false,"minResponseTime":-1}'), failed],
    [answer(200, '{"failing":false}'), failed],
    [answer(503), { ...failed, detail: 'http 503' }],
    [hangUp, failed],
    [silent, { ...failed, detail: 'timeout' }],
  ] as const) {
    processor.respond = respond
    t.match(await (respond === silent ? hasty : client).probe(), expected)
  }
  t.ok(processor.requests.every(({ path }) => path === '/payments/service-health'))
})

function chunked(body: string, end: string): string {
  return `${HEAD}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n${end}`
}

/** The body's end is the connection's end: only the body itself can tell whether it is whole. */
function untilClose(body: string): Respond {
  return raw(`${HEAD}connection: close\r\n\r\n${body}`, 'ends')
}

function interims(count: number): Respond {
  return raw('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(count))
}

function cutClosing(length: string): Respond {
  return raw(`${HEAD}connection: close\r\n${length}\r\n\r\n${JSON_BODY}`, 'ends')
}

/** No way is known to make undici do it, so the handler is driven by hand. */
function startedTwice(t: Test): void {
  const said: RequestEnd[] = []
  let releases = 0
  const request = new InFlightRequest({
    isOwn: () => true,
    mayWrite: () => true,
    sendBy: 1,
    answerBy: 1,
    report: (end) => said.push(end),
    onReleased: () => (releases += 1),
  })
  let aborts = 0
  const controller = {
    abort(reason: Error): void {
      aborts += 1
      request.onResponseError(controller, reason)
    },
    pause: () => undefined,
    resume: () => undefined,
    aborted: false,
    paused: false,
    reason: null,
  }
  request.dispatched()

  request.onRequestStart(controller)
  t.equal(aborts, 0)
  request.onRequestStart(controller)

  t.equal(aborts, 1)
  t.same(said, [{ kind: 'lost', detail: 'sent twice' }])
  request.onResponseEnd()
  request.expire(2)
  t.equal(said.length, 1, 'what comes later changes nothing')
  t.equal(releases, 1)
  t.end()
}
