// npm run bench:finding: what a page of payments takes, anywhere in a ledger that holds millions.

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { PageRequest, PaymentFilter } from '../src/actors/model/found-payments.ts'
import { openPaymentFinder } from '../src/infra/postgres/payment-finder.ts'
import { startLayout } from './layout/layout.ts'
import { projectRoot } from './layout/project.ts'
import { LatencyHistogram } from './load/histogram.ts'
import { type Note, runBench } from './measure/command.ts'
import { text, whole } from './measure/flags.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf, sumOf, usageBetween } from './measure/usage.ts'
import { type Filled, fillLedger } from './summary/rows.ts'

interface Options {
  readonly rows: number
  readonly archived: number
  readonly days: number
  readonly open: number
  readonly perSecond: number
  readonly pages: number
  readonly dir: string
}

const LIMIT = 50
/** Pages before those that count: the connection, caches, and code to be compiled. */
const WARM_UP_PAGES = 50

const POSTGRES = {
  config_file: join(projectRoot(), 'compose/production.postgresql.conf'),
  max_locks_per_transaction: '256',
}

/** Once made, for all variants. */
let made: Promise<Filled> | undefined

type FilterOf = (at: number) => PaymentFilter

const HOUR_MS = 3_600_000

/** By an instant anywhere in the ledger, which is where the page begins. */
const FILTERS: Readonly<Record<string, FilterOf>> = {
  all: () => ({}),
  'settled at fallback': () => ({ states: ['settled'], processor: 'fallback' }),
  'within an hour': (at) => ({ from: at - HOUR_MS, to: at }),
  'one in a thousand': () => ({ amountMin: 99_901 }),
  'none fits': () => ({ amountMin: 100_001 }),
  'no attempts fit': () => ({ attemptsMin: 2 }),
  open: () => ({ states: ['parked', 'owned'] }),
  'open, none fits': () => ({ states: ['parked', 'owned'], amountMin: 100_001 }),
  rejected: () => ({ states: ['rejected'] }),
  'first digits of an id': () => ({ idPrefix: crypto.randomUUID().slice(0, 6) }),
}

/** As many as $1, over the same time, from $2 on for $3 ms: a third each parked, owned, rejected. */
const OPEN = `
  WITH lease AS (
    INSERT INTO leases (instance_id, expires_at) VALUES ('bench', now()) RETURNING id
  ), numbered AS (
    SELECT i % 3 AS kind, 1 + (i * 7919) % 100000 AS cents,
      to_timestamp(($2::float8 + $3::float8 * i / $1::float8) / 1000) AS at
    FROM generate_series(1, $1::int) AS i
  )
  INSERT INTO payments (correlation_id, amount_cents, accepted_at, state, owner, due_at, attempts)
  SELECT gen_random_uuid(), cents, at, CASE kind WHEN 0 THEN 2 ELSE 0 END,
    CASE kind WHEN 1 THEN NULL ELSE lease.id END, CASE kind WHEN 1 THEN at END, '[]'
  FROM numbered, lease`

await runBench({
  name: 'finding',
  purpose:
    `Pages of ${LIMIT} payments from places anywhere in a ledger, for several filters, one after the\n` +
    'other: for a filter that fits little each page looks at as many rows as it may. `found` is the mean\n' +
    'of payments on a page. Rows are made inside PostgreSQL and kept for the next time.',
  runs: 1,
  flags: {
    rows: whole({ fallback: 10_000_000, min: 1_000, max: 1e9, meaning: 'settled payments' }),
    archived: whole({ fallback: 8_000_000, min: 1, max: 1e9, meaning: 'archived ones of them' }),
    days: whole({ fallback: 365, min: 1, max: 10_000, meaning: 'empty partitions before them' }),
    open: whole({
      fallback: 200_000,
      min: 10,
      max: 1e8,
      meaning: 'parked, owned and rejected ones',
    }),
    perSecond: whole({ fallback: 4, min: 1, max: 10_000, meaning: 'rate at which they came' }),
    pages: whole({ fallback: 1_000, min: 10, max: 1_000_000, meaning: 'pages of each filter' }),
    dir: text('FOLDER', 'where the database is kept (a folder beside other temporary ones)'),
  },
  variants: (options) =>
    Object.entries(FILTERS).map(([name, filterOf]) => ({
      name,
      measure: (note) => measure(options, filterOf, note),
    })),
})

async function measure(options: Options, filterOf: FilterOf, note: Note): Promise<Measured> {
  const dir = options.dir === '' ? join(tmpdir(), `pit-finding-${options.rows}`) : options.dir
  const parts = { instances: 0, nginx: false, redis: false, processors: 'none' } as const
  const layout = await startLayout({ dir, ...parts, postgresSettings: POSTGRES })
  const finder = openPaymentFinder({
    connectionString: layout.postgres.url,
    applicationName: 'pit bench',
  })
  try {
    made ??= fill(options, layout.postgres.url, note)
    const { from, to } = await made
    const latency = new LatencyHistogram()
    const services = servicesOf(layout)
    let start = readUsage(services)
    let found = 0
    let looked = 0
    for (let page = -WARM_UP_PAGES; page < options.pages; page += 1) {
      const at = Math.round(from + Math.random() * (to - from))
      const startedAt = performance.now()
      const { payments, lookedUntil } = await finder.find(requestOf(filterOf(at), at))
      if (page === -1) start = readUsage(services)
      if (page < 0) continue
      latency.record(performance.now() - startedAt)
      found += payments.length / options.pages
      looked += lookedUntil === undefined ? 0 : 1 / options.pages
    }
    const { p50Ms, p99Ms, p999Ms, maxMs } = latency.report()
    const used = usageBetween({ start, end: readUsage(services), payments: options.pages })
    const postgresCpuMs = sumOf(used, 'cpuUsPerPayment', 'postgres') / 1_000
    return { figures: { p50Ms, p99Ms, p999Ms, maxMs, postgresCpuMs, found, cutShort: looked } }
  } finally {
    await finder.close()
    await layout.stop()
  }
}

function requestOf(filter: PaymentFilter, at: number): PageRequest {
  if (filter.idPrefix !== undefined) return { filter, limit: LIMIT }
  const place = { direction: 'older', atUs: at * 1_000, id: crypto.randomUUID() } as const
  return { filter, place, limit: LIMIT }
}

async function fill(options: Options, url: string, note: Note): Promise<Filled> {
  const filled = await fillLedger({ ...options, url, note })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query('SELECT FROM payments WHERE state = 2 LIMIT 1')
    if (rows.length > 0) return filled
    await client.query(OPEN, [options.open, filled.from, filled.to - filled.from])
    await client.query('VACUUM (ANALYZE) payments')
    note(`${options.open} open and rejected payments`)
    return filled
  } finally {
    await client.end()
  }
}
