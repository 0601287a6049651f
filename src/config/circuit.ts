// Configuration variables of the circuits: when a processor counts as down.

import { decimal, whole } from './kinds.ts'

export const CIRCUIT_VARIABLES = {
  circuitWindowMs: whole({
    name: 'CIRCUIT_WINDOW_MS',
    fallback: 2000,
    unit: 'ms',
    min: 100,
    max: 60_000,
    meaning: 'Rolling window over which a circuit judges',
  }),
  circuitCallsMin: whole({
    name: 'CIRCUIT_CALLS_MIN',
    fallback: 5,
    unit: 'calls',
    min: 1,
    max: 10_000,
    meaning:
      'Calls in the window below which no rate counts; so many failures in a row open a circuit however few come',
  }),
  circuitFailureRate: decimal({
    name: 'CIRCUIT_FAILURE_RATE',
    fallback: 0.5,
    unit: 'share of calls',
    min: 0.01,
    max: 1,
    meaning: 'Share of failed calls that opens a circuit',
  }),
  circuitOpenMs: whole({
    name: 'CIRCUIT_OPEN_MS',
    fallback: 500,
    unit: 'ms',
    min: 10,
    max: 60_000,
    meaning:
      'First cooldown of an open circuit; each further one is twice as long, up to CIRCUIT_OPEN_MAX_MS',
  }),
  circuitOpenMaxMs: whole({
    name: 'CIRCUIT_OPEN_MAX_MS',
    fallback: 500,
    unit: 'ms',
    min: 10,
    max: 600_000,
    meaning: 'Longest cooldown of an open circuit',
  }),
  probeIntervalMs: whole({
    name: 'PROBE_INTERVAL_MS',
    fallback: 5000,
    unit: 'ms',
    min: 100,
    max: 600_000,
    meaning: 'Time between two probes of the health endpoints, over all instances',
  }),
} as const
