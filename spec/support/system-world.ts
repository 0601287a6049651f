// One or more Pit instances in this process, each from its configuration as main.ts starts it, with
// two simulated processors around them.

import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { compareBooks, simulatorLedgers } from './books.ts'
import { seeded } from './seeded.ts'
import { type PitClient, type Register, openPitClient } from './system-client.ts'
import { type Pit, startPit } from '../../src/app/pit.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/infra/process/logger.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'

export interface WorldOptions {
  readonly databaseUrl: string
  readonly redisUrl?: string
  readonly instances?: number
  /** The simulators are the instances' own, as in a dev stack. */
  readonly isDevStack?: boolean
  /** Settings that differ from those of this file. */
  readonly env?: Readonly<Record<string, string>>
}

export interface World {
  /** By instance; a restart replaces them. */
  readonly pits: readonly Pit[]
  readonly clients: readonly PitClient[]
  /** A client of the first instance. */
  readonly client: PitClient
  readonly simulators: { default: Simulator; fallback: Simulator }
  /** Stops all instances in good order and starts them again on the same database. */
  restart(): Promise<void>
  /** Waits for the settlement of all that was posted and compares the books over each instance. */
  booksAgree(t: Test): Promise<void>
}

/**
 * Timeouts for specs in which processors leave charges unanswered: seconds stand for what takes a
 * minute in production. On a slow machine they end charges that were well, too, so that with them
 * only such claims hold as do not count charges.
 */
export const HASTY = {
  ATTEMPT_TIMEOUT_MS: '500',
  CONNECT_TIMEOUT_MS: '400',
  LOOKUP_TIMEOUT_MS: '500',
  IN_DOUBT_HORIZON_MS: '2000',
}

/**
 * Delays are short, so that a spec sees in seconds what takes a minute in production. Timeouts and
 * the lease are so long that none of them ends on a slow machine where nothing is wrong.
 */
const SETTINGS = {
  PORT: '0',
  OPS_PORT: '0',
  DATABASE_POOL: '2',
  ATTEMPT_TIMEOUT_MS: '50000',
  CONNECT_TIMEOUT_MS: '20000',
  LOOKUP_TIMEOUT_MS: '50000',
  LOOKUP_LAG_MS: '300',
  IN_DOUBT_HORIZON_MS: '90000',
  RETRY_DELAY_MS: '200',
  RETRY_DELAY_MAX_MS: '1000',
  QUICK_BACKOFF_MS: '30',
  CIRCUIT_OPEN_MS: '200',
  CIRCUIT_OPEN_MAX_MS: '800',
  ROUTE_WAIT_MAX_MS: '500',
  LEASE_TTL_MS: '60000',
  SHUTDOWN_DEADLINE_MS: '60000',
}

/**
 * Starts everything; stopped at the test's end. The simulators' ports are chosen before: one that
 * uWebSockets chose itself could not be bound again for a minute after its connections.
 */
export async function startWorld(t: Test, options: WorldOptions): Promise<World> {
  const simulators = {
    default: await startSimulator({ port: await freePort(), feeRate: 0.05, name: 'default' }),
    fallback: await startSimulator({ port: await freePort(), feeRate: 0.15, name: 'fallback' }),
  }
  const addresses = {
    databaseUrl: options.databaseUrl,
    processorDefaultUrl: simulators.default.url,
    processorFallbackUrl: simulators.fallback.url,
    ...(options.isDevStack === true ? { simulators } : {}),
  }
  const pits: Pit[] = []
  const clients: PitClient[] = []
  const register: Register = new Map()
  const start = async (): Promise<void> => {
    for (let number = 1; number <= (options.instances ?? 1); number += 1) {
      const config = readConfig({
        ...SETTINGS,
        INSTANCE_ID: `spec-${number}`,
        REDIS_URL: options.redisUrl,
        ...options.env,
      })
      const logger = createLogger({ level: 'silent', instanceId: config.instanceId })
      const pit = await startPit(config, addresses, logger)
      pits.push(pit)
      clients.push(openPitClient(t, `http://127.0.0.1:${pit.port}`, register))
    }
  }
  const stop = async (): Promise<void> => {
    await Promise.all(pits.splice(0).map((pit) => pit.stop('the spec is over')))
    clients.length = 0
  }
  t.teardown(async () => {
    await stop()
    await Promise.all([simulators.default.close(), simulators.fallback.close()])
  })
  await start()
  return {
    pits,
    clients,
    get client() {
      return firstOf(clients)
    },
    simulators,
    restart: async () => {
      await stop()
      await start()
    },
    booksAgree: async (test) => {
      const ledgers = simulatorLedgers(() => simulators)
      const seed = Date.now() % 1_000_000
      for (const client of clients) {
        const faults = await compareBooks({ client, ledgers }, seeded(seed))
        test.strictSame(faults, [], `the books agree (windows of seed ${seed})`)
      }
    },
  }
}

function firstOf(clients: readonly PitClient[]): PitClient {
  const [first] = clients
  if (first === undefined) throw new Error('no instance is running')
  return first
}
