// Worse than the source, on command: what a processor can be told to do to some of its callers.

import assert from 'node:assert'

/** What a fault of a charge needs besides its share. */
const CHARGE_FAULTS = {
  slow: 'delayMs', // records and answers rightly, but `delayMs` later than the delay switch says
  failBeforeRecord: 'status', // 500 (or another 5xx) and never recorded
  failAfterRecord: 'status', // recorded, then 500 (or another 5xx)
  resetBeforeRecord: 'none', // the connection is closed without a byte, never recorded
  resetAfterRecord: 'none', // recorded, then the connection is closed without a byte
  resetThenRecord: 'delayMs', // the connection is closed at once, `delayMs` later it is recorded
  cutAnswer: 'none', // recorded; the answer ends in the middle of its announced length
  dripAnswer: 'delayMs', // recorded; the answer's body comes byte by byte, `delayMs` apart
  emptyAnswer: 'none', // recorded; 200 without a body
  hugeAnswer: 'none', // recorded; 200 with 8 MiB of valid JSON
  notJsonAnswer: 'none', // recorded; 200 with a page of HTML
  limited: 'none', // 429 at once, never recorded
} as const

/** What a fault of a look-up needs besides its share. */
const LOOK_UP_FAULTS = {
  fail: 'status', // 500 (or another 5xx)
  late: 'delayMs', // read at once, answered `delayMs` later
  stale: 'delayMs', // answers as of `delayMs` ago: what was recorded since is 404
} as const

/** Longest wait of a fault, ms. */
export const FAULT_DELAY_MS_MAX = 600_000

/** Faults in each of the two lists. */
export const FAULTS_MAX = 32

export type ChargeFaultKind = keyof typeof CHARGE_FAULTS
export type LookUpFaultKind = keyof typeof LOOK_UP_FAULTS

export interface Fault<Kind extends string> {
  readonly kind: Kind
  /** Probability from 0 to 1; those of one list add up to at most 1, a call meets at most one. */
  readonly share: number
  /** ms; there for kinds that wait, and only for them. */
  readonly delayMs?: number
  /** 500 to 599, 500 when absent; only for kinds that fail. */
  readonly status?: number
}

export interface Faults {
  readonly charge: readonly Fault<ChargeFaultKind>[]
  readonly lookUp: readonly Fault<LookUpFaultKind>[]
  /** Failing switches on and off each `flapMs`, off first; null: it does not flap. */
  readonly flapMs: number | null
  /** Of the generator that draws the faults: the same seed and calls meet the same faults. */
  readonly seed: number
}

/** How long a fault of a kind that waits takes, ms. */
export function waitMsOf({ kind, delayMs }: Fault<string>): number {
  assert(delayMs !== undefined, `a fault of kind ${kind} has a delay`)
  return delayMs
}

export const NO_FAULTS: Faults = { charge: [], lookUp: [], flapMs: null, seed: 1 }

/**
 * Parses the body of `PUT /admin/configurations/faults`; what is absent is off, so that `{}` clears
 * all. Throws `FaultsInvalid`, whose message says which value is wrong and what it may be.
 */
export function parseFaults(value: unknown): Faults {
  const given = checkObject(value, 'the body', ['charge', 'lookUp', 'flapMs', 'seed'])
  const flapMs = given['flapMs'] ?? null
  return {
    charge: parseList(given['charge'] ?? [], 'charge', CHARGE_FAULTS),
    lookUp: parseList(given['lookUp'] ?? [], 'lookUp', LOOK_UP_FAULTS),
    flapMs:
      flapMs === null ? null : checkNumber(flapMs, 'flapMs', { min: 1, max: FAULT_DELAY_MS_MAX }),
    seed: checkNumber(given['seed'] ?? 1, 'seed', { min: 0, max: 0xffff_ffff, whole: 'whole' }),
  }
}

type Needs = Readonly<Record<string, 'none' | 'delayMs' | 'status'>>

function parseList<Table extends Needs>(value: unknown, path: string, table: Table) {
  if (!Array.isArray(value) || value.length > FAULTS_MAX) {
    throw new FaultsInvalid(`${path} must be a list of at most ${FAULTS_MAX} faults`)
  }
  const faults = value.map((each: unknown, i) => parseFault(each, `${path}[${i}]`, table))
  const shares = faults.reduce((sum, fault) => sum + fault.share, 0)
  // Ten shares of 0.1 add up to slightly more than 1.
  if (shares > 1 + 1e-9) throw new FaultsInvalid(`the shares of ${path} add up to more than 1`)
  return faults
}

function parseFault<Table extends Needs>(
  value: unknown,
  path: string,
  table: Table,
): Fault<keyof Table & string> {
  const given = checkObject(value, path, ['kind', 'share', 'delayMs', 'status'])
  const kind = given['kind']
  if (!isKind(kind, table)) {
    throw new FaultsInvalid(`${path}.kind must be one of ${Object.keys(table).join(', ')}`)
  }
  for (const extra of ['delayMs', 'status']) {
    if (given[extra] !== undefined && table[kind] !== extra) {
      throw new FaultsInvalid(`${path}.${extra} has no meaning for ${kind}`)
    }
  }
  const share = checkNumber(given['share'], `${path}.share`, { min: 0, max: 1 })
  if (table[kind] === 'delayMs') {
    const bounds = { min: 0, max: FAULT_DELAY_MS_MAX }
    return { kind, share, delayMs: checkNumber(given['delayMs'], `${path}.delayMs`, bounds) }
  }
  if (given['status'] === undefined) return { kind, share }
  const bounds = { min: 500, max: 599, whole: 'whole' } as const
  return { kind, share, status: checkNumber(given['status'], `${path}.status`, bounds) }
}

function isKind<Table extends Needs>(kind: unknown, table: Table): kind is keyof Table & string {
  return typeof kind === 'string' && Object.hasOwn(table, kind)
}

/** The faults that were sent make no sense; the message says where and what is allowed. */
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
