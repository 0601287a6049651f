// The command line of `npm run chaos`.

import { readOptions } from '../../bench/challenge/arguments.ts'
import { UsageError } from '../../bench/challenge/errors.ts'
import type { PhaseBounds } from '../simulation/simulated-processor.ts'
import { FAULT_KINDS, FAULT_NAMES, type FaultName } from './fault-kinds.ts'

export interface ChaosOptions {
  /** Decides about faults, payments and windows: the same seed, the same plan. */
  readonly seed: number
  /** Length of the load, s. */
  readonly seconds: number
  readonly faults: readonly FaultName[]
  /** New payments per second. */
  readonly rate: number
  readonly instances: number
  /** Settings of the instances that differ from the compose file's. */
  readonly env: Readonly<Record<string, string>>
  /** Compiled program that runs as each instance; undefined: this Pit. */
  readonly program: string | undefined
}

export type CommandLine =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run'
      readonly options: ChaosOptions
      /** Where the result goes as JSON; undefined: nowhere. */
      readonly jsonFile: string | undefined
    }

export interface ProcessorBounds extends PhaseBounds {
  /** The settle-by deadline, ms. */
  readonly settleByMs: number
}

/** What instances with such settings are told of processors; they record a little sooner. */
export function boundsOf(env: Readonly<Record<string, string>>): ProcessorBounds {
  const settleByMs = Number(env['IN_DOUBT_HORIZON_MS'] ?? 20_000)
  return {
    attemptTimeoutMs: Number(env['ATTEMPT_TIMEOUT_MS'] ?? 8000),
    lookupTimeoutMs: Number(env['LOOKUP_TIMEOUT_MS'] ?? 2000),
    landingMaxMs: settleByMs * LANDING_SHARE,
    settleByMs,
  }
}

/** Leaves room for a machine that is busy with everything at once. */
const LANDING_SHARE = 0.9

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const values = readOptions(args, FLAGS)
  if (values.help === true) return { kind: 'help' }
  const number = (flag: 'seed' | 'minutes' | 'rate' | 'instances', bounds: Bounds): number =>
    readNumber(flag, values[flag] ?? String(bounds.fallback), bounds)
  const anySeed = Date.now() % 1_000_000
  return {
    kind: 'run',
    jsonFile: values.json,
    options: {
      seed: number('seed', { fallback: anySeed, min: 0, max: 0xffff_ffff, step: 1 }),
      seconds: 60 * number('minutes', { fallback: 1, min: 0.1, max: 24 * 60, step: 0.001 }),
      rate: number('rate', { fallback: 150, min: 1, max: 2000, step: 1 }),
      instances: number('instances', { fallback: 2, min: 2, max: 4, step: 1 }),
      faults: readFaults(values.faults),
      env: readSettings(values.env ?? []),
      program: values.program,
    },
  }
}

export const USAGE = `Pit under faults: the whole layout, load through nginx, faults by a seeded plan.

  --seed N         decides about everything that chance decides (from the clock)
  --minutes N      length of the load (1); fractions are fine
  --faults A,B,C   only these faults (all)
  --rate N         new payments per second (150)
  --instances N    Pit processes (2)
  --env NAME=VALUE a setting of the instances, as often as wanted
  --program FILE   compiled program that runs as each instance, such as an older Pit's dist/main.js
  --json FILE      where the result goes as JSON (nowhere)
  --help           this text

Faults:
${FAULT_NAMES.map((name) => `  ${name.padEnd(18)} ${FAULT_KINDS[name].means}`).join('\n')}

Exit codes: 0 everything held; 1 something broke, logs are kept; 2 usage.
`

const FLAGS = {
  seed: { type: 'string' },
  minutes: { type: 'string' },
  faults: { type: 'string' },
  rate: { type: 'string' },
  instances: { type: 'string' },
  env: { type: 'string', multiple: true },
  program: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const

interface Bounds {
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly step: number
}

function readNumber(flag: string, text: string, { min, max, step }: Bounds): number {
  const grammar = step === 1 ? /^\d+$/ : /^\d+(\.\d+)?$/
  const value = Number(text)
  if (grammar.test(text) && value >= min && value <= max) return value
  throw new UsageError(`--${flag} is a ${step === 1 ? 'whole ' : ''}number from ${min} to ${max}`)
}

function readFaults(text: string | undefined): readonly FaultName[] {
  if (text === undefined) return FAULT_NAMES
  return text.split(',').map((word) => {
    const name = FAULT_NAMES.find((each) => each === word)
    if (name === undefined) throw new UsageError(`no fault is called ${word}`)
    return name
  })
}

function readSettings(settings: readonly string[]): Readonly<Record<string, string>> {
  const entries = settings.map((setting) => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(setting) ?? []
    if (name === undefined || value === undefined) {
      throw new UsageError(`--env takes NAME=VALUE, not ${setting}`)
    }
    return [name, value] as const
  })
  return Object.fromEntries(entries)
}
