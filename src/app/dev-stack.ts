// Stands in for what was not configured: an embedded PostgreSQL and two processor simulators. With
// every address configured there is nothing to start.

import { wordsOf } from '../actors/model/errors.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { Config } from '../config/config.ts'
import { systemClock } from '../infra/process/system-clock.ts'
import {
  startEmbeddedPostgres,
  type RepairNews,
} from '../infra/postgres-embedded/embedded-postgres.ts'
import {
  findDevStack,
  operatorsUrl,
  socketUrl,
  writeDevStackFile,
} from '../infra/process/dev-stack-file.ts'
import type { DevStackAddresses } from '../infra/process/dev-stack-file.ts'
import { subsystemLogger, type Logger } from '../infra/process/logger.ts'
import { startSimulator, type Simulator } from '../simulator/simulator.ts'
import { clientsAddress, listensAt, operatorsAddress, simulatorAddress } from './listening.ts'
import { tryAddresses, type ListeningAddress } from './listening.ts'

export interface DevStack {
  readonly databaseUrl: string
  readonly processorDefaultUrl: string
  readonly processorFallbackUrl: string
  /** Token of the simulators that were started here. */
  readonly processorToken?: string
  /** Epoch ms; before it those simulators know of nothing. Absent: they keep all. */
  readonly booksFrom?: number
  /** The processors, when they were started here. */
  readonly simulators?: Readonly<Record<ProcessorName, Simulator>>
  /** Resolves once something that was started here has ended and cannot be had again. */
  readonly failed: Promise<Error>
  /** Stops what was started here, last first. */
  stop(): Promise<void>
}

/** The token that a simulator takes from operators, as the challenge's processors do. */
const SIMULATOR_TOKEN = '123'

/**
 * Starts what is missing, and tells a person at the terminal of each part, and the log of what ends
 * by itself. When one fails the others are stopped and its error is thrown.
 */
export async function startDevStack(
  config: Config,
  { tell, logger }: Pick<Register, 'tell' | 'logger'>,
): Promise<DevStack> {
  await refuseSecond(config)
  if (isNeeded(config)) await tryAddresses(config.httpServer, addressesOf(config))
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const stopOne of stops.reverse()) await stopOne()
  }
  try {
    // First: it holds the folder, in which the simulators keep their payments.
    const postgres = await postgresOf(config, { stops, tell, logger })
    const processors = await processorsOf(config, { stops, tell, logger })
    // What a command cannot know is the database; where that was named, so was the rest.
    if (config.databaseUrl === undefined) {
      const { databaseUrl } = postgres
      const { simulators: _, booksFrom: __, ...found } = processors
      const addresses = { databaseUrl, ...found, ...ownUrlsOf(config) }
      stops.push(await writeDevStackFile(config.dataDir, addresses).catch(refuseDataDir))
    }
    return { ...postgres, ...processors, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Before ports are: those of the Pit on this folder are taken, too, and say less. */
async function refuseSecond({ databaseUrl, dataDir }: Config): Promise<void> {
  if (databaseUrl !== undefined) return
  const found = await findDevStack(dataDir)
  if ('whyNot' in found) return
  const advice = 'a second one needs a DATA_DIR and ports of its own, see docs/CLI.md'
  throw new Error(`a Pit already runs on ${dataDir} (pid ${found.pid}); ${advice}`)
}

function isNeeded({ databaseUrl, processorDefaultUrl }: Config): boolean {
  return databaseUrl === undefined || processorDefaultUrl === undefined
}

/** All that this process will listen on. */
function addressesOf(config: Config): readonly ListeningAddress[] {
  const { opsPort, processorDefaultUrl } = config
  const simulators = processorDefaultUrl === undefined ? (['default', 'fallback'] as const) : []
  return [
    clientsAddress(config),
    ...(opsPort === 0 ? [] : [operatorsAddress(config)]),
    ...simulators.map((name) => simulatorAddress(config, name)),
  ]
}

/** Takes one line without its end. */
export type Tell = (line: string) => void

interface Register {
  readonly stops: (() => Promise<void>)[]
  readonly tell: Tell
  readonly logger: Logger
}

async function postgresOf(
  config: Config,
  { stops, tell, logger }: Register,
): Promise<Pick<DevStack, 'databaseUrl' | 'failed'>> {
  const { databaseUrl, dataDir } = config
  if (databaseUrl !== undefined) return { databaseUrl, failed: new Promise(() => undefined) }
  const onFirstStart = (): void => tell(`making a PostgreSQL in ${dataDir}, takes some seconds`)
  const log = subsystemLogger(logger, 'ledger')
  const onRepair = ({ state, ...fields }: RepairNews): void =>
    log.warn(fields, state === 'ended' ? 'postgres.ended' : 'postgres.restarted')
  const started = startEmbeddedPostgres({ dataDir, onFirstStart, onRepair })
  const postgres = await started.catch(refuseDataDir)
  stops.push(() => postgres.stop())
  tell(`started PostgreSQL with its data in ${dataDir}`)
  return { databaseUrl: postgres.connectionString, failed: postgres.failed }
}

/** Names the variable by which the start can be had otherwise. */
function refuseDataDir(cause: unknown): never {
  throw new Error(`DATA_DIR: ${wordsOf(cause)}`, { cause })
}

/** Pit's own URLs, as this machine reaches them. */
function ownUrlsOf({
  listen,
  opsHost,
  opsPort,
}: Config): Pick<DevStackAddresses, 'clientsUrl' | 'opsUrl'> {
  const clientsUrl =
    'socket' in listen ? socketUrl(listen.socket) : `http://127.0.0.1:${listen.port}`
  const isChosen = 'socket' in listen || listen.port !== 0
  return {
    ...(isChosen ? { clientsUrl } : {}),
    ...(opsPort === 0 ? {} : { opsUrl: operatorsUrl({ opsHost, opsPort }) }),
  }
}

async function processorsOf(
  config: Config,
  register: Register,
): Promise<Omit<DevStack, 'databaseUrl' | 'failed' | 'stop'>> {
  const { processorDefaultUrl, processorFallbackUrl } = config
  if (processorDefaultUrl !== undefined && processorFallbackUrl !== undefined) {
    return { processorDefaultUrl, processorFallbackUrl }
  }
  const simulators = {
    default: await ownProcessor('default', config, register),
    fallback: await ownProcessor('fallback', config, register),
  }
  return {
    simulators,
    processorDefaultUrl: simulators.default.url,
    processorFallbackUrl: simulators.fallback.url,
    processorToken: SIMULATOR_TOKEN,
    ...(keepsWith(config) ? {} : { booksFrom: systemClock.wallNow() }),
  }
}

/**
 * Whether simulators keep their payments: beside the embedded PostgreSQL, since both are then kept
 * and removed together. Another PostgreSQL may change under them.
 */
function keepsWith({ databaseUrl }: Config): boolean {
  return databaseUrl === undefined
}

async function ownProcessor(
  name: ProcessorName,
  config: Config,
  { stops, tell }: Register,
): Promise<Simulator> {
  const feeRate = name === 'default' ? config.processorDefaultFee : config.processorFallbackFee
  const address = simulatorAddress(config, name)
  const { port } = address.at
  const kept = keepsWith(config) ? { keepIn: `${config.dataDir}/simulator-${name}.ledger` } : {}
  const simulator = await listensAt(address, startSimulator({ port, feeRate, name, ...kept }))
  stops.push(() => simulator.close())
  tell(`started processor simulator "${name}" on ${simulator.url}, fee ${feeRate * 100} %`)
  return simulator
}
