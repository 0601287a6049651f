// A layout with everything that a benchmark asks of it: targets, processors, the ledger.

import { join } from 'node:path'
import pg from 'pg'
import type { Parties } from '../challenge/checks.ts'
import { PitEndpoint } from '../challenge/pit-endpoint.ts'
import { INITIAL_TOKEN, ProcessorAdmin } from '../challenge/processor-admin.ts'
import { startLayout } from '../layout/layout.ts'
import type { Layout, LayoutOptions } from '../layout/plan.ts'
import { projectRoot } from '../layout/project.ts'
import { waitUntil } from '../layout/wait.ts'
import { type Shares, readShares } from '../limits/shares.ts'
import { type Target, parseTarget } from '../load/target.ts'

export interface World {
  readonly layout: Layout
  /**
   * From the first process to the last part's readiness, s; with the making of the database, which
   * is `layout.postgres.madeSeconds` of it, and with the simulators.
   */
  readonly startSeconds: number
  /** nginx. */
  readonly front: Target
  /** The unix socket of the first Pit, without nginx in between. */
  readonly socket: Target
  readonly parties: Parties
  /** Payments that both processors have recorded. */
  recorded(): Promise<number>
  /** Payments settled in the ledger, the commit included. */
  stored(): Promise<number>
  /** Awaits that so many are settled in the ledger; false when they are not within the bound. */
  storesAll(payments: number, withinMs: number): Promise<boolean>
  stop(): Promise<void>
}

/** The shares of docker-compose.yml, where asked with other CPUs for each Pit, or none. */
export function sharesFor(
  limits: 'compose' | 'none',
  { pitCpus }: { readonly pitCpus?: number } = {},
): Shares | undefined {
  if (limits === 'none') return undefined
  const shares = readShares(join(projectRoot(), 'docker-compose.yml'))
  if (pitCpus === undefined) return shares
  const entries = Object.entries(shares).map(([name, share]) => {
    return [name, name.startsWith('pit-') ? { ...share, cpus: pitCpus } : share] as const
  })
  return Object.fromEntries(entries)
}

/** Starts a layout; it must have nginx and processors. */
export async function startWorld(options: LayoutOptions): Promise<World> {
  const startedAt = performance.now()
  const layout = await startLayout(options)
  const startSeconds = (performance.now() - startedAt) / 1000
  const ledger = new pg.Client({ connectionString: layout.postgres.url })
  // A broken connection shows in the next query; an unheard event would end the process.
  ledger.on('error', () => undefined)
  const parties = openParties(layout)
  const stop = async (): Promise<void> => {
    for (const party of [parties.pit, parties.default, parties.fallback]) party.close()
    await ledger.end().catch(() => undefined)
    await layout.stop()
  }
  try {
    await ledger.connect()
    for (const processor of [parties.default, parties.fallback]) await processor.claimToken()
  } catch (failure) {
    await stop()
    throw failure
  }
  const stored = (): Promise<number> => countStored(ledger)
  return {
    layout,
    startSeconds,
    front: parseTarget(layout.url),
    socket: socketOf(layout),
    parties,
    recorded: () => countRecorded(parties),
    stored,
    storesAll: (payments, withinMs) =>
      waitUntil({ what: 'everything stored', withinMs }, async () => (await stored()) >= payments)
        .then(() => true)
        .catch(() => false),
    stop,
  }
}

function openParties(layout: Layout): Parties {
  const { processors } = layout
  if (processors === undefined) throw new Error('bench: the layout has no processors')
  const shared = { timeoutMs: ADMIN_TIMEOUT_MS, token: INITIAL_TOKEN }
  const admin = (name: 'default' | 'fallback'): ProcessorAdmin =>
    new ProcessorAdmin({ ...shared, name, target: parseTarget(processors[name].url) })
  return {
    pit: new PitEndpoint({ target: parseTarget(layout.url), timeoutMs: ADMIN_TIMEOUT_MS }),
    default: admin('default'),
    fallback: admin('fallback'),
  }
}

function socketOf(layout: Layout): Target {
  const listen = layout.pits[0]?.listen
  if (listen === undefined || !('socketPath' in listen)) {
    throw new Error('bench: the first Pit does not listen on a socket')
  }
  return listen
}

async function countRecorded(parties: Parties): Promise<number> {
  const books = await Promise.all([parties.default.readBooks({}), parties.fallback.readBooks({})])
  return books.reduce((sum, each) => sum + (each?.payments ?? 0), 0)
}

/** By the totals of whole days: a handful of rows, so that asking costs the ledger nothing. */
async function countStored(ledger: pg.Client): Promise<number> {
  const { rows } = await ledger.query<{ payments: string }>(
    'SELECT coalesce(sum(payments), 0) AS payments FROM settled_totals WHERE level = 3',
  )
  return Number(rows[0]?.payments ?? 0)
}

/** A processor with a long ledger takes some ms to sum it, a purged Pit some hundred. */
const ADMIN_TIMEOUT_MS = 10_000

/** For what is accepted to be settled and committed after a load, ms. */
const SETTLE_WITHIN_MS = 30_000

/** Awaits that the ledger has what the processors have, in two readings in a row. */
export async function settles(world: World): Promise<void> {
  let before = -1
  await waitUntil({ what: 'settlements', withinMs: SETTLE_WITHIN_MS }, async () => {
    const [recorded, stored] = await Promise.all([world.recorded(), world.stored()])
    const isOver = recorded === stored && recorded === before
    before = recorded
    return isOver
  })
}
