// Fills a ledger with settled payments, made inside PostgreSQL, as if posted at a steady rate, and the
// oldest of them archived.

import pg from 'pg'
import { DAY_MS, ensurePartition } from '../../src/infra/postgres/archive-partitions.ts'
import { openConnection } from '../../src/infra/postgres/connection.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { ALL_PAYMENTS } from '../../src/infra/postgres/sql.ts'

export interface RowsPlan {
  readonly url: string
  readonly rows: number
  /** How many of them are archived, the oldest; absent: none. */
  readonly archived?: number
  /** Days of the archive, those without a payment included. */
  readonly days?: number
  /** Rate at which they seem to have come, payments/s. */
  readonly perSecond: number
  readonly note: (text: string) => void
}

/** Epoch ms; both inclusive. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface Filled extends Span {
  /** 0 when the rows were there. */
  readonly fillSeconds: number
}

/**
 * Makes the rows unless so many are there already, with the totals that the settling
 * statement would have kept, and with all indexes. @returns from the first payment to the last.
 */
export async function fillLedger(plan: RowsPlan): Promise<Filled> {
  // Its start applies the schema.
  const ledger = await createPostgresLedger({
    connectionString: plan.url,
    applicationName: 'pit bench',
    poolMax: 1,
    acceptTimeoutMs: 1_000,
    leaseTimeoutMs: 1_000,
  })
  await ledger.close()
  const client = new pg.Client({ connectionString: plan.url })
  await client.connect()
  try {
    const found = await readSpan(client)
    // Where some are archived, payments are posted to it, too.
    const isThere = plan.archived === undefined ? found.rows === plan.rows : found.rows >= plan.rows
    if (isThere) {
      plan.note(`${plan.rows} payments are there from before`)
      return { ...found, fillSeconds: 0 }
    }
    const startedAt = performance.now()
    await fill(client, plan)
    const fillSeconds = (performance.now() - startedAt) / 1000
    return { ...(await readSpan(client)), fillSeconds }
  } finally {
    await client.end()
  }
}

/**
 * In one transaction, whose tables are new at its end: with `wal_level` minimal nothing of it goes
 * through the log.
 */
async function fill(client: pg.Client, plan: RowsPlan): Promise<void> {
  const { rows, archived = 0, perSecond, note } = plan
  const startedAt = performance.now()
  const tell = (what: string): void =>
    note(`${what}, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
  await client.query(SESSION)
  // On a whole second some days ago, so that windows up to now hold all of it.
  const firstMs = Math.floor(Date.now() / 1000) * 1000 - Math.ceil((rows * 1000) / perSecond)
  await dropPartitions(client)
  if (archived > 0) await makePartitions(plan, firstMs)
  await client.query('BEGIN; TRUNCATE payments, settled_totals')
  const indexes = await dropIndexes(client)
  for (let from = 0, to = 0; from < rows; from = to) {
    const isArchived = from < archived
    to = Math.min(isArchived ? archived : rows, from + CHUNK)
    const insert = isArchived ? INSERT_ARCHIVED : INSERT
    await client.query(insert, [from, to - 1, firstMs, 1000 / perSecond])
    tell(`${to} of ${rows} payments`)
  }
  for (const index of indexes) await client.query(index)
  tell('indexes built')
  await client.query(TOTALS)
  await client.query('COMMIT')
  tell('totals added up, all of it on disk')
  for (const table of ['payments', 'archived_payments', 'known_payments']) {
    await client.query(`VACUUM ${table}`)
  }
  await client.query('ANALYZE payments')
  await client.query('VACUUM (ANALYZE) settled_totals')
  await client.query('CHECKPOINT')
  tell('tables vacuumed')
}

/** One after the other: together they are more than a small server has locks for. */
async function dropPartitions(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent IN ('archived_payments'::regclass, 'known_payments'::regclass)`,
  )
  for (const { name } of rows) await client.query(`DROP TABLE ${name}`)
}

async function makePartitions({ url, days = 1 }: RowsPlan, firstMs: number): Promise<void> {
  const connection = await openConnection({
    connectionString: url,
    applicationName: 'pit bench',
    target: 'read-write',
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
  })
  const known = { table: 'known_payments', widthMs: 366 * DAY_MS } as const
  const daily = { table: 'archived_payments', widthMs: DAY_MS } as const
  for (const at of [firstMs, Date.now()]) await ensurePartition(connection, { ...known, at })
  for (let at = firstMs; at < Date.now() + DAY_MS; at += DAY_MS) {
    await ensurePartition(connection, { ...daily, at })
  }
  for (let day = 1; day < days; day += 1) {
    await ensurePartition(connection, { ...daily, at: firstMs - day * DAY_MS })
  }
  await connection.end()
}

/** @returns the statements that bring them back: built at the end they cost a tenth. */
async function dropIndexes(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ indexname: string; indexdef: string }>(
    `SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') AS indexdef FROM pg_indexes
    WHERE tablename IN ('payments', 'known_payments')`,
  )
  const others = rows.filter(({ indexname }) => indexname !== 'payments_pkey')
  await client.query('ALTER TABLE payments DROP CONSTRAINT payments_pkey')
  for (const { indexname } of others) await client.query(`DROP INDEX ${indexname}`)
  const key = 'ALTER TABLE payments ADD CONSTRAINT payments_pkey PRIMARY KEY (correlation_id)'
  return [key, ...others.map(({ indexdef }) => indexdef)]
}

async function readSpan(client: pg.Client): Promise<Span & { readonly rows: number }> {
  const { rows } = await client.query<{ rows: string; from: string | null; to: string | null }>(
    `SELECT (SELECT coalesce(sum(payments), 0) FROM settled_totals WHERE level = 3) AS rows,
      least((SELECT min(requested_at_ms) FROM payments WHERE state = 1),
        (SELECT min(requested_at_ms) FROM archived_payments)) AS from,
      (SELECT max(requested_at_ms) FROM payments WHERE state = 1) AS to`,
  )
  const [row] = rows
  return { rows: Number(row?.rows ?? 0), from: Number(row?.from ?? 0), to: Number(row?.to ?? 0) }
}

const CHUNK = 250_000

const SESSION = `
  SET synchronous_commit = off;
  SET maintenance_work_mem = '256MB';
  SET work_mem = '64MB'`

/** $1 and $2 the first and last number, $3 the first instant, $4 ms from one to the next. */
const MADE = `
  SELECT gen_random_uuid() AS id, 1 + (i * 7919) % 100000 AS cents,
    to_timestamp(at_ms / 1000.0) AS accepted_at, at_ms, processor,
    jsonb_build_array(jsonb_build_object(
      'processor', CASE processor WHEN 1 THEN 'default' ELSE 'fallback' END, 'requestedAt', at_ms,
      'reason', 'cheaper', 'outcome', 'settled', 'tookMs', 1.25, 'detail', 'http 200'
    )) AS attempts
  FROM (
    SELECT i, ($3::float8 + i * $4::float8)::bigint AS at_ms,
      CASE WHEN i % 10 < 8 THEN 1 ELSE 2 END AS processor
    FROM generate_series($1::bigint, $2::bigint) AS i
  ) AS numbered`

const INSERT = `
  INSERT INTO payments (
    correlation_id, amount_cents, accepted_at, requested_at_ms, owner, state, processor, attempts
  )
  SELECT id, cents, accepted_at, at_ms, 1, 1, processor, attempts FROM (${MADE}) AS made`

const INSERT_ARCHIVED = `
  WITH made AS MATERIALIZED (${MADE}), known AS (
    INSERT INTO known_payments (correlation_id, requested_at_ms, amount_cents)
    SELECT id, at_ms, cents FROM made
  )
  INSERT INTO archived_payments
    (requested_at_ms, amount_cents, accepted_at, correlation_id, processor, attempts)
  SELECT at_ms, cents, accepted_at, id, processor, attempts FROM made`

/** Totals of two instances, each with a shard of its own. */
const TOTALS = `
  INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
  SELECT l.level, p.requested_at_ms - p.requested_at_ms % l.width_ms, p.processor,
    p.amount_cents % 2, count(*), sum(p.amount_cents)
  FROM ${ALL_PAYMENTS} p
  CROSS JOIN (VALUES (0, 1000::bigint), (1, 60000), (2, 3600000), (3, 86400000))
    AS l (level, width_ms)
  WHERE p.state = 1
  GROUP BY 1, 2, 3, 4`
