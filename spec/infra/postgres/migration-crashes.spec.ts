// Migrations that are broken off in the middle, and what others wait for meanwhile.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { applyByHand, planMigrations } from '../../../src/infra/postgres/migrate-by-hand.ts'
import type { MigrationsSource } from '../../../src/infra/postgres/migrations.ts'
import { insertMany, migrationsOf, openTransaction } from '../../support/migrations.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'
import { missing } from '../../support/requirements.ts'

const postgres = await startPostgres(t)

t.test('a transaction that is broken off leaves nothing, and is applied again', async (t) => {
  const { url, source } = await startWith(t, 2, {
    '0002-add-country.sql': `ALTER TABLE payments ADD COLUMN country text;
      SELECT pg_terminate_backend(pg_backend_pid()) FROM crash;`,
  })
  await runSql(url, 'CREATE TABLE crash (times int); INSERT INTO crash VALUES (1)')
  const columns = `SELECT attname FROM pg_attribute
    WHERE attrelid = 'payments'::regclass AND attname = 'country'`
  let broken = 0

  const applying = applyByHand(url, {
    source,
    onWaiting: () => {
      broken += 1
    },
  })
  await waitUntil({ what: 'it was broken off' }, () => Promise.resolve(broken > 0))
  t.same(await runSql(url, columns), [])
  t.equal((await planMigrations(url, source)).pending.length, 1)
  await runSql(url, 'DELETE FROM crash')
  await applying

  t.equal((await runSql(url, columns)).length, 1)
  t.same((await planMigrations(url, source)).pending, [])
})

t.test('batches that are broken off go on from there, and no row is left out', async (t) => {
  const { url, source } = await startWith(t, 3)
  await insertMany(url, 20_000)
  let kills = 0
  const begun: string[] = []

  await applyByHand(url, {
    source,
    onWaiting: () => undefined,
    onNews: ({ migration, state, rows }) => {
      if (state === 'begun') begun.push(migration)
      if (state !== 'going on' || rows < 2_000 * (kills + 1) || kills === 3) return
      kills += 1
      void runSql(url, KILL) // its failure would leave it begun once
    },
  })

  t.ok(begun.filter((name) => name === '0003-fill-country').length > 1, begun.join())
  t.match(await runSql(url, 'SELECT count(*)::int FROM payments WHERE country IS NULL'), [
    { count: 0 },
  ])
  t.match(await runSql(url, 'SELECT changed_rows FROM applied_migrations WHERE number = 3'), [
    { changed_rows: '20000' },
  ])
})

t.test('an index that was broken off is dropped and made again', async (t) => {
  const { url, source } = await startWith(t, 4)
  await insertMany(url, 10)
  const before = await migrationsOf(t, 3)
  await applyByHand(url, { source: before, onWaiting: (reason) => t.fail(reason) })
  const writer = await openTransaction(t, url, 'UPDATE payments SET rounds = 1')
  const applying = applyByHand(url, { source, onWaiting: () => undefined })
  await waitUntil({ what: 'the index waits for the writer' }, async () => {
    const [waiting] = await runSql(url, `${MIGRATING} AND wait_event = 'virtualxid'`)
    return waiting !== undefined
  })
  t.match(await runSql(url, INDEX), [{ indisvalid: false }])
  await runSql(url, KILL)
  await writer.query('COMMIT')

  await applying

  t.match(await runSql(url, INDEX), [{ indisvalid: true }])
  t.same((await planMigrations(url, source)).pending, [])
})

t.test('whoever applies them twice at once, or is broken off, loses nothing', async (t) => {
  const { url, source } = await startWith(t, 5)
  await insertMany(url, 5_000)
  const ended = new AbortController()
  const onWaiting = (reason: string): void => void t.fail(reason)
  const first = applyByHand(url, {
    source,
    onWaiting,
    signal: ended.signal,
    onNews: ({ state }) => {
      if (state === 'going on') ended.abort()
    },
  })

  await t.rejects(first)
  t.match((await planMigrations(url, source)).records.at(-1), { appliedAt: null })
  const applied: string[] = []
  const again = {
    source,
    onWaiting,
    onNews: ({ migration, state }: { migration: string; state: string }) =>
      void (state === 'applied' && applied.push(migration)),
  }
  await Promise.all([applyByHand(url, again), applyByHand(url, again)])

  t.same(applied, ['0003-fill-country', '0004-index-country', '0005-drop-parked-at'])
})

t.test('a batch that takes too long is rolled back, and tried with fewer rows', async (t) => {
  const { url, source } = await startWith(t, 3, {
    // 4 ms for each row: 500 rows would hold locks for 2 s.
    '0003-fill-country.sql': `-- in batches
      WITH batch AS (
        SELECT correlation_id FROM payments WHERE correlation_id > coalesce($1, '${NO_ID}')::uuid
        ORDER BY correlation_id LIMIT $2
      ), changed AS (
        UPDATE payments p SET country = 'none' FROM batch b, pg_sleep(0.004)
        WHERE p.correlation_id = b.correlation_id RETURNING p.correlation_id, pg_sleep(0.004)
      )
      SELECT (SELECT max(correlation_id::text) FROM batch) AS progress,
        (SELECT count(*) FROM changed) AS changed;`,
  })
  await insertMany(url, 100)
  const rows: number[] = []

  await applyByHand(url, {
    source,
    onWaiting: (reason) => t.fail(reason),
    onNews: (news) => {
      if (news.state === 'going on') rows.push(news.rows)
    },
  })

  t.ok((rows[0] ?? 0) <= 62, `the first that was not rolled back changed ${rows[0]} rows`)
  t.equal(rows.at(-1), 100)
})

t.test('nobody waits behind a migration that waits for a lock', async (t) => {
  const { url, source } = await startWith(t, 2)
  const reader = await openTransaction(t, url, 'LOCK TABLE payments IN ACCESS SHARE MODE')
  const reasons: string[] = []
  const applying = applyByHand(url, { source, onWaiting: (reason) => reasons.push(reason) })

  await waitUntil({ what: 'it waits' }, async () => {
    const [waiting] = await runSql(url, `${MIGRATING} AND wait_event_type = 'Lock'`)
    return waiting !== undefined || reasons.length > 0
  })
  // Would wait until the reader ends, which is after it.
  await insertMany(url, 1)
  await waitUntil({ what: 'it has given up' }, () => Promise.resolve(reasons.length > 0))
  await reader.query('COMMIT')
  await applying

  t.match(reasons[0], /lock timeout \(55P03\)/)
  t.same((await planMigrations(url, source)).pending, [])
})

t.test('psql applies the printed script, over what was broken off before', async (t) => {
  const psql = promisify(execFile)
  if ((await psql('psql', ['--version']).catch(() => undefined)) === undefined) {
    missing('no psql on PATH')
    return t.plan(0, 'no psql on PATH')
  }
  const url = await postgres.freshDatabase()
  const source = await migrationsOf(t, 4)
  const apply = async (script: string) => {
    const running = psql('psql', ['-q', '-d', url])
    running.child.stdin?.end(script)
    return await running
  }
  const { script } = await planMigrations(url, source)
  t.equal((await apply(script)).stderr.replace(/^.*NOTICE.*$/gm, '').trim(), '')
  t.same((await planMigrations(url, source)).pending, [])

  await runSql(url, `DELETE FROM applied_migrations WHERE number > 2; DROP INDEX payments_country`)
  await insertMany(url, 2_000)
  await t.rejects(
    runSql(url, `CREATE UNIQUE INDEX CONCURRENTLY payments_country ON payments (amount_cents)`),
  )
  t.match(await runSql(url, INDEX), [{ indisvalid: false }])
  await apply((await planMigrations(url, source)).script)

  const records = (await planMigrations(url, source)).records
  t.match(records, [{}, {}, { rows: 2_000, appliedBy: /^pit / }, {}])
  t.match(await runSql(url, INDEX), [{ indisvalid: true }])
  const ledger = await createPostgresLedger({
    ...LEDGER,
    connectionString: url,
    migrations: source,
  })
  await ledger.close()
})

const NO_ID = '00000000-0000-0000-0000-000000000000'
const MIGRATING = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'pit migrate'`
const KILL = `SELECT pg_terminate_backend(pid) FROM (${MIGRATING}) AS migrating`
const INDEX = `SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('payments_country')`

/** A database with the tables of today, and migrations that are still to be applied to it. */
async function startWith(
  t: Test,
  count: number,
  texts: Readonly<Record<string, string>> = {},
): Promise<{ readonly url: string; readonly source: MigrationsSource }> {
  const url = await postgres.freshDatabase()
  const first = await migrationsOf(t, 1)
  await applyByHand(url, { source: first, onWaiting: (reason) => t.fail(reason) })
  return { url, source: await migrationsOf(t, count, { texts }) }
}
