// npm run bench:summary: what summaries take while the ledger holds millions of payments.

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { windowQuery } from './challenge/pit-endpoint.ts'
import { startLayout } from './layout/layout.ts'
import { HttpClient } from './load/client.ts'
import { AnswerTally } from './load/tally.ts'
import { type Note, runBench } from './measure/command.ts'
import { oneOf, text, whole } from './measure/flags.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf, usageBetween } from './measure/usage.ts'
import { type World, sharesFor, startWorld } from './measure/world.ts'
import { type Filled, type Span, fillLedger } from './summary/rows.ts'
import { WINDOW_KINDS, type WindowKind, isRight, windowOf } from './summary/windows.ts'

interface Options {
  readonly rows: number
  readonly perSecond: number
  readonly requests: number
  readonly pauseMs: number
  readonly dir: string
  readonly limits: 'compose' | 'none'
}

/** Requests before those that count: connections, plans, caches, and code to be compiled. */
const WARMUP_REQUESTS = 500
const TIMEOUT_MS = 5_000

/** Once made, for all variants. */
let made: Promise<Filled> | undefined

await runBench({
  name: 'summary',
  purpose:
    'GET /payments-summary over windows of a second, a minute, an hour and over everything, one after\n' +
    'the other, of a ledger that holds many settled payments. They are made inside PostgreSQL and kept\n' +
    'for the next time; the fill seconds are 0 then.',
  runs: 3,
  flags: {
    rows: whole({ fallback: 10_000_000, min: 1, max: 100_000_000, meaning: 'settled payments' }),
    perSecond: whole({ fallback: 500, min: 1, max: 1000, meaning: 'rate at which they came' }),
    requests: whole({ fallback: 1000, min: 1, max: 1_000_000, meaning: 'summaries of a kind' }),
    pauseMs: whole({ fallback: 10, min: 0, max: 10_000, meaning: 'between two of them, ms' }),
    dir: text('FOLDER', 'where the database is kept (a folder beside other temporary ones)'),
    limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  },
  variants: (options) =>
    WINDOW_KINDS.map((kind) => ({ name: kind, measure: (note) => measure(options, kind, note) })),
})

async function measure(options: Options, kind: WindowKind, note: Note): Promise<Measured> {
  const dir = options.dir === '' ? join(tmpdir(), `pit-summary-${options.rows}`) : options.dir
  made ??= prepare(options, dir, note)
  const { fillSeconds, ...filled } = await made
  const world = await startWorld({ dir, limits: sharesFor(options.limits) })
  try {
    await ask(world, { ...options, requests: WARMUP_REQUESTS }, { kind, span: filled })
    const services = servicesOf(world.layout)
    const start = readUsage(services)
    const { latency, failed } = await ask(world, options, { kind, span: filled })
    const used = usageBetween({ start, end: readUsage(services), payments: 0 })
    const { p50Ms, p99Ms, p999Ms, maxMs } = latency.report()
    const checked = windowOf(kind, filled, Math.random)
    const right = await isRight(world.parties.pit, world.layout.postgres.url, checked)
    return {
      figures: { p50Ms, p99Ms, p999Ms, maxMs, failed, right: right ? 1 : 0, fillSeconds },
      services: used,
    }
  } finally {
    await world.stop()
  }
}

/** Fills the database of a layout that has nothing else. */
async function prepare(options: Options, dir: string, note: Note): Promise<Filled> {
  const { rows, perSecond } = options
  note(`the database is kept in ${dir}`)
  const layout = await startLayout({
    dir,
    instances: 0,
    nginx: false,
    redis: false,
    processors: 'none',
  })
  try {
    return await fillLedger({ url: layout.postgres.url, rows, perSecond, note })
  } finally {
    await layout.stop()
  }
}

async function ask(
  world: World,
  { requests, pauseMs }: Options,
  of: { readonly kind: WindowKind; readonly span: Span },
): Promise<AnswerTally> {
  const tally = new AnswerTally()
  const client = new HttpClient({
    target: world.front,
    timeoutMs: TIMEOUT_MS,
    observe: (answer) => tally.record(answer),
  })
  try {
    for (let request = 0; request < requests; request += 1) {
      const window = windowOf(of.kind, of.span, Math.random)
      await client.request({ method: 'GET', path: `/payments-summary${windowQuery(window)}` })
      await pause(pauseMs)
    }
    return tally
  } finally {
    client.close()
  }
}
