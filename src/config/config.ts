// The only reader of the environment, and of the files with secrets that it names: all of it at once,
// frozen, or every fault at once.

import { hostname } from 'node:os'
import { CROSS_RULES, type Fields } from './cross-rules.ts'
import type { Parsed, Variable } from './kinds.ts'
import { describeMistyped, findMistyped, type Mistyped } from './near-names.ts'
import { readSecret } from './secret-file.ts'
import { SETTING_NAMES, VARIABLES } from './variables.ts'

/** The whole configuration, frozen when it is read. */
export interface Config extends Omit<
  Fields,
  'port' | 'listenSocket' | 'instanceId' | 'lookupLagMs'
> {
  /** Where clients call; from LISTEN_SOCKET or PORT. */
  readonly listen: { readonly port: number } | { readonly socket: string }
  /** Name of this instance among all that share the database. */
  readonly instanceId: string
  /** From LOOKUP_LAG_MS, or as long as the settle-by deadline, ms. */
  readonly lookupLagMs: number
  /** What was probably meant for a setting, and is not read. */
  readonly mistyped: readonly Mistyped[]
}

/** The environment as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** At least one variable cannot be used; the message has a line for each fault, without secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'config_invalid'
  /** One sentence per fault, beginning with the variable's name. */
  readonly faults: readonly string[]
  /** What may be the reason: told in the message, and no fault by itself. */
  readonly mistyped: readonly Mistyped[]

  constructor(faults: readonly string[], mistyped: readonly Mistyped[]) {
    const lines = [...faults, ...mistyped.map(describeMistyped)].map((line) => `  ${line}`)
    super(['configuration:', ...lines].join('\n'))
    this.faults = faults
    this.mistyped = mistyped
  }
}

/**
 * Reads all variables, and the secrets' files. An empty variable counts as unset, as composed
 * environments give them. Throws `ConfigError`.
 */
export function readConfig(environment: Environment): Config {
  const faults: string[] = []
  const fields = readFields(environment, faults)
  faults.push(...crossFaults(environment, fields))
  const mistyped = findMistyped(environment, SETTING_NAMES)
  if (faults.length > 0) throw new ConfigError(faults, mistyped)

  const { port, listenSocket, instanceId, lookupLagMs, ...config } = fields
  return Object.freeze({
    ...config,
    listen: Object.freeze(listenSocket === undefined ? { port } : { socket: listenSocket }),
    instanceId: instanceId ?? defaultInstanceId(),
    lookupLagMs: lookupLagMs ?? config.inDoubtHorizonMs,
    mistyped,
  })
}

/** Whether the environment itself names a port, be it that of the default. */
export function readNamedPorts(
  environment: Environment,
): Readonly<Record<'port' | 'opsPort', boolean>> {
  const isNamed = ({ name }: { readonly name: string }): boolean =>
    textOf(environment, name) !== undefined
  return { port: isNamed(VARIABLES.port), opsPort: isNamed(VARIABLES.opsPort) }
}

/** HTTP_SERVER by itself, whatever else is set; its default where it cannot be used. */
export function readHttpServer(environment: Environment): Config['httpServer'] {
  const parsed = parsedOf(environment, VARIABLES.httpServer)
  return parsed !== undefined && 'value' in parsed ? parsed.value : VARIABLES.httpServer.fallback
}

/** Host names may hold what an INSTANCE_ID may not. */
function defaultInstanceId(): string {
  const host = hostname().replace(/[^\w.-]/g, '-')
  return `${host.slice(0, 48)}-${process.pid}`
}

/** A field whose text is at fault gets its default, so that the other checks can go on. */
function readFields(environment: Environment, faults: string[]): Fields {
  const entries = Object.entries<Variable<unknown>>(VARIABLES).map(([field, variable]) => {
    const parsed = parsedOf(environment, variable)
    if (parsed === undefined) return [field, variable.fallback]
    if ('value' in parsed) return [field, parsed.value]
    faults.push(parsed.fault)
    return [field, variable.fallback]
  })
  // The loop above goes over exactly the declarations that `Fields` is made from.
  return Object.fromEntries(entries) as Fields
}

/** Undefined when it is unset; a fault is a whole sentence here. */
function parsedOf<Value>(
  environment: Environment,
  { name, fileName, parse }: Variable<Value>,
): Parsed<Value> | undefined {
  const text = textOf(environment, name)
  const path = fileName === undefined ? undefined : textOf(environment, fileName)
  if (path === undefined) return text === undefined ? undefined : sentenceOf(name, parse(text))
  if (text !== undefined) return { fault: `${name} and ${fileName} are both set; choose one` }
  const secret = readSecret(path)
  if ('fault' in secret) return { fault: `${fileName} ${secret.fault}` }
  return sentenceOf(`${name} in ${path}`, parse(secret.text))
}

function sentenceOf<Value>(subject: string, parsed: Parsed<Value>): Parsed<Value> {
  return 'fault' in parsed ? { fault: `${subject} ${parsed.fault}` } : parsed
}

function textOf(environment: Environment, name: string): string | undefined {
  const text = environment[name]
  return text === '' ? undefined : text
}

/** Faults that no variable has by itself. */
function crossFaults(environment: Environment, fields: Fields): string[] {
  const isSet = (name: string): boolean => textOf(environment, name) !== undefined
  return CROSS_RULES.filter(({ isBroken }) => isBroken(fields, isSet)).map(({ fault }) => fault)
}
