// Bodies that are no payments.

import { gzipSync } from 'node:zlib'
import { JSON_TYPE, drawPayment, plain, post, single, type Draw, type Script } from './script.ts'

/** Not JSON. */
export function brokenJson(draw: Draw): Script {
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
export function wrongShape(draw: Draw): Script {
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
export function oddIds(draw: Draw): Script {
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
export function oddAmounts(draw: Draw): Script {
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
export function encodings(draw: Draw): Script {
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
export function wrongTypes(draw: Draw): Script {
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
