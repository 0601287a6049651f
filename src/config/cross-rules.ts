// Rules over several settings: what each of them takes by itself, and all of them together do not.

import type { Variable } from './kinds.ts'
import type { VARIABLES } from './variables.ts'

type Variables = typeof VARIABLES

/** The fields' units, bounds and meanings stand with their declarations. */
export type Fields = {
  readonly [Field in keyof Variables]: Variables[Field] extends Variable<infer Value>
    ? Value
    : never
}

export interface CrossRule {
  /** What the start says, and docs/CONFIGURATION.md. */
  readonly fault: string
  readonly isBroken: (fields: Fields, isSet: (name: string) => boolean) => boolean
}

const SINGLE_RULES: readonly CrossRule[] = [
  {
    fault: 'PORT and LISTEN_SOCKET are both set; choose one',
    isBroken: (_, isSet) => isSet('PORT') && isSet('LISTEN_SOCKET'),
  },
  {
    fault: 'PROCESSOR_DEFAULT_URL and PROCESSOR_FALLBACK_URL go together; one of them is unset',
    isBroken: (_, isSet) => isSet('PROCESSOR_DEFAULT_URL') !== isSet('PROCESSOR_FALLBACK_URL'),
  },
  {
    fault: 'PROCESSOR_DEFAULT_URL and PROCESSOR_FALLBACK_URL are the same',
    isBroken: ({ processorDefaultUrl: url, processorFallbackUrl }) =>
      url !== undefined && url === processorFallbackUrl,
  },
  {
    fault: 'IN_DOUBT_HORIZON_MS is not longer than ATTEMPT_TIMEOUT_MS',
    isBroken: (fields) => fields.inDoubtHorizonMs <= fields.attemptTimeoutMs,
  },
  {
    fault: 'LOOKUP_LAG_MS is longer than IN_DOUBT_HORIZON_MS',
    isBroken: ({ lookupLagMs = 0, inDoubtHorizonMs }) => lookupLagMs > inDoubtHorizonMs,
  },
  {
    fault: 'CONNECT_TIMEOUT_MS is longer than ATTEMPT_TIMEOUT_MS',
    isBroken: (fields) => fields.connectTimeoutMs > fields.attemptTimeoutMs,
  },
  {
    fault: 'RETRY_DELAY_MS is longer than RETRY_DELAY_MAX_MS',
    isBroken: (fields) => fields.retryDelayMs > fields.retryDelayMaxMs,
  },
  {
    fault: 'CIRCUIT_OPEN_MS is longer than CIRCUIT_OPEN_MAX_MS',
    isBroken: (fields) => fields.circuitOpenMs > fields.circuitOpenMaxMs,
  },
  {
    fault: 'ARCHIVE_KEEP_DAYS is not longer than ARCHIVE_AFTER_HOURS',
    isBroken: ({ archiveKeepDays: days = Infinity, archiveAfterHours }) =>
      days * 24 <= archiveAfterHours,
  },
  {
    fault: 'KNOWN_DAYS is shorter than ARCHIVE_KEEP_DAYS, which is for ever unless it is set',
    isBroken: ({ knownDays = Infinity, archiveKeepDays = Infinity }) => knownDays < archiveKeepDays,
  },
]

/** Ports that this process may listen on. */
const PORTS = {
  OPS_PORT: ({ opsPort }) => opsPort,
  PORT: ({ port }, isSet) => (isSet('LISTEN_SOCKET') ? 0 : port),
  SIMULATOR_DEFAULT_PORT: ({ simulatorDefaultPort: port }, isSet) =>
    hasSimulators(isSet) ? port : 0,
  SIMULATOR_FALLBACK_PORT: ({ simulatorFallbackPort: port }, isSet) =>
    hasSimulators(isSet) ? port : 0,
} satisfies Record<string, (...given: Parameters<CrossRule['isBroken']>) => number>

function hasSimulators(isSet: (name: string) => boolean): boolean {
  return !isSet('PROCESSOR_DEFAULT_URL') && !isSet('PROCESSOR_FALLBACK_URL')
}

/** Each two of the ports differ, where both are used; 0 is no port or any free one. */
const PORT_RULES: readonly CrossRule[] = Object.entries(PORTS).flatMap(([name, portOf], at, all) =>
  all.slice(at + 1).map(([other, otherPortOf]) => ({
    fault: `${name} and ${other} are the same`,
    isBroken: (fields, isSet) => {
      const port = portOf(fields, isSet)
      return port !== 0 && port === otherPortOf(fields, isSet)
    },
  })),
)

export const CROSS_RULES: readonly CrossRule[] = [...SINGLE_RULES, ...PORT_RULES]
