// Where the commands find what they work on: as the environment says; where it says nothing, as the
// dev stack does that runs on the data folder.

import { findDevStack, operatorsUrl, socketUrl } from '../infra/process/dev-stack-file.ts'
import type { DevStackAddresses } from '../infra/process/dev-stack-file.ts'
import { ConfigError, readConfig, readNamedPorts, type Config } from '../config/config.ts'
import { readHttpUrl } from '../operator/command-line.ts'
import { UsageError } from '../operator/failures.ts'
import type { ReconcileAddresses } from '../operator/reconcile-command.ts'
import { socketIn } from './ask-pit.ts'

/** Throws `UsageError` when there is none. */
export async function findDatabase(): Promise<string> {
  const config = configuration()
  return config.databaseUrl ?? (await devStackOf(config)).databaseUrl
}

/**
 * What is set is not mixed with a dev stack's database: its processors are used with it only.
 * `pitUrl` stands in for the database. Throws `UsageError` when there is neither.
 */
export async function findBooks(pitUrl: string | undefined): Promise<ReconcileAddresses> {
  const config = configuration()
  const { databaseUrl, processorDefaultUrl, processorFallbackUrl, processorToken } = config
  const isAlone = databaseUrl === undefined && pitUrl === undefined
  const found = isAlone ? await devStackOf(config) : undefined
  const local = (port: number): string => `http://127.0.0.1:${port}`
  const others = found ?? {
    processorDefaultUrl: local(config.simulatorDefaultPort),
    processorFallbackUrl: local(config.simulatorFallbackPort),
  }
  // Both URLs are set or none. A token is for whom it was given to.
  const token = processorDefaultUrl === undefined ? found?.processorToken : undefined
  return {
    databaseUrl: databaseUrl ?? found?.databaseUrl,
    processors: {
      default: processorDefaultUrl ?? others.processorDefaultUrl,
      fallback: processorFallbackUrl ?? others.processorFallbackUrl,
    },
    token: processorToken ?? token,
  }
}

export interface OperatorsPort {
  readonly url: string
  /** Half a sentence for when nothing answers there; undefined: a dev stack says that it is there. */
  readonly whyThere: string | undefined
}

/**
 * The operators' port of the instance that runs with this environment: OPS_PORT of OPS_HOST. Where
 * the environment names neither OPS_PORT nor a database, a dev stack's instance goes before.
 * Throws `UsageError` where that instance has no such port.
 */
export async function findOperatorsPort(): Promise<OperatorsPort> {
  const config = configuration()
  const isNamed = config.databaseUrl !== undefined || readNamedPorts(process.env).opsPort
  const found = isNamed ? undefined : await findDevStack(config.dataDir)
  if (found !== undefined && 'addresses' in found) {
    const { opsUrl } = found.addresses
    if (opsUrl !== undefined) return { url: opsUrl, whyThere: undefined }
    throw new UsageError(`the dev stack on ${config.dataDir} was started with OPS_PORT=0`)
  }
  if (config.opsPort === 0) {
    throw new UsageError('OPS_PORT=0: operators call nowhere here; another address says where')
  }
  const whyThere =
    found === undefined ? 'which OPS_HOST and OPS_PORT say' : `and ${found.whyNot} ${HOW}`
  return { url: operatorsUrl(config), whyThere }
}

/**
 * Where clients call, a URL or `unix:` and the path of a socket: what stands after --url, else
 * LISTEN_SOCKET or PORT. Where the environment names neither of them nor a database, a dev stack's
 * instance goes before. Throws `UsageError`.
 */
export async function findClientsPort(given: string | undefined): Promise<string> {
  if (given !== undefined) return readClientsUrl(given)
  const { databaseUrl, dataDir, listen } = configuration()
  if ('socket' in listen) return socketUrl(listen.socket)
  const isNamed =
    databaseUrl !== undefined || (readNamedPorts(process.env).port && listen.port !== 0)
  const found = isNamed ? undefined : await findDevStack(dataDir)
  const { clientsUrl } = found !== undefined && 'addresses' in found ? found.addresses : {}
  if (clientsUrl !== undefined) return clientsUrl
  if ((found !== undefined && 'addresses' in found) || listen.port === 0) {
    throw new UsageError('which port clients call is not known here: --url says where')
  }
  return `http://127.0.0.1:${listen.port}`
}

function readClientsUrl(given: string): string {
  if (socketIn(given) !== undefined) return given
  if (/^https?:/.test(given) && URL.canParse(given)) return readHttpUrl('url', given)
  throw new UsageError(`--url is an http address or unix:/path, not ${given}`)
}

/** All that a check of this machine begins with. Throws `ConfigError`. */
export async function findEverything(): Promise<{
  readonly config: Config
  /** Undefined where none runs, or none would be used. */
  readonly devStack: DevStackAddresses | undefined
}> {
  const config = environment()
  if (config.databaseUrl !== undefined) return { config, devStack: undefined }
  const found = await findDevStack(config.dataDir)
  return { config, devStack: 'addresses' in found ? found.addresses : undefined }
}

/** What signs a request in at the operators' port: nothing without PIT_KEY. Throws `UsageError`. */
export function keyHeaders(): Readonly<Record<string, string>> {
  const { pitKey } = configuration()
  return pitKey === undefined ? {} : { authorization: `Bearer ${pitKey}` }
}

const HOW = '(npm start runs one)'

async function devStackOf({ dataDir }: Config): Promise<DevStackAddresses> {
  const found = await findDevStack(dataDir)
  if ('addresses' in found) return found.addresses
  throw new UsageError(
    `DATABASE_URL is not set, and ${found.whyNot} ${HOW}; --help says what is needed`,
  )
}

function configuration(): Config {
  try {
    return environment()
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}

function environment(): Config {
  return readConfig(process.env)
}
