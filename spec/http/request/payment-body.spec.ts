import fc from 'fast-check'
import t from 'tap'
import {
  decodePayment,
  decodePaymentFully,
  membersOf,
} from '../../../src/http/request/payment-body.ts'
import { holdsAlways } from '../../support/property.ts'

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'

t.test('a payment in its most common form is decoded', async (t) => {
  t.same(decode(`{"correlationId":"${ID}","amount":19.9}`), payment(1990))
  t.same(decode(`{"correlationId":"${ID.toUpperCase()}","amount":19.90}`), payment(1990))
})

t.test('a payment is decoded from JSON of any layout', async (t) => {
  t.same(decode(` {\n "amount" : 0.01 ,\t"correlationId" : "${ID}" }\r\n`), payment(1))
  t.same(
    decode(`{"correlationId":"${ID}","amount":1e2,"note":{"amount":[3,"}"]}}`),
    payment(10_000),
  )
  t.same(decode(`{"correlation\\u0049d":"${ID}","\\u0061mount":5}`), payment(500))
  t.same(decode(`{"correlationId":"\\u0034${ID.slice(1)}","amount":5}`), payment(500))
  t.same(decode(`{"note":"é \\"amount\\": 7","correlationId":"${ID}","amount":5}`), payment(500))
})

t.test('a body that is not a JSON object is a fault without a field', async (t) => {
  const texts = ['', ' ', 'null', '[]', '7', '"a"', '{', `{"correlationId":"${ID}","amount":01}`]
  for (const text of texts) t.match(decode(text), { kind: 'fault', field: undefined }, text)
  t.match(decode(`\ufeff{"correlationId":"${ID}","amount":1}`), { detail: 'The body is not JSON.' })
  const latin1 = Buffer.from(`{"correlationId":"${ID}","amount":1,"é":1}`, 'latin1')
  t.match(decodePayment(latin1), { kind: 'fault', detail: 'The body is not UTF-8.' })
  const utf16 = Buffer.from(`{"correlationId":"${ID}","amount":1}`, 'utf16le')
  t.match(decodePayment(utf16), { kind: 'fault', detail: 'The body is not JSON.' })
})

t.test('a fault of the correlationId names it', async (t) => {
  const values = ['7', 'null', '[]', '""', '"a"', `"{${ID}}"`, `"urn:uuid:${ID}"`, `" ${ID}"`]
  for (const value of [...values, `"${ID.replaceAll('-', '')}"`, `"${ID}\\u0000"`, `["${ID}"]`]) {
    const body = `{"correlationId":${value},"amount":1}`
    t.match(decode(body), { kind: 'fault', field: 'correlationId' }, body)
  }
  t.match(decode('{"amount":1}'), { field: 'correlationId', detail: /missing/ })
  const twice = `{"correlationId":"${ID}","amount":1,"correlationId":"${ID}"}`
  t.match(decode(twice), { field: 'correlationId', detail: /more than once/ })
})

t.test('a fault of the amount names it', async (t) => {
  const values = [
    '"1"',
    'null',
    'true',
    '[1]',
    '{}',
    '0',
    '0.00',
    '-0',
    '-1',
    '0.001',
    '1e99',
    '1e-9',
  ]
  for (const value of [...values, '1000000000.01', `1${'0'.repeat(400)}`]) {
    const body = `{"correlationId":"${ID}","amount":${value}}`
    t.match(decode(body), { kind: 'fault', field: 'amount' }, body)
  }
  t.match(decode(`{"correlationId":"${ID}"}`), { field: 'amount', detail: /missing/ })
})

t.test('each fault says what is wrong', async (t) => {
  const withId = (value: string): string => `{"correlationId":${value},"amount":1}`
  const withAmount = (value: string): string => `{"correlationId":"${ID}","amount":${value}}`
  for (const [body, detail] of [
    ['{', 'The body is not JSON.'],
    ['[]', 'The body is not a JSON object.'],
    ['null', 'The body is not a JSON object.'],
    ['7', 'The body is not a JSON object.'],
    ['{"amount":1}', 'correlationId is missing.'],
    [withId('7'), 'correlationId is not a string.'],
    [withId('"a"'), 'correlationId is not a UUID.'],
    [withId(`"${ID}","correlationId":"${ID}"`), 'correlationId occurs more than once.'],
    [`{"correlationId":"${ID}"}`, 'amount is missing.'],
    [withAmount('"1"'), 'amount is not a number.'],
    [withAmount('-1'), 'amount is not above zero.'],
    [withAmount('0'), 'amount is not above zero.'],
    [withAmount('0.001'), 'amount has more than two decimals.'],
    [withAmount('1000000000.01'), 'amount is too large.'],
    [withAmount('1,"amount":1'), 'amount occurs more than once.'],
  ] as const) {
    t.match(decode(body), { kind: 'fault', detail }, body)
  }
})

t.test('an amount is judged by all its digits, not by the nearest double', async (t) => {
  const value = '19.9000000000000000000001'
  t.equal(Number(value), 19.9)
  t.match(decode(`{"correlationId":"${ID}","amount":${value}}`), { field: 'amount' })
})

t.test('an amount that is written twice is refused, also with escapes in its name', async (t) => {
  const bodies = [
    `{"correlationId":"${ID}","amount":1,"amount":2}`,
    `{"correlationId":"${ID}","amount":1,"\\u0061mount":2}`,
    `{"correlationId":"${ID}","\\u0061mount":2,"amount":1}`,
    `{"amount":{"amount":1},"correlationId":"${ID}","amount":1}`,
  ]
  for (const body of bodies) t.match(decode(body), { kind: 'fault', field: 'amount' }, body)
})

t.test('a body that nests 4 KB deep does not overflow the stack', async (t) => {
  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`
  t.same(decode(`{"a":${deep},"correlationId":"${ID}","amount":1}`), payment(100))
  t.match(decode('['.repeat(4096)), { kind: 'fault' })
  t.match(decode('{"a":'.repeat(800)), { kind: 'fault' })
})

t.test('another member is ignored, whatever it is and however often', async (t) => {
  const others = '"note":1,"note":"","Amount":2,"amounts":[3],'
  t.same(decode(`{${others}"correlationId":"${ID}",${others}"amount":5}`), payment(500))
})

t.test('a body that is nearly of the common form is judged as one of any form', async (t) => {
  const common = `{"correlationId":"${ID}","amount":19.90}`
  const bodies: string[] = []
  for (let from = 0; from <= common.length; from += 1) {
    for (let to = from + 1; to <= common.length; to += 1) {
      bodies.push(common.slice(0, from) + common.slice(to))
    }
    for (const piece of ['x', '0', '"', '{', '}', ' ', 'é']) {
      bodies.push(common.slice(0, from) + piece + common.slice(from))
      bodies.push(common.slice(0, from) + piece + common.slice(from + 1))
    }
  }

  const differing = bodies.filter((body) => {
    const bytes = Buffer.from(body)
    return JSON.stringify(decodePayment(bytes)) !== JSON.stringify(decodePaymentFully(bytes))
  })

  t.strictSame(differing, [])
})

t.test('the fast decoder and the full one agree on every body', async (t) => {
  holdsAlways(
    t,
    fc.property(nearlyPayments(), (bytes) => {
      const quick = JSON.stringify(decodePayment(bytes))
      return quick === JSON.stringify(decodePaymentFully(bytes))
    }),
    { numRuns: 5000 },
  )
})

t.test('every payment has the amount that JSON.parse reads', async (t) => {
  holdsAlways(
    t,
    fc.property(nearlyPayments(), (bytes) => {
      const body = decodePayment(bytes)
      if (body.kind === 'fault') return true
      const value = JSON.parse(bytes.toString()) as { amount: number; correlationId: string }
      // Division is rounded correctly, so this is the double nearest to the decimal amount.
      const isSame = value.amount === body.amountCents / 100
      return isSame && value.correlationId.toLowerCase() === body.correlationId
    }),
    { numRuns: 5000 },
  )
})

t.test('members are found with the source of their values in any JSON object', async (t) => {
  const objects = fc.tuple(
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { noNullPrototype: true }),
    fc.constantFrom('', ' ', '\t', '\n   '),
  )
  holdsAlways(
    t,
    fc.property(objects, ([object, space]) => {
      const text = JSON.stringify(object, null, space)
      const found = membersOf(text).map(({ name, source }) => [name, JSON.parse(source) as unknown])
      const expected = Object.entries(JSON.parse(text) as object)
      return JSON.stringify(found) === JSON.stringify(expected)
    }),
  )
})

function decode(text: string): unknown {
  return decodePayment(Buffer.from(text))
}

function payment(amountCents: number): unknown {
  return { kind: 'payment', correlationId: ID, amountCents }
}

/** Bodies in and around the common shape: most are payments, or one slip away from one. */
function nearlyPayments(): fc.Arbitrary<Buffer> {
  const numbers = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.integer({ min: 1, max: 10 ** 11 }).map((cents) => String(cents / 100)),
    },
    {
      weight: 2,
      arbitrary: fc.stringMatching(/^-?[0-9]{1,12}(\.[0-9]{0,4})?([eE][+-]?[0-9]{1,2})?$/),
    },
    { weight: 1, arbitrary: fc.double().map(String) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('"1"', '[1]', '1}', ' 1 ', '1,"amount":2', '{"amount":1}', '1 }{'),
    },
  )
  const ids = fc.oneof(
    { weight: 6, arbitrary: fc.uuid() },
    { weight: 2, arbitrary: fc.uuid().map((id) => id.toUpperCase()) },
    { weight: 1, arbitrary: fc.stringMatching(/^[0-9a-fg-]{35,37}$/) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        `\\u0034${ID.slice(1)}`,
        `${ID}","amount":3,"x":"`,
        `${ID.slice(1)}é`,
      ),
    },
  )
  const common = (id: string, amount: string): string =>
    `{"correlationId":"${id}","amount":${amount}}`
  const shapes = fc.constantFrom(
    common,
    common,
    (id: string, amount: string) => `${common(id, amount)} `,
    (id: string, amount: string) => `${common(id, amount)}}`,
    (id: string, amount: string) => `{"correlationId":"${id}","amount":${amount},"amount":1}`,
    (id: string, amount: string) => `{ "amount": ${amount}, "correlationId": "${id}" }`,
    (id: string, amount: string) => `{"correlationId":"${id}","\\u0061mount":${amount}}`,
  )
  const texts = fc.tuple(shapes, ids, numbers).map(([shape, id, amount]) => shape(id, amount))
  const flipped = fc
    .tuple(texts, fc.nat(), fc.nat(255))
    .map(([text, at, byte]) => flip(Buffer.from(text), at, byte))
  return fc.oneof(
    { weight: 4, arbitrary: texts.map((text) => Buffer.from(text)) },
    { weight: 4, arbitrary: flipped },
    { weight: 1, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
  )
}

function flip(bytes: Buffer, at: number, byte: number): Buffer {
  bytes[at % bytes.length] = byte
  return bytes
}

t.test('the generated bodies include enough payments', async (t) => {
  const bodies = fc.sample(nearlyPayments(), 500)
  const taken = bodies.filter((bytes) => decodePayment(bytes).kind === 'payment').length
  t.ok(taken > 50, `${taken} of 500`)
})
