// Every configuration variable, declared once: the reader, `--help` and docs/CONFIGURATION.md
// follow from here.

import { ATTEMPT_VARIABLES } from './attempts.ts'
import { CIRCUIT_VARIABLES } from './circuit.ts'
import { decimal, onOff, oneOf, secret, text, url, whole, type Variable } from './kinds.ts'
import { databaseUrlFault, httpUrlFault, redisUrlFault } from './urls.ts'
import { WORK_VARIABLES } from './work.ts'

const PLACE_VARIABLES = {
  port: whole({
    name: 'PORT',
    fallback: 9999,
    unit: 'port',
    min: 0,
    max: 65_535,
    meaning: 'Where clients call; 0 is any free port',
  }),
  listenSocket: text({
    name: 'LISTEN_SOCKET',
    fallback: undefined,
    shown: 'unset: PORT',
    takes: 'a path of at most 107 bytes',
    grammar: /^[\x20-\x7e]{1,107}$/,
    meaning: 'Unix socket to listen on instead of PORT',
  }),
  httpServer: oneOf({
    name: 'HTTP_SERVER',
    fallback: 'auto',
    words: ['auto', 'uws', 'node'],
    meaning:
      'Server under both ports: uWebSockets.js, Node’s own, or the first where it loads and else the second',
  }),
  opsPort: whole({
    name: 'OPS_PORT',
    fallback: 9998,
    unit: 'port',
    min: 0,
    max: 65_535,
    meaning: 'Where operators call, for health and metrics; 0 is nowhere',
  }),
  opsHost: text({
    name: 'OPS_HOST',
    fallback: '127.0.0.1',
    shown: '127.0.0.1',
    takes: 'an IP address or host name',
    grammar: /^[\w.:-]{1,253}$/,
    meaning: 'Interface of the operators’ port',
  }),
  keysFile: text({
    name: 'KEYS_FILE',
    fallback: undefined,
    shown: 'unset: no keys',
    takes: 'a path',
    grammar: /^[^\0]{1,1024}$/,
    meaning:
      'File with the keys that sign operators in, which `pit keys new` makes; unset, whoever reaches the operators’ port sees the console, and gives commands where OPS_HOST is this machine alone',
  }),
  pitKey: secret(
    text({
      name: 'PIT_KEY',
      fallback: undefined,
      shown: 'unset: no key',
      takes: 'at most 256 printable characters',
      grammar: /^[\x21-\x7e]{1,256}$/,
      meaning: 'Key with which `pit pause` and other commands sign in; an instance reads it not',
    }),
  ),
  databaseUrl: secret(
    url({
      name: 'DATABASE_URL',
      shown: 'unset: embedded',
      schemes: ['postgres', 'postgresql'],
      faultOf: databaseUrlFault,
      meaning:
        'PostgreSQL that holds the payments, of several hosts the one that takes writes; unset, one is started in DATA_DIR',
    }),
  ),
  migrate: oneOf({
    name: 'MIGRATE',
    fallback: 'at-start',
    words: ['at-start', 'never'],
    meaning: 'Whether an instance brings the tables up to date, or leaves that to `pit migrate`',
  }),
  redisUrl: secret(
    url({
      name: 'REDIS_URL',
      shown: 'unset: no Redis',
      schemes: ['redis', 'rediss', 'unix', 'redis+sentinel', 'redis+cluster'],
      faultOf: redisUrlFault,
      meaning:
        'Redis over which instances work together, one, behind Sentinels or a cluster; unset, each works by itself',
    }),
  ),
  redisKeyPrefix: text({
    name: 'REDIS_KEY_PREFIX',
    fallback: 'pit',
    shown: 'pit',
    takes: 'at most 64 letters, digits, dots, dashes, underscores',
    grammar: /^[\w.-]{1,64}$/,
    meaning:
      'What the keys in Redis begin with, so that several systems can share one Redis; two under one prefix take each other for a restored PostgreSQL',
  }),
  dataDir: text({
    name: 'DATA_DIR',
    fallback: '.data',
    shown: '.data',
    takes: 'a path',
    grammar: /^[^\0]{1,1024}$/,
    meaning: 'Folder of the embedded PostgreSQL, and of what the simulators beside it keep',
  }),
  allowPurge: onOff({
    name: 'ALLOW_PURGE',
    meaning: 'Whether `POST /purge-payments` may forget everything',
  }),
  instanceId: text({
    name: 'INSTANCE_ID',
    fallback: undefined,
    shown: 'host name and pid',
    takes: 'at most 64 letters, digits, dots, dashes, underscores',
    grammar: /^[\w.-]{1,64}$/,
    meaning: 'Name of this instance among all that share the database',
  }),
  inspect: onOff({
    name: 'INSPECT',
    meaning: 'Whether `/inspect` on OPS_PORT shows the actors to Stately’s inspector',
  }),
  inspectSample: whole({
    name: 'INSPECT_SAMPLE',
    fallback: 100,
    unit: 'payments',
    min: 1,
    max: 1_000_000,
    meaning:
      'One payment in so many is inspected, and up to 10 slow, failed or in-doubt ones a second',
  }),
  logLevel: oneOf({
    name: 'LOG_LEVEL',
    fallback: 'info',
    words: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    meaning: 'Least level that is logged',
  }),
} as const

const PROCESSOR_VARIABLES = {
  processorDefaultUrl: url({
    name: 'PROCESSOR_DEFAULT_URL',
    shown: 'unset: simulator',
    schemes: ['http', 'https'],
    faultOf: httpUrlFault,
    meaning: 'The default processor; set both or none',
  }),
  processorFallbackUrl: url({
    name: 'PROCESSOR_FALLBACK_URL',
    shown: 'unset: simulator',
    schemes: ['http', 'https'],
    faultOf: httpUrlFault,
    meaning: 'The fallback processor; set both or none',
  }),
  simulatorDefaultPort: whole({
    name: 'SIMULATOR_DEFAULT_PORT',
    fallback: 8001,
    unit: 'port',
    min: 0,
    max: 65_535,
    meaning:
      'Where the simulator listens that stands in for PROCESSOR_DEFAULT_URL; 0 is any free port',
  }),
  simulatorFallbackPort: whole({
    name: 'SIMULATOR_FALLBACK_PORT',
    fallback: 8002,
    unit: 'port',
    min: 0,
    max: 65_535,
    meaning: 'The same for PROCESSOR_FALLBACK_URL',
  }),
  processorDefaultFee: decimal({
    name: 'PROCESSOR_DEFAULT_FEE',
    fallback: 0.05,
    unit: 'share of the amount',
    min: 0,
    max: 1,
    meaning: 'What the default processor keeps',
  }),
  processorFallbackFee: decimal({
    name: 'PROCESSOR_FALLBACK_FEE',
    fallback: 0.15,
    unit: 'share of the amount',
    min: 0,
    max: 1,
    meaning: 'What the fallback processor keeps',
  }),
  processorToken: secret(
    text({
      name: 'PROCESSOR_TOKEN',
      fallback: undefined,
      shown: 'unset: not asked',
      takes: 'at most 256 printable characters',
      grammar: /^[\x21-\x7e]{1,256}$/,
      meaning: 'Token for the processors’ own books, which the console compares with ours',
    }),
  ),
} as const

const TRACE_VARIABLES = {
  otelExporterOtlpEndpoint: url({
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    shown: 'unset: no traces',
    schemes: ['http', 'https'],
    faultOf: httpUrlFault,
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

/** By the name of their field in `Config`, in the order in which documents show them. */
export const VARIABLES = {
  ...PLACE_VARIABLES,
  ...PROCESSOR_VARIABLES,
  ...ATTEMPT_VARIABLES,
  ...CIRCUIT_VARIABLES,
  ...WORK_VARIABLES,
  ...TRACE_VARIABLES,
} as const

/** Every name that the environment may have, of files with secrets too. */
export const SETTING_NAMES: readonly string[] = Object.values<Variable<unknown>>(VARIABLES).flatMap(
  ({ name, fileName }) => (fileName === undefined ? [name] : [name, fileName]),
)
