// npm run bench:snapshot: what Pit's statements take while somebody holds an old snapshot, as a dump
// or a forgotten transaction does, and what they take without one.

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { ClaimedPayment, Outcome } from '../src/actors/model/payment.ts'
import type { AcceptRequest, Ledger } from '../src/actors/model/ports.ts'
import { startEmbeddedPostgres } from '../src/infra/postgres-embedded/embedded-postgres.ts'
import { createPostgresLedger } from '../src/infra/postgres/ledger.ts'
import { type Note, runBench } from './measure/command.ts'
import { type Figures, median } from './measure/figures.ts'
import { whole } from './measure/flags.ts'
import type { Measured } from './measure/report.ts'

interface Options {
  readonly payments: number
  readonly batch: number
  readonly calls: number
}

/** Flushes in a second of an instance that is busy; a renewal and scans come with them. */
const FLUSHES_PER_SECOND = 20
/** Every so many batches is parked and claimed before it is settled. */
const PARKED_EVERY = 10
/** The payments pass some twenty times as fast as at 500/s, and so does the time for late commits. */
const SLOWEST_COMMIT_MS = 500
const DELAYS = { delayMaxMs: 60_000 }
const OF_OWNER = { fencingToken: 0, purges: 0, attempts: [] }
const HOLD = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM leases'

await runBench({
  name: 'snapshot',
  purpose:
    'Payments pass through the ledger by its own statements, accepted and settled in batches, one batch\n' +
    'in ten parked and claimed in between, while leases are renewed. Then each call is\n' +
    'timed by itself, without other load. In `held` a transaction has held its snapshot all the while.',
  runs: 3,
  flags: {
    payments: whole({
      fallback: 300_000,
      min: 1_000,
      max: 10_000_000,
      meaning: 'payments that pass',
    }),
    batch: whole({ fallback: 25, min: 1, max: 500, meaning: 'payments in a commit' }),
    calls: whole({
      fallback: 200,
      min: 10,
      max: 10_000,
      meaning: 'calls of a kind that are timed',
    }),
  },
  variants: (options) => [
    { name: 'free', measure: (note) => measure(options, note, 'SELECT 1') },
    { name: 'held', measure: (note) => measure(options, note, HOLD) },
  ],
})

async function measure(options: Options, note: Note, hold: string): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'pit-snapshot-'))
  const settings = { fsync: 'off', synchronous_commit: 'off', autovacuum_naptime: '10s' }
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings })
  const { connectionString } = postgres
  const holder = new pg.Client({ connectionString })
  const ledgers = [await open(connectionString), await open(connectionString)] as const
  try {
    const [mine, other] = [await instance(ledgers[0]), await instance(ledgers[1])]
    await holder.connect()
    await holder.query(hold)
    await pass(mine, other, options, note)
    return { figures: await timed(mine, other, options) }
  } finally {
    await holder.end()
    await Promise.all(ledgers.map((ledger) => ledger.close()))
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function open(connectionString: string): Promise<Ledger> {
  return createPostgresLedger({
    connectionString,
    applicationName: 'pit bench',
    poolMax: 1,
    acceptTimeoutMs: 10_000,
    leaseTimeoutMs: 10_000,
    slowestCommitMs: SLOWEST_COMMIT_MS,
  })
}

interface Instance {
  readonly ledger: Ledger
  readonly leaseId: number
}

async function instance(ledger: Ledger): Promise<Instance> {
  return {
    ledger,
    leaseId: (await ledger.acquireLease({ instanceId: 'a', ttlMs: 60_000 })).leaseId,
  }
}

async function pass(mine: Instance, other: Instance, options: Options, note: Note): Promise<void> {
  const batches = Math.ceil(options.payments / options.batch)
  for (let batch = 0; batch < batches; batch += 1) {
    const requests = someRequests(options.batch)
    await mine.ledger.accept(requests, { leaseId: mine.leaseId, parked: false })
    if (batch % PARKED_EVERY === 0) {
      await mine.ledger.record(requests.map(parked), mine)
      const claims = await mine.ledger.claimDue({ ...mine, limit: options.batch, ...DELAYS })
      await mine.ledger.record(claims.map(settled), mine)
    } else {
      await mine.ledger.record(requests.map(settled), mine)
    }
    if (batch % FLUSHES_PER_SECOND === 0) await second([mine, other])
    if (batch % Math.ceil(batches / 5) === 0) note(`${batch * options.batch} payments have passed`)
  }
}

/** What two instances do every second besides. */
async function second(instances: readonly Instance[]): Promise<void> {
  for (const { ledger, leaseId } of instances) {
    await ledger.listOwned({ leaseId, limit: 1_000 })
    await ledger.claimDue({ leaseId, limit: 1, ...DELAYS })
    await ledger.renewLease({ leaseId, ttlMs: 60_000 })
  }
}

async function timed(mine: Instance, other: Instance, { batch, calls }: Options): Promise<Figures> {
  const { ledger, leaseId } = mine
  let requests: readonly AcceptRequest[] = []
  const accept = async (count: number): Promise<void> => {
    requests = someRequests(count)
    await ledger.accept(requests, { leaseId, parked: false })
  }
  const sweep = { limit: 100, settleByMs: 40_000, expired: [] }
  const kinds: Readonly<Record<string, () => Promise<unknown>>> = {
    takeOver: () => other.ledger.takeOver({ leaseId: other.leaseId, ...sweep }),
    claimDue: () => ledger.claimDue({ leaseId, limit: 100, ...DELAYS }),
    listOwned: () => ledger.listOwned({ leaseId, limit: 1_000 }),
    countOpen: () => ledger.countOpen(),
    renew: () => ledger.renewLease({ leaseId, ttlMs: 60_000 }),
    accept: () => accept(batch),
    settle: () => ledger.record(requests.map(settled), mine),
    summary: () => ledger.summarize({}, []),
  }
  const took = new Map(Object.keys(kinds).map((kind) => [kind, [] as number[]]))
  for (let call = 0; call < calls; call += 1) {
    for (const [kind, run] of Object.entries(kinds)) {
      const startedAt = performance.now()
      await run()
      took.get(kind)?.push(performance.now() - startedAt)
    }
  }
  const figures = [...took].map(([kind, each]) => [`${kind}Ms`, median(each)] as const)
  return Object.fromEntries(figures)
}

function someRequests(count: number): readonly AcceptRequest[] {
  return Array.from({ length: count }, () => ({ correlationId: randomUUID(), amountCents: 1_990 }))
}

function settled({ correlationId, amountCents }: AcceptRequest | ClaimedPayment): Outcome {
  const at = { processor: 'default', requestedAt: Date.now(), amountCents } as const
  return { kind: 'settled', correlationId, ...OF_OWNER, ...at }
}

function parked({ correlationId }: AcceptRequest): Outcome {
  const none = { delayMs: 0, rounds: 1, unknownOutcomes: [] }
  return { kind: 'parked', correlationId, ...OF_OWNER, ...none }
}
