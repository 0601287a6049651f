// npm run bench:migration: how long anybody waits for a lock, and what clients are answered, while a
// Pit serves that does not know the migrations which are applied to a table of many payments.

import { randomUUID } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { applyByHand } from '../src/infra/postgres/migrate-by-hand.ts'
import { startEmbeddedPostgres } from '../src/infra/postgres-embedded/embedded-postgres.ts'
import { freePort } from '../src/infra/process/free-port.ts'
import { projectFile } from '../src/infra/process/project-file.ts'
import { writeLaterMigrations } from '../spec/support/migrations.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    rate: { type: 'string', default: '150' },
    before: { type: 'string', default: '60' },
    dir: { type: 'string', default: tmpdir() },
  },
})
/** Payments in the table, posts a second, and seconds of those before the migrations. */
const [rows, rate, before] = [Number(values.rows), Number(values.rate), Number(values.before)]

const folder = await mkdtemp(join(values.dir, 'pit-migration-'))
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data') })
const { connectionString } = postgres
const [port, opsPort] = [await freePort(), await freePort()]
const pit = spawn(process.execPath, [projectFile('dist/main.js')], {
  env: {
    DATABASE_URL: connectionString,
    PORT: String(port),
    OPS_PORT: String(opsPort),
    SIMULATOR_DEFAULT_PORT: '0',
    SIMULATOR_FALLBACK_PORT: '0',
    LOG_LEVEL: 'silent',
    DATA_DIR: join(folder, 'simulators'),
  },
  stdio: ['ignore', 'ignore', 'inherit'],
})
try {
  await measure()
} finally {
  pit.kill('SIGTERM')
  await once(pit, 'exit')
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

async function measure(): Promise<void> {
  await ready()
  await fill()
  const withoutMigrations = await during(() => pause(before * 1_000))
  print('before', withoutMigrations)
  await writeLaterMigrations(join(folder, 'migrations'))
  const source = { folder: join(folder, 'migrations'), required: 1 }
  const startedAt = performance.now()
  const told = (text: string): void =>
    say(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s: ${text}`)
  const migrating = await during(() =>
    applyByHand(connectionString, {
      source,
      onWaiting: told,
      onNews: ({ migration, state, rows: changed }) => {
        if (state !== 'going on') told(`${migration} ${state}, ${changed} rows`)
      },
    }),
  )
  print('meanwhile', migrating)
}

async function ready(): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
    await pause(100)
  }
  throw new Error('Pit is not ready within 60 s')
}

async function fill(): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const batch = 500_000
  for (let done = 0; done < rows; done += batch) {
    await client.query(`
      INSERT INTO payments (correlation_id, amount_cents, requested_at_ms, owner, claim, state, processor)
      SELECT gen_random_uuid(), 1990, n, 1, 1, 1, 1
      FROM generate_series(${done + 1}, ${Math.min(rows, done + batch)}) AS n`)
  }
  await client.query('ANALYZE payments')
  await client.end()
  say(`${rows} payments are there`)
}

interface Seen {
  readonly answers: Map<string, number>
  readonly tookMs: number[]
  /** Longest wait of one of Pit's own statements for a lock, as seen every 20 ms. */
  waitedMs: number
}

async function during(work: () => Promise<unknown>): Promise<Seen> {
  const seen: Seen = { answers: new Map(), tookMs: [], waitedMs: 0 }
  const ended = new AbortController()
  const watching = watchLocks(seen, ended.signal)
  const posts: Promise<void>[] = []
  const startedAt = performance.now()
  const timer = setInterval(() => {
    while (posts.length < ((performance.now() - startedAt) * rate) / 1_000) posts.push(post(seen))
  }, 5)
  await work()
  clearInterval(timer)
  await Promise.all(posts)
  ended.abort()
  await watching
  return seen
}

async function post({ answers, tookMs }: Seen): Promise<void> {
  const startedAt = performance.now()
  const answer = await fetch(`http://127.0.0.1:${port}/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ correlationId: randomUUID(), amount: 19.9 }),
    signal: AbortSignal.timeout(10_000),
  }).catch(() => undefined)
  await answer?.arrayBuffer().catch(() => undefined)
  tookMs.push(performance.now() - startedAt)
  const status = String(answer?.status ?? 'none')
  answers.set(status, (answers.get(status) ?? 0) + 1)
}

async function watchLocks(seen: Seen, signal: AbortSignal): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  while (!signal.aborted) {
    const { rows: found } = await client.query<{ waited: number | null }>(`
      SELECT max(extract(epoch FROM clock_timestamp() - waitstart) * 1000)::float8 AS waited
      FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE NOT granted AND application_name <> 'pit migrate'`)
    seen.waitedMs = Math.max(seen.waitedMs, found[0]?.waited ?? 0)
    await pause(20)
  }
  await client.end()
}

function print(when: string, { answers, tookMs, waitedMs }: Seen): void {
  const sorted = tookMs.toSorted((a, b) => a - b)
  const at = (share: number): string =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0)
  const told = [...answers].map(([status, count]) => `${status}: ${count}`).join(', ')
  say(
    `${when}: ${sorted.length} posts, ${told}; p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
      `longest ${at(1)} ms; longest wait for a lock ${waitedMs.toFixed(0)} ms`,
  )
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
