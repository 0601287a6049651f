// Hostile bodies: payments in odd but right forms, again, changed, nested, padded; and bodies that are
// no payments.

import { gzipSync } from 'node:zlib'
import {
  chunked,
  type Draw,
  drawPayment,
  JSON_TYPE,
  type Payment,
  plain,
  post,
  type Payload,
  single,
} from './payload.ts'

/** Not JSON. */
export function brokenJson(draw: Draw): Payload {
  const { chance } = draw
  const body = plain(drawPayment(draw))
  const end = 1 + chance.below(body.length - 1)
  return single(
    post(
      chance.pick([
        body.slice(0, end),
        `${body}${chance.pick([']', '}', 'x', '\u0000', body])}`,
        body.replace(/"/g, "'"),
        body.replace(':', chance.pick(['=', '::', ''])),
        body.replace('{', chance.pick(['{,', '{//\n', '{/**/', '[', ''])),
        body.replace('}', ',}'),
        body.replace('"amount":', '"amount":+'),
        body.replace('-', '\n'),
        ' '.repeat(chance.below(4000)),
      ]),
    ),
  )
}

/** JSON that is no payment. */
export function wrongShape(draw: Draw): Payload {
  const { chance } = draw
  const { id, cents } = drawPayment(draw)
  const right = `"correlationId":"${id}","amount":${cents / 100}`
  return single(
    post(
      chance.pick([
        'null',
        'true',
        '1',
        '""',
        '[]',
        '{}',
        `[{${right}}]`,
        `"{${right}}"`,
        `{"correlationId":"${id}"}`,
        `{"amount":${cents / 100}}`,
        `{"CorrelationId":"${id}","amount":1}`,
        `{"correlation_id":"${id}","amount":1}`,
        `{"payment":{${right}}}`,
        `{${right},"amount":${cents / 100}}`,
        `{"correlationId":"${id}",${right}}`,
        `{"__proto__":{${right}}}`,
        `{"correlationId":["${id}"],"amount":1}`,
        `{"correlationId":${cents},"amount":1}`,
        `{"correlationId":null,"amount":1}`,
      ]),
    ),
  )
}

/** Ids that look like UUIDs. */
export function oddIds(draw: Draw): Payload {
  const { chance } = draw
  const { id } = drawPayment(draw)
  const odd = chance.pick([
    `{${id}}`,
    `urn:uuid:${id}`,
    id.replace(/-/g, ''),
    ` ${id}`,
    `${id} `,
    `${id}\\n`,
    '',
    id.slice(1),
    `${id}0`,
    id.replace('-', '_'),
    id.replace('-', '–'),
    `${id}\\u0000`,
    id.replace(/^./, 'g'),
    id.replace(/^./, '０'),
    id.replace(/^./, '\\ud800'),
    `${id.slice(0, 8)}${id.slice(9, 18)}-${id.slice(18)}`,
    `${id}' OR 1=1 --`,
    'x'.repeat(chance.below(3000)),
  ])
  return single(post(`{"correlationId":"${odd}","amount":${1 + chance.below(99)}}`))
}

/** Amounts that nobody can pay. */
export function oddAmounts(draw: Draw): Payload {
  const { chance } = draw
  const odd = chance.pick([
    '0',
    '0.00',
    '-0',
    '-1',
    '-0.01',
    '0.001',
    '1.999',
    '19.900000000000001',
    '1e-3',
    '1e999',
    '1e99999999999999999999',
    '-1e999',
    '1000000000.01',
    '"19.90"',
    'null',
    'true',
    '[19.9]',
    '{"value":19.9}',
    '0x10',
    '1_000',
    '1,5',
    '.5',
    '5.',
    '01',
    'NaN',
    'Infinity',
    `${'9'.repeat(1 + chance.below(3000))}0000000000`,
    `0.${'0'.repeat(chance.below(3000))}01e-1`,
  ])
  const { id } = drawPayment(draw)
  return single(post(`{"correlationId":"${id}","amount":${odd}}`))
}

/** Text that is not UTF-8. */
export function encodings(draw: Draw): Payload {
  const { chance } = draw
  const body = plain(drawPayment(draw))
  const wide = Buffer.from(body, 'utf16le')
  const noted = (bytes: number[]): Buffer =>
    Buffer.concat([
      Buffer.from(`${body.slice(0, -1)},"note":"`),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ])
  return single(
    chance.pick([
      post(wide),
      post(Buffer.from(wide).swap16(), ['Content-Type: application/json; charset=utf-16']),
      post(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(body)])),
      post(noted([0xe9])),
      post(noted([0xc0, 0xa2])),
      post(noted([0xed, 0xa0, 0x80])),
      post(noted([0xf4, 0x90, 0x80, 0x80])),
      post(gzipSync(body), [...JSON_TYPE, 'Content-Encoding: gzip']),
      post(Buffer.from(Buffer.from(body).map((byte) => byte ^ 0x80))),
    ]),
  )
}

/** Not said to be JSON. */
export function wrongTypes(draw: Draw): Payload {
  const type = draw.chance.pick([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',

    'application/xml',
    'application/jsonx',
    'json',
    '*/*',
    'application/json5',
    'x'.repeat(900),
  ])
  return single(post(plain(drawPayment(draw)), [`Content-Type: ${type}`]))
}

/** A payment however it may rightly be written. */
export function oddButRight(draw: Draw): Payload {
  const { chance } = draw
  const payment = drawPayment(draw)
  const { id, cents } = payment
  const amount = chance.pick([
    String(cents / 100),
    (cents / 100).toFixed(2),
    `${(cents / 100).toFixed(2)}000`,
    `${cents}e-2`,
    `0.${String(cents).padStart(6, '0')}E+4`,
  ])
  const name = chance.pick(['"correlationId"', '"\\u0063orrelationId"'])
  const value = chance.pick([
    `"${id}"`,
    `"${id.toUpperCase()}"`,
    `"${id.replace(/-/g, '\\u002d')}"`,
  ])
  const extra = chance.pick(['', ',"note":"é€𝄞"', ',"amounts":[1,{"amount":2}]', ',"":null'])
  const space = chance.pick(['', ' ', '\r\n\t'])
  const members = chance.pick([
    [`${name}${space}:${value}`, `"amount":${space}${amount}${extra}`],
    [`"amount":${amount}${extra}`, `${name}:${value}`],
  ])
  const body = `${space}{${space}${members.join(`${space},`)}}${space}`
  const type = chance.pick([
    ...JSON_TYPE,
    'content-type: application/json; charset=utf-8',
    'Content-Type: application/vnd.pit+json',
    'X-Nothing: 1',
  ])
  const isAscii = Buffer.byteLength(body) === body.length
  const isChunked = isAscii && chance.happens(0.2)
  const bytes = isChunked ? chunked(body, () => 1 + chance.below(40)) : post(body, [type])
  return single(bytes, { payments: [{ ...payment, at: 0 }] })
}

/** The same id again: with its amount it is the same payment, with another a conflict. */
export function repeated(draw: Draw): Payload {
  const known = draw.known()
  if (known === undefined) return oddButRight(draw)
  const isSame = draw.chance.happens(0.5)
  const body = plain(isSame ? known : { ...known, cents: known.cents + 1 })
  return single(post(body), { statuses: [isSame ? 202 : 409] })
}

/** A payment with some bytes changed; what JSON.parse still makes a payment of may be paid. */
export function mutated(draw: Draw): Payload {
  const { chance } = draw
  const bytes = Buffer.from(plain(drawPayment(draw)))
  for (let left = 1 + chance.below(3); left > 0; left -= 1) {
    bytes[chance.below(bytes.length)] = chance.below(256)
  }
  const payment = readLoosely(bytes.toString('latin1'))
  const payments = payment === undefined ? [] : [{ ...payment, at: 0 }]
  return single(post(bytes), { payments })
}

/** Deep nesting, within the longest body and beyond. */
export function nested(draw: Draw): Payload {
  const { chance } = draw
  const payment = drawPayment(draw)
  const depth = 1 + chance.below(chance.pick([100, 1900, 6000]))
  const [open, close] = chance.pick([['[', ']'] as const, ['{"a":', '}'] as const])
  const deep = `${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}`
  if (chance.happens(0.5)) return single(post(deep), { statuses: [400, 413] })
  if (chance.happens(0.2)) return single(post(open.repeat(depth)), { statuses: [400, 413] })
  const body = `{"deep":${deep},${plain(payment).slice(1)}`
  return single(post(body), { payments: [{ ...payment, at: 0 }] })
}

/** Longer than any payment. */
export function oversized(draw: Draw): Payload {
  const { chance } = draw
  const length = chance.pick([4097, 5000, 16_000, 20_000, 70_000, 300_000]) + chance.below(999)
  const body = plain(drawPayment(draw))
  const padded = chance.pick([
    body.padEnd(length, ' '),
    `{"pad":"${'x'.repeat(length)}",${body.slice(1)}`,
    '0'.repeat(length),
  ])
  return single(chance.happens(0.8) ? post(padded) : chunked(padded, () => 4096))
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** What JSON.parse takes for a payment, apart from Pit's own parser. */
function readLoosely(text: string): Payment | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<string, unknown>> | null
    const [id, amount] = [value?.['correlationId'], value?.['amount']]
    if (typeof id !== 'string' || typeof amount !== 'number' || !UUID.test(id)) return undefined
    return { id: id.toLowerCase(), cents: Math.round(amount * 100) }
  } catch {
    return undefined
  }
}
