// Requests that are wrong outside of their bodies, or no requests at all.

import { brokenJson, oddAmounts, oddButRight, wrongShape } from './bodies.ts'
import {
  chunked,
  type Draw,
  drawId,
  drawPayment,
  get,
  HOST,
  plain,
  post,
  type Payload,
  single,
} from './payload.ts'

/** Methods and paths that there are not. */
export function oddPaths({ chance }: Draw): Payload {
  const id = drawId(chance)
  const path = chance.pick([
    '/',
    '//payments',
    '/payments/',
    '/payments//',
    '/PAYMENTS',
    '/payments/../payments',
    '/payments%2f',
    '/payments%00',
    '/%70ayments',
    '/payments;a=b',
    '/metrics',
    '/healthz',
    '/../../etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/.env',
    `/payments/${id}/x`,
    `/payments/{${id}}`,
    `/payments/${id}%00`,
    `/payments/${id.toUpperCase()}`,
    '/purge-payments',
    '/payments-summary',
    `/${'a'.repeat(chance.below(3500))}`,
    `/payments/${'%41'.repeat(chance.below(900))}`,
  ])
  const method = chance.pick(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'BREW', 'HEAD'])
  return single(get(path, method), { asks: method === 'HEAD' ? 'head' : 'bodies' })
}

/** Queries of summaries and payments. */
export function oddQueries({ chance }: Draw): Payload {
  const instant = new Date(chance.below(2 ** 31) * 1000).toISOString()
  const odd = chance.pick([
    '',
    '0',
    'now',
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '99999-01-01T00:00:00Z',
    '%00',
    '%',
    '2026-01-01T00:00:00',
    '2026-01-01T24:00:00Z',
    "2026-01-01T00:00:00Z'--",
    '９',
    `2026-01-01T00:00:00.${'9'.repeat(chance.below(2000))}Z`,
  ])
  return single(
    get(
      chance.pick([
        `/payments-summary?from=${odd}`,
        `/payments-summary?from=${instant}&to=${odd}`,
        `/payments-summary?from=${instant}&from=${instant}`,
        `/payments-summary?to=${instant}&FROM=${instant}`,
        `/payments-summary?${'a=b&'.repeat(chance.below(800))}`,
        `/payments-summary?from=${instant}&to=0001-01-01T00:00:00Z`,
        `/payments/${drawId(chance)}`,
        `/payments/${encodeURIComponent(odd)}x`,
      ]),
    ),
  )
}

/** More headers, or longer ones, than anybody needs. */
export function headerFloods(draw: Draw): Payload {
  const { chance } = draw
  const header = (name: string, length: number): string => `${name}: ${'x'.repeat(length)}`
  const headers = chance.pick([
    Array.from({ length: chance.below(400) }, (_, at) => `X-${at}: ${at}`),
    Array.from({ length: chance.below(40) }, (_, at) => header(`X-${at}`, chance.below(1000))),
    [header('X-Long', chance.below(chance.pick([4096, 9000, 100_000])))],
    [header('Cookie', chance.below(9000)), header('Cookie', chance.below(9000))],
    [`${'N'.repeat(chance.below(9000))}: 1`],
    Array.from({ length: 50 }, () => HOST),
  ])
  const payment = drawPayment(draw)
  if (chance.happens(0.3)) {
    const bytes = post(plain(payment), ['Content-Type: application/json', ...headers])
    return single(bytes, { payments: [{ ...payment, at: 0 }] })
  }
  const path = `/payments/${payment.id}`
  return single(`GET ${path} HTTP/1.1\r\n${[HOST, ...headers].join('\r\n')}\r\n\r\n`)
}

/** No HTTP/1.1. */
export function garbage(draw: Draw): Payload {
  const { chance } = draw
  const noise = Buffer.from(Array.from({ length: 1 + chance.below(600) }, () => chance.below(256)))
  const body = plain(drawPayment(draw))
  const bytes = chance.pick<string | Buffer>([
    noise,
    Buffer.concat([noise, Buffer.from('\r\n\r\n')]),
    Buffer.concat([Buffer.from(get('/payments-summary')), noise]),
    Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), noise]),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET /payments-summary\r\n',
    `GET / HTTP/9.9\r\n${HOST}\r\n\r\n`,
    `GET / HTTP/1.1\n${HOST}\n\n`,
    `GET / HTTP/1.1\r\nHost pit\r\n\r\n`,
    `GET / HTTP/1.1\r\n: no name\r\n\r\n`,
    `GET  /  HTTP/1.1\r\n${HOST}\r\n\r\n`,
    `POST\t/payments\tHTTP/1.1\r\n${HOST}\r\n\r\n${body}`,
    `${'\r\n'.repeat(chance.below(200))}X`,
    body,
    'x'.repeat(chance.below(20_000)),
  ])
  return single(bytes, { finish: 'end' })
}

/** Several requests at once, some of them right. */
export function pipelined(draw: Draw): Payload {
  const { chance } = draw
  const count = 2 + chance.below(12)
  const payloads = Array.from({ length: count }, () =>
    chance.pick([oddButRight, brokenJson, wrongShape, oddAmounts, oddQueries])(draw),
  )
  return {
    bytes: Buffer.concat(payloads.map(({ bytes }) => bytes)),
    requests: count,
    answers: count,
    finish: 'read',
    asks: 'bodies',
    payments: payloads.flatMap(({ payments }, at) => payments.map((each) => ({ ...each, at }))),
  }
}

/** Requests of which two readers could see different ends; nothing in them may be paid. */
export function smuggled(draw: Draw): Payload {
  const { chance } = draw
  const inner = post(plain(drawPayment(draw))).toString('latin1')
  const head = `POST /payments HTTP/1.1\r\n${HOST}\r\nContent-Type: application/json\r\n`
  const junk = 'Transfer-Encoding'
  const length = (text: string): string => `Content-Length: ${text}\r\n`
  const bytes = chance.pick([
    `${head}${length(String(5 + inner.length))}${junk}: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `${head}${length('0')}${length(String(inner.length))}\r\n${inner}`,
    `${head}${length('-1')}\r\n${inner}`,
    `${head}${length('+0')}\r\n${inner}`,
    `${head}${length('0x0')}\r\n${inner}`,
    `${head}${length('99999999999999999999')}\r\n${inner}`,
    `${head}${junk}: chunked, identity\r\n\r\n0\r\n\r\n${inner}`,
    `${head}${junk} : chunked\r\n${length(String(inner.length))}\r\n${inner}`,
    `${head}${junk}: xchunked\r\n${length(String(inner.length))}\r\n${inner}`,
    `${head}${junk}: chunked\r\n\r\nzz\r\n${inner}`,
    `${head}${junk}: chunked\r\n\r\n-1\r\n${inner}`,
    `${head}${junk}: chunked\r\n\r\nffffffffffffffffff\r\n${inner}`,
  ])
  return single(bytes, { finish: 'end' })
}

/** Closes its connection before the answer. */
export function vanishing(draw: Draw): Payload {
  const { chance } = draw
  const payment = drawPayment(draw)
  const whole = chance.pick([
    post(plain(payment)),
    Buffer.from(chunked(plain(payment), () => 1 + chance.below(30))),
  ])
  const bytes = chance.happens(0.3) ? whole : whole.subarray(0, chance.below(whole.length))
  return single(bytes, { finish: 'vanish', answers: 0, payments: [{ ...payment, at: 0 }] })
}
