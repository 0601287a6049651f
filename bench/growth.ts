// npm run bench:growth: what payments, summaries and the archive cost while the ledger holds millions.

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { archiveOnce } from '../src/infra/postgres/archive-pass.ts'
import { openConnection } from '../src/infra/postgres/connection.ts'
import { windowQuery } from './challenge/pit-endpoint.ts'
import { startLayout } from './layout/layout.ts'
import { projectRoot } from './layout/project.ts'
import { waitUntil } from './layout/wait.ts'
import { HttpClient } from './load/client.ts'
import { AnswerTally } from './load/tally.ts'
import { runBench, type Note } from './measure/command.ts'
import type { Figures } from './measure/figures.ts'
import { oneOf, text, whole } from './measure/flags.ts'
import { loadSteadily, type LoadResult } from './measure/payment-load.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf, sumOf, usageBetween } from './measure/usage.ts'
import { sharesFor, startWorld, type World } from './measure/world.ts'
import { fillLedger, type Filled } from './summary/rows.ts'
import { WINDOW_KINDS, windowOf } from './summary/windows.ts'

interface Options {
  readonly rows: number
  readonly archived: number
  readonly days: number
  readonly moved: number
  readonly perSecond: number
  readonly seconds: number
  readonly requests: number
  readonly dir: string
  readonly limits: 'none' | 'compose'
}

const CONNECTIONS = 256
/** For connections, plans and compiled code, s. */
const WARM_UP_SECONDS = 5
const TIMEOUT_MS = 5_000

/**
 * A server that keeps years has the settings of one. What fills the ledger and counts all of it locks
 * the partitions of all days; Pit does not.
 */
const POSTGRES = {
  config_file: join(projectRoot(), 'compose/production.postgresql.conf'),
  max_locks_per_transaction: '256',
}

/** Once made, for all runs. */
let made: Promise<Filled> | undefined

await runBench({
  name: 'growth',
  purpose:
    'Payments at a steady rate to a ledger without any and to one that holds many, most of them\n' +
    'archived, in turn; then summaries of windows anywhere in it; then payments again while some of\n' +
    'the others are archived. Rows are made inside PostgreSQL and kept for the next time.',
  runs: 3,
  flags: {
    rows: whole({ fallback: 20_000_000, min: 1000, max: 1e9, meaning: 'settled payments' }),
    archived: whole({ fallback: 15_000_000, min: 1, max: 1e9, meaning: 'archived ones of them' }),
    days: whole({ fallback: 365, min: 1, max: 10_000, meaning: 'partitions of the archive' }),
    moved: whole({ fallback: 100_000, min: 1, max: 1e9, meaning: 'archived by each run' }),
    perSecond: whole({ fallback: 500, min: 1, max: 10_000, meaning: 'rate, payments/s' }),
    seconds: whole({ fallback: 30, min: 1, max: 3600, meaning: 'length of a load, s' }),
    requests: whole({ fallback: 1000, min: 4, max: 1_000_000, meaning: 'summaries' }),
    dir: text('FOLDER', 'where the database is kept (a folder beside other temporary ones)'),
    limits: oneOf(['none', 'compose'], 'shares of docker-compose.yml, or none'),
  },
  variants: (options) => [
    { name: 'empty', measure: () => measure(options) },
    { name: 'grown', measure: (note) => measureGrown(options, note) },
  ],
})

async function measureGrown(options: Options, note: Note): Promise<Measured> {
  const dir = options.dir === '' ? join(tmpdir(), `pit-growth-${options.rows}`) : options.dir
  made ??= prepare(options, dir, note)
  return await measure(options, { dir, filled: await made })
}

async function measure(
  options: Options,
  grown?: { readonly dir: string; readonly filled: Filled },
): Promise<Measured> {
  const world = await startWorld({
    ...(grown === undefined ? {} : { dir: grown.dir }),
    limits: sharesFor(options.limits),
    env: { ARCHIVE_RATE_MAX: '0' },
    postgresSettings: POSTGRES,
  })
  try {
    await load(world, { ...options, seconds: WARM_UP_SECONDS })
    const loaded = await measureLoad(world, options)
    if (grown === undefined) return loaded
    const summaryP99Ms = await ask(world, options, grown.filled)
    const whileMoving = await move(world, options)
    const bytes = await measureBytes(world)
    return { ...loaded, figures: { ...loaded.figures, summaryP99Ms, ...whileMoving, ...bytes } }
  } finally {
    await world.stop()
  }
}

/** Fills the database of a layout that has nothing else. */
async function prepare(options: Options, dir: string, note: Note): Promise<Filled> {
  note(`the database is kept in ${dir}`)
  const parts = { instances: 0, nginx: false, redis: false, processors: 'none' } as const
  const layout = await startLayout({ dir, ...parts, postgresSettings: POSTGRES })
  try {
    const { url } = layout.postgres
    const filled = await fillLedger({ ...options, url, note })
    await query(url, 'UPDATE applied_migrations SET needs_code = 3 WHERE number = 3')
    return filled
  } finally {
    await layout.stop()
  }
}

function load(world: World, { seconds, perSecond }: Options): Promise<LoadResult> {
  return loadSteadily({ target: world.front, seconds, connections: CONNECTIONS }, perSecond)
}

async function measureLoad(world: World, options: Options): Promise<Measured> {
  await untilSettled(world)
  const services = servicesOf(world.layout)
  const [settledBefore, start] = [await readSettlements(world), readUsage(services)]
  const { tally, unsent } = await load(world, options)
  await untilSettled(world)
  const used = usageBetween({ start, end: readUsage(services), payments: tally.succeeded })
  const { p50Ms: acceptP50Ms, p99Ms: acceptP99Ms } = tally.latency.report()
  return {
    figures: {
      acceptP50Ms,
      acceptP99Ms,
      settleP99Ms: p99Between(settledBefore, await readSettlements(world)),
      cpuUsPerPayment: sumOf(used, 'cpuUsPerPayment'),
      cpuUsOfPostgres: sumOf(used, 'cpuUsPerPayment', 'postgres'),
      failed: tally.failed,
      unsent,
    },
    services: used,
  }
}

/** Awaits that no payment is open. */
async function untilSettled({ layout }: World): Promise<void> {
  await waitUntil({ what: 'all payments are settled' }, async () => {
    const open = `SELECT FROM payments WHERE state = 0 AND owner IS NULL
      UNION ALL SELECT FROM payments WHERE state = 0 AND owner IS NOT NULL LIMIT 1`
    return (await query(layout.postgres.url, open)).length === 0
  })
}

/** Settlements up to each bound, s, of all Pits and processors. */
async function readSettlements({ layout }: World): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>()
  for (const { opsUrl } of layout.pits) {
    const said = await (await fetch(`${opsUrl}/metrics`)).text()
    const line = /^pit_settlement_duration_seconds_bucket\{.*?le="([^"]+)".*?\} (\d+)/gm
    for (const [, bound = '', count] of said.matchAll(line)) {
      const le = bound === '+Inf' ? Infinity : Number(bound)
      counts.set(le, (counts.get(le) ?? 0) + Number(count))
    }
  }
  return counts
}

/** Evenly within its bucket, ms. */
function p99Between(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): number {
  const bounds = [...after.keys()].toSorted((a, b) => a - b)
  const upTo = bounds.map((le) => (after.get(le) ?? 0) - (before.get(le) ?? 0))
  const wanted = (upTo.at(-1) ?? 0) * 0.99
  const at = upTo.findIndex((count) => count >= wanted)
  const [low, high] = [bounds[at - 1] ?? 0, bounds[at] ?? 0]
  const [below, within] = [upTo[at - 1] ?? 0, upTo[at] ?? 0]
  return 1000 * (low + ((high - low) * (wanted - below)) / Math.max(1, within - below))
}

/** p99 of summaries of all kinds of windows, ms. */
async function ask(world: World, { requests }: Options, filled: Filled): Promise<number> {
  const tally = new AnswerTally()
  const client = new HttpClient({
    target: world.front,
    timeoutMs: TIMEOUT_MS,
    observe: (answer) => tally.record(answer),
  })
  try {
    for (let request = 0; request < requests / WINDOW_KINDS.length; request += 1) {
      for (const kind of WINDOW_KINDS) {
        const path = `/payments-summary${windowQuery(windowOf(kind, filled, Math.random))}`
        await client.request({ method: 'GET', path })
      }
    }
    return tally.latency.report().p99Ms
  } finally {
    client.close()
  }
}

/** Archives the oldest payments while others come. */
async function move(world: World, options: Options): Promise<Figures> {
  const { url } = world.layout.postgres
  const [row] = await query(
    url,
    `SELECT extract(epoch FROM now()) * 1000 - requested_at_ms AS age FROM payments
    WHERE state = 1 ORDER BY requested_at_ms OFFSET ${options.moved} LIMIT 1`,
  )
  const connection = await openConnection({
    connectionString: url,
    applicationName: 'pit bench archiving',
    target: 'read-write',
    connectTimeoutMs: TIMEOUT_MS,
    statementTimeoutMs: TIMEOUT_MS,
  })
  const settings = { rateMax: 1e6, keepMs: undefined, knownMs: undefined }
  const afterMs = Math.floor(Number(row?.['age'] ?? 0))
  const [pass, { tally }] = await Promise.all([
    archiveOnce(connection, { ...settings, afterMs }),
    load(world, options),
  ])
  await connection.end()
  const { payments = 0, tookMs = 0 } = pass ?? {}
  return {
    archivedPerSecond: (payments * 1000) / tookMs,
    acceptP99MsWhileArchiving: tally.latency.report().p99Ms,
  }
}

/** Bytes of a payment that is hot, archived, and of one that is known only. */
async function measureBytes({ layout }: World): Promise<Figures> {
  const bytes = (table: string): string => `(SELECT sum(pg_total_relation_size(relid))
      FROM pg_partition_tree('${table}')) / greatest(1, (SELECT count(*) FROM ${table}))`
  const hot = `pg_total_relation_size('payments') / (SELECT count(*) FROM payments)`
  const [row] = await query(
    layout.postgres.url,
    `SELECT ${hot} AS hot, ${bytes('archived_payments')} AS archived,
      ${bytes('known_payments')} AS known`,
  )
  return {
    bytesHot: Number(row?.['hot']),
    bytesArchived: Number(row?.['archived']) + Number(row?.['known']),
    bytesKnown: Number(row?.['known']),
  }
}

async function query(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}
