// Instants: ISO 8601 text outside, whole epoch microseconds inside, as the source's column has it.

const ISO =
  /^(\d{4}-\d{2}-(\d{2})T\d{2}:\d{2}:\d{2})(?:\.(\d{1,16}))?(?:(Z)|([+-])(\d{2}):(\d{2}))?$/

/**
 * Epoch microseconds of an ISO instant, digits below a microsecond cut off. Without an offset it
 * counts as UTC. `undefined` for anything else, days that no calendar has included.
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
