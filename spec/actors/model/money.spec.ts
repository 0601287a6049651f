import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  AMOUNT_CENTS_MAX,
  addCents,
  centsOf,
  formatCents,
  parseCents,
} from '../../../src/actors/model/money.ts'
import { holdsAlways } from '../../support/property.ts'

t.test('an amount is read exactly in every notation that JSON knows', async (t) => {
  const texts = ['19.9', '19.90', '1.99e1', '1990e-2', '0.199E+2', '19.900', '1990.000e-2']
  for (const text of texts) t.equal(parseCents(text), 1990, text)

  t.equal(parseCents('1E2'), 10_000)
  t.equal(parseCents('0.00000000000001e14'), 100, 'zeros before the first digit count for nothing')
  t.equal(parseCents('0.01'), 1)
  t.equal(parseCents('1000000000.00'), AMOUNT_CENTS_MAX)
  t.equal(parseCents('1e9'), AMOUNT_CENTS_MAX)
  t.equal(parseCents('1000000000'), AMOUNT_CENTS_MAX, 'the largest amount, in plain digits')
  for (const zero of ['0', '-0', '0.000', '0e999', '-0.0E-5']) t.equal(parseCents(zero), 0, zero)
})

t.test('what is no amount is told apart by its fault', async (t) => {
  const faults = {
    notANumber: [
      '',
      ' 1',
      '01',
      '00.1',
      '1.',
      '.5',
      '+1',
      '1e',
      '1,5',
      '0x10',
      'NaN',
      '"1"',
      '1.2.3',
    ],
    negative: ['-1', '-0.01', '-1e30', '-0.001'],
    tooManyDecimals: ['0.001', '19.901', '1e-3', '19.900000000000000000001', '1e-99999999999999'],
    tooLarge: ['1000000000.01', '1e10', '99999999999999999999', `1e${'9'.repeat(3000)}`],
  }
  for (const [fault, texts] of Object.entries(faults)) {
    for (const text of texts) t.equal(parseCents(text), fault, text.slice(0, 40))
  }
})

t.test('a character that no number has makes a text no amount', async (t) => {
  for (let code = 0; code < 128; code += 1) {
    const character = String.fromCharCode(code)
    for (const [before, after] of [
      ['', '1'],
      ['1', ''],
      ['1', '5'],
      ['1', '50'],
      ['1.', '5'],
    ] as const) {
      const text = before + character + after
      const isNumber = /^\S+$/.test(text) && isJsonNumber(text)
      t.equal(parseCents(text) === 'notANumber', !isNumber, JSON.stringify(text))
    }
  }
})

t.test('digits beyond the precision of a double are judged', async (t) => {
  // Both are 19.9 to JSON.parse.
  t.equal(parseCents('19.9000000000000000001'), 'tooManyDecimals')
  t.equal(parseCents(`19.9${'0'.repeat(3000)}`), 1990)
  t.equal(parseCents('9'.repeat(3000)), 'tooLarge')
})

t.test('parsing agrees with exact arithmetic on big integers', async (t) => {
  const digits = fc.stringMatching(/^[0-9]{0,14}$/)
  const parts = fc.record({
    sign: fc.constantFrom('', '-'),
    whole: fc.stringMatching(/^(0|[1-9][0-9]{0,13})$/),
    decimals: fc.option(digits, { nil: '' }),
    exponent: fc.option(fc.integer({ min: -20, max: 20 }), { nil: undefined }),
  })

  holdsAlways(
    t,
    fc.property(parts, ({ sign, whole, decimals, exponent }) => {
      const point = decimals === '' ? '' : `.${decimals}`
      const text = `${sign}${whole}${point}${exponent === undefined ? '' : `e${exponent}`}`
      const expected = exactCents(sign, whole + decimals, (exponent ?? 0) - decimals.length)
      return parseCents(text) === expected
    }),
    { numRuns: 5000 },
  )
})

t.test('printed cents are a JSON number with two decimals that reads back', async (t) => {
  t.equal(formatCents(0), '0.00')
  t.equal(formatCents(5), '0.05')
  t.equal(formatCents(1990), '19.90')
  t.equal(formatCents(Number.MAX_SAFE_INTEGER), '90071992547409.91')

  holdsAlways(
    t,
    fc.property(fc.integer({ min: 0, max: AMOUNT_CENTS_MAX }), (cents) => {
      const text = formatCents(cents)
      const value: unknown = JSON.parse(text)
      return /^\d+\.\d\d$/.test(text) && value === cents / 100 && parseCents(text) === cents
    }),
  )
})

t.test('what is no sum of cents is not printed', async (t) => {
  for (const cents of [0.5, NaN, Infinity, 2 ** 53]) t.throws(() => formatCents(cents))
})

t.test('sums of cents stay exact beyond 2^53, and are numbers up to there', async (t) => {
  const sums = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })
  const near = fc.integer({ min: -9, max: 9 }).map((offset) => 2n ** 53n + BigInt(offset))
  const any = fc.oneof(sums, near, fc.bigInt({ min: -99n, max: 99n }))
  holdsAlways(
    t,
    fc.property(any, any, (one, other) => {
      const [first, second] = [centsOf(String(one)), centsOf(String(other))]
      const [sum, exact] = [addCents(first, second), one + other]
      const isSafe = Number.isSafeInteger(Number(exact))
      assert.equal(typeof sum, isSafe ? 'number' : 'bigint')
      assert.equal(BigInt(sum), exact)
      assert.equal(formatCents(sum).replace('.', ''), digitsOf(exact))
    }),
    { numRuns: 2_000 },
  )
})

function isJsonNumber(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'number'
  } catch {
    return false
  }
}

/** At least three digits: units and cents. */
function digitsOf(cents: bigint): string {
  const digits = String(cents < 0n ? -cents : cents).padStart(3, '0')
  return cents < 0n ? `-${digits}` : digits
}

/** The value is digits × 10^power. */
function exactCents(sign: string, digits: string, power: number): number | string {
  const value = BigInt(digits)
  if (value === 0n) return 0
  if (sign === '-') return 'negative'
  const scale = power + 2
  if (scale < 0 && value % 10n ** BigInt(-scale) !== 0n) return 'tooManyDecimals'
  const cents = scale < 0 ? value / 10n ** BigInt(-scale) : value * 10n ** BigInt(scale)
  return cents > BigInt(AMOUNT_CENTS_MAX) ? 'tooLarge' : Number(cents)
}
