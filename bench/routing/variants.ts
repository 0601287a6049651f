// The settings that a study turns, one at a time around the defaults, and a few together.

import type { Environment } from '../../src/config/config.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import { UsageError } from '../measure/flags.ts'

/** By variable: the values of interest; the default among them is what all others are played with. */
export const TURNED: Readonly<Record<string, readonly number[]>> = {
  ROUTE_WAIT_MAX_MS: [0, 100, 300, 1000, 2000, 5000, 15_000],
  ROUTE_SLOW_MS: [200, 400, 900, 1400, 1800, 2700, 5000, 10_000],
  PROCESSOR_CONCURRENCY: [32, 64, 128, 256, 400],
  ATTEMPT_TIMEOUT_MS: [2000, 4000, 6000, 8000, 12_000],
  CIRCUIT_OPEN_MS: [50, 100, 250, 500],
  CIRCUIT_OPEN_MAX_MS: [500, 1000, 2000, 5000, 10_000],
  CIRCUIT_CALLS_MIN: [1, 3, 5, 10, 20],
  CIRCUIT_WINDOW_MS: [500, 1000, 2000, 5000],
  CIRCUIT_FAILURE_RATE: [0.2, 0.5, 0.8, 1],
  PROBE_INTERVAL_MS: [5000, 10_000, 20_000],
  QUICK_TRIES: [1, 2, 3, 5],
  QUICK_BACKOFF_MS: [25, 100, 400],
  RETRY_DELAY_MS: [250, 500, 1000, 2000],
  RETRY_DELAY_MAX_MS: [2000, 5000, 10_000, 30_000],
  LOOKUP_LAG_MS: [100, 500, 1000],
  IN_DOUBT_HORIZON_MS: [15_000, 20_000, 40_000],
}

/** One setting at one value, or several; what is not named has its default. */
export interface Variant {
  /** Empty: the defaults. */
  readonly environment: Environment
}

export const DEFAULTS: Variant = { environment: {} }

/**
 * Each value of each of these variables by itself, but for the defaults.
 * @throws UsageError when one of them is not studied.
 */
export function turnOneByOne(names: readonly string[]): readonly Variant[] {
  return names.flatMap((name) => {
    const values = TURNED[name]
    if (values === undefined)
      throw new UsageError(`${name} is none of ${Object.keys(TURNED).join(', ')}`)
    const shown = Object.values(VARIABLES).find((variable) => variable.name === name)?.shown
    return values
      .map(String)
      .filter((value) => value !== shown)
      .map((value) => ({ environment: { [name]: value } }))
  })
}

/**
 * From `A=1,B=2;A=3`: two variants, one of them with two settings.
 * @throws UsageError
 */
export function parseVariants(text: string): readonly Variant[] {
  return text.split(';').map((part) => {
    const entries = part.split(',').map((pair) => {
      const [name, value, ...rest] = pair.split('=').map((word) => word.trim())
      if (name === undefined || value === undefined || rest.length > 0) {
        throw new UsageError('--together takes settings such as A=1,B=2;A=3')
      }
      if (!isKnown(name)) throw new UsageError(`--together: ${name} is no variable of Pit's`)
      return [name, value] as const
    })
    return { environment: Object.fromEntries(entries) }
  })
}

/** The configuration takes no notice of others, so that a slip would be played as the defaults. */
function isKnown(name: string): boolean {
  return Object.values(VARIABLES).some((variable) => variable.name === name)
}
