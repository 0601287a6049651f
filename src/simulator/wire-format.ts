// Amounts and instants: whole cents and whole microseconds inside, as the source's columns have
// them, decimals and ISO 8601 text outside. Exact, without floating point sums.

/** Largest amount of one payment, cents: 10 billion units. The source takes any decimal. */
const AMOUNT_CENTS_MAX = 1_000_000_000_000

const FEE_STEPS = 1_000_000

/**
 * Rounds a JSON number to whole cents, half to even as the source does. It goes by the number's
 * shortest decimal text, so that 1.015 is a tie although no double is exactly that.
 * `undefined` beyond `AMOUNT_CENTS_MAX` in either direction.
 */
export function roundToCents(amount: number): number | undefined {
  // Below 0.000001 the text has an exponent; such an amount rounds to 0 anyway.
  if (Math.abs(amount) < 0.005) return 0
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(amount))
  if (!match) return undefined
  const [, sign = '', whole = '', decimals = ''] = match
  const down = Number(whole + decimals.slice(0, 2).padEnd(2, '0'))
  const rest = decimals.slice(2)
  // The text has no trailing zeros: exactly '5' is the tie, and text order is numeric order.
  const roundsUp = rest > '5' || (rest === '5' && down % 2 === 1)
  const cents = roundsUp ? down + 1 : down
  if (cents > AMOUNT_CENTS_MAX) return undefined
  return sign && cents > 0 ? -cents : cents
}

/** Cents as a JSON number with two decimals: 1990 is `19.90`. */
export function printCents(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, '0')
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** The fee on a sum of cents as a JSON number, exact for fees of up to six decimals. */
export function printFee(cents: number, feeRate: number): string {
  const scaled = BigInt(cents) * BigInt(Math.round(feeRate * FEE_STEPS))
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(9, '0')
  const decimals = digits.slice(-8).replace(/0{1,6}$/, '')
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, -8)}.${decimals}`
}

/** Whether a fee can be applied exactly: from 0 to below 1, at most six decimals. */
export function isFeeRate(feeRate: number): boolean {
  const steps = feeRate * FEE_STEPS
  return feeRate >= 0 && feeRate < 1 && Math.abs(steps - Math.round(steps)) < 1e-6
}

const ISO =
  /^(\d{4}-\d{2}-(\d{2})T\d{2}:\d{2}:\d{2})(?:\.(\d{1,16}))?(?:(Z)|([+-])(\d{2}):(\d{2}))?$/

/**
 * Epoch microseconds of an ISO instant, digits below a microsecond cut off. Without an offset it
 * counts as UTC. `undefined` for anything else, including days that do not exist.
 */
export function parseInstant(text: string): number | undefined {
  const match = ISO.exec(text)
  if (!match) return undefined
  const [, seconds = '', day = '', decimals = '', , sign, hours = '0', minutes = '0'] = match
  const localMs = Date.parse(`${seconds}Z`)
  // Date.parse lets 30 February roll over into March.
  if (Number.isNaN(localMs) || new Date(localMs).getUTCDate() !== Number(day)) return undefined
  if (Number(hours) > 14 || Number(minutes) > 59) return undefined
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  const epochMs = sign === '-' ? localMs + offsetMs : sign === '+' ? localMs - offsetMs : localMs
  return epochMs * 1000 + Number(decimals.slice(0, 6).padEnd(6, '0'))
}

/** UTC text with up to six decimals and no trailing zeros, as .NET prints it. */
export function printInstant(micros: number): string {
  const wholeSeconds = Math.floor(micros / 1_000_000)
  const text = new Date(wholeSeconds * 1000).toISOString().slice(0, 19)
  const decimals = String(micros - wholeSeconds * 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '')
  return decimals === '' ? `${text}Z` : `${text}.${decimals}Z`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export function isUuid(text: string): boolean {
  return UUID.test(text)
}
