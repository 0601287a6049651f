// Configuration variables of the traces.

import { url, whole } from './kinds.ts'

export const TRACE_VARIABLES = {
  otelExporterOtlpEndpoint: url({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    shown: 'unset: no traces',
    schemes: ['http', 'https'],
    meaning: 'Collector of OpenTelemetry traces, as OTLP over HTTP under `/v1/traces`',
  }),
  traceSample: whole({
    name: 'TRACE_SAMPLE',
    fallback: 100,
    unit: 'payments',
    min: 1,
    max: 1_000_000,
    meaning: 'One payment in so many is traced, the same ones at every instance',
  }),
} as const
