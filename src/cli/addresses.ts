// Where the commands find what they work on: as the environment says; where it names no database,
// as the dev stack does that runs on the data folder.

import { findDevStack, socketUrl } from '../infra/process/dev-stack-file.ts'
import type { DevStackAddresses } from '../infra/process/dev-stack-file.ts'
import { ConfigError, readConfig, type Config } from '../config/config.ts'
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

/** The operators' port of the dev stack, or why there is none: half a sentence. */
export async function findOperatorsPort(): Promise<
  { readonly url: string } | { readonly whyNot: string }
> {
  const { dataDir } = configuration()
  const found = await findDevStack(dataDir)
  if ('whyNot' in found) return { whyNot: `${found.whyNot} ${HOW}` }
  const { opsUrl } = found.addresses
  if (opsUrl !== undefined) return { url: opsUrl }
  return { whyNot: `the dev stack on ${dataDir} was started with OPS_PORT=0` }
}

/** The operators' port of an instance that was started without settings. */
export const USUAL_OPERATORS_URL = 'http://127.0.0.1:9998'

/**
 * Where clients call, a URL or `unix:` and the path of a socket: what stands after --url, the dev
 * stack's Pit, else one on this machine. Throws `UsageError`.
 */
export async function findClientsPort(given: string | undefined): Promise<string> {
  if (given !== undefined) return readClientsUrl(given)
  const { dataDir, listen } = configuration()
  const found = await findDevStack(dataDir)
  const { clientsUrl } = 'addresses' in found ? found.addresses : {}
  if (clientsUrl !== undefined) return clientsUrl
  if ('socket' in listen) return socketUrl(listen.socket)
  if ('addresses' in found || listen.port === 0) {
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
