// Pit's actors' parts with every port answered in memory: charges wait in a ring until the
// benchmark answers them, the ledger accepts everything.

import { createTotals, totalsTelemetry } from '../../src/actors/supervisor/totals.ts'
import { ONE_HISTORY } from '../../src/actors/model/ledger-history.ts'
import { LeaseFence } from '../../src/actors/ownership/fence.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { ChargeAnswer, Ledger, Processor } from '../../src/actors/model/ports.ts'
import { createRing, type Ring } from '../../src/actors/payments/queues.ts'
import type { PitParts } from '../../src/actors/supervisor/supervisor.ts'
import { readConfig } from '../../src/config/config.ts'
import { createCachesWithoutRedis } from '../../src/infra/redis/without-redis.ts'
import { createFactsLog, sinks } from '../../src/infra/process/logger.ts'
import { createLogger } from '../../src/infra/process/logger.ts'
import { NOTHING_ORDERED, NOTHING_OWNED } from '../../src/app/rehearsal/harmless-ports.ts'
import { partsOf } from '../../src/app/settings.ts'
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts'

type Reply = (answer: ChargeAnswer) => void

export interface MemoryParts {
  readonly parts: PitParts
  /** The clock of all actors. */
  readonly clock: VirtualClock
  /** Charges that wait for their answer, oldest first. */
  readonly charges: Ring<Reply>
  /** Answers the oldest charge as a processor that settles at once. */
  settleOldest(): void
  /** Charges answered so far. */
  readonly settled: number
}

/** The settings are the default ones but for the number of payments in work at once. */
export function createMemoryParts(alive: number): MemoryParts {
  const config = readConfig({
    PROCESSOR_CONCURRENCY: String(alive),
    // All of them go to one processor: so many are alive and no more.
    ROUTE_WAIT_MAX_MS: '3600000',
    LOG_LEVEL: 'warn',
  })
  const charges = createRing<Reply>(2 * alive)
  const { logLevel: level, instanceId } = config
  const log = createFactsLog(createLogger({ level, instanceId }))
  const clock = createVirtualClock()
  const adapters = {
    ...createCachesWithoutRedis(),
    ledger: createYesLedger(),
    fence: new LeaseFence(clock),
    history: ONE_HISTORY,
    processors: {
      default: createProcessor('default', charges),
      fallback: createProcessor('fallback', charges),
    },
    close: () => Promise.resolve(),
  }
  const made = partsOf(config, adapters, sinks(log, totalsTelemetry(createTotals())))
  const parts = { ...made, ports: { ...made.ports, clock } }
  let settled = 0
  return {
    parts,
    clock,
    charges,
    get settled() {
      return settled
    },
    settleOldest() {
      const reply = charges.shift()
      if (reply === undefined) return
      settled += 1
      reply(SETTLED)
    },
  }
}

const SETTLED: ChargeAnswer = { kind: 'settled', detail: 'http 200' }

function createProcessor(name: ProcessorName, charges: Ring<Reply>): Processor {
  return {
    name,
    charge: (_, reply) => {
      if (!charges.push(reply)) throw new Error('bench: more charges than may be in flight')
    },
    lookUp: (_, reply) => setImmediate(() => reply({ kind: 'missing' })),
    probe: () => Promise.resolve({ kind: 'answered', failing: false, minResponseMs: 0 }),
    close: () => Promise.resolve(),
  }
}

function createYesLedger(): Ledger {
  return {
    acquireLease: () => Promise.resolve({ leaseId: 1, ledgerNow: 0 }),
    renewLease: () => Promise.resolve({ held: true, purges: 0, ledgerNow: 0 }),
    releaseLease: () => Promise.resolve(),
    accept: (batch) => Promise.resolve({ results: batch.map(() => 'accepted'), purges: 0 }),
    record: () => Promise.resolve([]),
    ...NOTHING_OWNED,
    ...NOTHING_ORDERED,
    summarize: () => Promise.resolve({ summary: { default: NONE, fallback: NONE }, stale: [] }),
    find: () => Promise.resolve(undefined),
    findControl: () => Promise.resolve({ kind: 'none' }),
    purge: () => Promise.resolve({ purges: 1 }),
    close: () => Promise.resolve(),
  }
}

const NONE = { payments: 0, cents: 0 }
