// Worse than the source, on command: what a processor can be told to do to some of its callers.

import assert from 'node:assert'

/** What a fault of a charge does, and what it needs besides its share. */
const CHARGE_FAULTS = {
  slow: { needs: 'delayMs', does: 'recorded and answered rightly, but so much later' },
  failBeforeRecord: { needs: 'status', does: 'answered 500, or another 5xx, and never recorded' },
  failAfterRecord: { needs: 'status', does: 'recorded, then answered 500, or another 5xx' },
  resetBeforeRecord: { needs: 'none', does: 'the connection is closed, and nothing recorded' },
  resetAfterRecord: { needs: 'none', does: 'recorded, then the connection is closed' },
  resetThenRecord: { needs: 'delayMs', does: 'the connection is closed, so much later recorded' },
  cutAnswer: { needs: 'none', does: 'recorded; the answer ends in the middle' },
  dripAnswer: { needs: 'delayMs', does: 'recorded; answered byte by byte, so far apart' },
  emptyAnswer: { needs: 'none', does: 'recorded; 200 without a body' },
  hugeAnswer: { needs: 'none', does: 'recorded; 200 with 8 MiB of valid JSON' },
  notJsonAnswer: { needs: 'none', does: 'recorded; 200 with a page of HTML' },
  limited: { needs: 'none', does: 'answered 429 at once, and never recorded' },
} as const

/** What a fault of a look-up does, and what it needs besides its share. */
const LOOK_UP_FAULTS = {
  fail: { needs: 'status', does: 'answered 500, or another 5xx' },
  late: { needs: 'delayMs', does: 'read at once, answered so much later' },
  stale: { needs: 'delayMs', does: 'answered as of so long ago: what is newer is 404' },
} as const

/** Longest wait of a fault, ms. */
const FAULT_DELAY_MS_MAX = 600_000

/** Faults in each of the two lists. */
const FAULTS_MAX = 32

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
  /** Seed of the generator that draws faults: the same seed and calls meet the same faults. */
  readonly seed: number
}

/** All kinds for `--help`, a line each. */
export function describeFaults(): string {
  const lines = (table: Kinds): string =>
    Object.entries(table)
      .map(
        ([kind, { needs, does }]) =>
          `    ${kind.padEnd(18)}${needs.replace('none', '').padEnd(9)}${does}`,
      )
      .join('\n')
  return `  charge:\n${lines(CHARGE_FAULTS)}\n  lookUp:\n${lines(LOOK_UP_FAULTS)}`
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

type Kinds = Readonly<
  Record<string, { readonly needs: 'none' | 'delayMs' | 'status'; readonly does: string }>
>

function parseList<Table extends Kinds>(value: unknown, path: string, table: Table) {
  if (!Array.isArray(value) || value.length > FAULTS_MAX) {
    throw new FaultsInvalid(`${path} must be a list of at most ${FAULTS_MAX} faults`)
  }
  const faults = value.map((each: unknown, i) => parseFault(each, `${path}[${i}]`, table))
  const shares = faults.reduce((sum, fault) => sum + fault.share, 0)
  // Ten shares of 0.1 add up to slightly more than 1.
  if (shares > 1 + 1e-9) throw new FaultsInvalid(`the shares of ${path} add up to more than 1`)
  return faults
}

function parseFault<Table extends Kinds>(
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
    if (given[extra] !== undefined && table[kind]?.needs !== extra) {
      throw new FaultsInvalid(`${path}.${extra} has no meaning for ${kind}`)
    }
  }
  const share = checkNumber(given['share'], `${path}.share`, { min: 0, max: 1 })
  if (table[kind]?.needs === 'delayMs') {
    const bounds = { min: 0, max: FAULT_DELAY_MS_MAX }
    return { kind, share, delayMs: checkNumber(given['delayMs'], `${path}.delayMs`, bounds) }
  }
  if (given['status'] === undefined) return { kind, share }
  const bounds = { min: 500, max: 599, whole: 'whole' } as const
  return { kind, share, status: checkNumber(given['status'], `${path}.status`, bounds) }
}

function isKind<Table extends Kinds>(kind: unknown, table: Table): kind is keyof Table & string {
  return typeof kind === 'string' && Object.hasOwn(table, kind)
}

/** The faults that were sent make no sense; the message says where and what is allowed. */
export class FaultsInvalid extends Error {
  override readonly name = 'FaultsInvalid'
  readonly code = 'faults_invalid'
}

function checkObject(
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

function checkNumber(value: unknown, path: string, bounds: NumberBounds): number {
  const { min, max, whole } = bounds
  const fits = typeof value === 'number' && value >= min && value <= max
  if (!fits || (whole && !Number.isInteger(value))) {
    throw new FaultsInvalid(
      `${path} must be a ${whole ?? ''} number from ${min} to ${max}`.replace('  ', ' '),
    )
  }
  return value
}
