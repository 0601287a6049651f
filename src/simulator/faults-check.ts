// Checks on values that came as JSON, with messages for whoever sent them.

/** The faults asked for make no sense; the message says where and what is allowed. */
export class FaultsInvalid extends Error {
  override readonly name = 'FaultsInvalid'
  readonly code = 'faults_invalid'
}

export function checkObject(
  value: unknown,
  path: string,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FaultsInvalid(`${path} must be a JSON object`)
  }
  const unknownKey = Object.keys(value).find((key) => !keys.includes(key))
  if (unknownKey !== undefined) {
    throw new FaultsInvalid(`${path} has ${unknownKey}, but may only have ${keys.join(', ')}`)
  }
  return value as Readonly<Record<string, unknown>>
}

export interface NumberBounds {
  readonly min: number
  readonly max: number
  readonly whole?: 'whole'
}

export function checkNumber(value: unknown, path: string, bounds: NumberBounds): number {
  const { min, max, whole } = bounds
  const fits = typeof value === 'number' && value >= min && value <= max
  if (!fits || (whole && !Number.isInteger(value))) {
    throw new FaultsInvalid(
      `${path} must be a ${whole ?? ''} number from ${min} to ${max}`.replace('  ', ' '),
    )
  }
  return value
}
