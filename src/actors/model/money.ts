// Money is integer cents; decimals exist only as text at the edges, never as floating point.

import assert from 'node:assert'

/** Largest amount of one payment: a thousand million currency units, in cents. */
export const AMOUNT_CENTS_MAX = 100_000_000_000

/**
 * Why a decimal text is not an amount:
 * - `notANumber`: not a number in the grammar of JSON (RFC 8259);
 * - `negative`: less than zero;
 * - `tooManyDecimals`: worth a fraction of a cent;
 * - `tooLarge`: more than `AMOUNT_CENTS_MAX`.
 */
export type CentsFault = 'notANumber' | 'negative' | 'tooManyDecimals' | 'tooLarge'

/**
 * Reads the source text of a JSON number as cents, exactly: `19.9`, `19.90`, `1.99e1` and
 * `1990e-2` are all 1990. The value decides, not the notation: `19.900` is 1990 too, since no
 * fraction of a cent is lost. Zero is a number of cents; whether it may be paid is the caller's.
 */
export function parseCents(text: string): number | CentsFault {
  const cents = parsePlain(text)
  if (cents === undefined) return parseAnyNotation(text)
  return cents > AMOUNT_CENTS_MAX ? 'tooLarge' : cents
}

/** A sum of cents, always exact: a number while that is so, and a bigint beyond 2^53. */
export type Cents = number | bigint

/** Reads the digits of a whole number of cents. */
export function centsOf(digits: string): Cents {
  const cents = Number(digits)
  return Number.isSafeInteger(cents) ? cents : BigInt(digits)
}

export function addCents(one: Cents, other: Cents): Cents {
  if (typeof one === 'number' && typeof other === 'number') {
    const sum = one + other
    if (Number.isSafeInteger(sum)) return sum
  }
  return centsOf(String(BigInt(one) + BigInt(other)))
}

/**
 * Prints cents with exactly two decimals: 1990 as `19.90`. The text is a JSON number too, so that
 * sums leave as they are in the books, without floating point.
 */
export function formatCents(cents: Cents): string {
  assert(isExact(cents), 'cents are a whole number')
  const digits = String(cents < 0 ? -cents : cents).padStart(3, '0')
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

function isExact(cents: Cents): boolean {
  return typeof cents === 'bigint' || Number.isSafeInteger(cents)
}

const ZERO = 48
const NINE = 57
const POINT = 46

/**
 * The common notation without allocating: digits, and at most two decimals. Anything else is
 * `undefined`, and is judged by `parseAnyNotation`, which agrees with this one where both answer.
 */
function parsePlain(text: string): number | undefined {
  // Exact up to far more than the largest amount; beyond 2^53 it is too large all the same.
  let digits = 0
  let pointAt = -1
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code >= ZERO && code <= NINE) digits = digits * 10 + (code - ZERO)
    else if (code === POINT && pointAt === -1) pointAt = at
    else return undefined
  }
  const wholeLength = pointAt === -1 ? text.length : pointAt
  if (wholeLength === 0 || (wholeLength > 1 && text.charCodeAt(0) === ZERO)) return undefined
  if (pointAt === -1) return digits * 100
  const decimals = text.length - pointAt - 1
  if (decimals === 2) return digits
  return decimals === 1 ? digits * 10 : undefined
}

const JSON_NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
const CENTS_DIGITS_MAX = String(AMOUNT_CENTS_MAX).length

function parseAnyNotation(text: string): number | CentsFault {
  const match = JSON_NUMBER.exec(text)
  if (match === null) return 'notANumber'
  const [, sign, whole = '', decimals = '', exponent = '0'] = match
  const digits = whole + decimals
  const end = endOfSignificant(digits)
  if (end === 0) return 0
  if (sign === '-') return 'negative'

  // The value is `significant` followed by this many zeros, in cents. A monstrous exponent makes
  // it infinite, which the two bounds below judge rightly.
  const zeros = 2 + Number(exponent) - decimals.length + (digits.length - end)
  if (zeros < 0) return 'tooManyDecimals'
  const significant = digits.slice(startOfSignificant(digits), end)
  if (significant.length + zeros > CENTS_DIGITS_MAX) return 'tooLarge'
  const cents = Number(significant + '0'.repeat(zeros))
  return cents > AMOUNT_CENTS_MAX ? 'tooLarge' : cents
}

function startOfSignificant(digits: string): number {
  let start = 0
  while (digits.charCodeAt(start) === ZERO) start += 1
  return start
}

/** 0 when all digits are zeros. */
function endOfSignificant(digits: string): number {
  let end = digits.length
  while (digits.charCodeAt(end - 1) === ZERO) end -= 1
  return end
}
