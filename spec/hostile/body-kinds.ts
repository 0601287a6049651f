// Bodies in which a payment may be: in odd but right forms, again, changed, nested, padded.

import {
  JSON_TYPE,
  chunked,
  drawPayment,
  plain,
  post,
  single,
  type Draw,
  type Payment,
  type Script,
} from './script.ts'

/** A payment however it may rightly be written. */
export function oddButRight(draw: Draw): Script {
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
export function repeated(draw: Draw): Script {
  const known = draw.known()
  if (known === undefined) return oddButRight(draw)
  const isSame = draw.chance.happens(0.5)
  const body = plain(isSame ? known : { ...known, cents: known.cents + 1 })
  return single(post(body), { statuses: [isSame ? 202 : 409] })
}

/** A payment with some bytes changed; what JSON.parse still makes a payment of may be paid. */
export function mutated(draw: Draw): Script {
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
export function nested(draw: Draw): Script {
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
export function oversized(draw: Draw): Script {
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

/** A judge of its own: what somebody else's parser takes for a payment. */
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
