// Migrations as starts apply them: once, in turn, from where they were broken off, and never against
// code that could not run on them.

import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { applyByHand } from '../../../src/infra/postgres/migrate-by-hand.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { acceptMany, lease, settled, uuid } from '../../contracts/ledger-words.ts'
import { NEEDED, insertMany, migrationsOf, openTransaction } from '../../support/migrations.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const postgres = await startPostgres(t)
/** Word for word the script that Pits applied before there were migrations. */
const EARLIER = projectFile('compose/migrations/0001-tables.sql')

/** Far beyond what a start needs that does not wait. */
const NEVER_WAITED_FOR_MS = 600_000

/** Digests of migrations that were released: their files never change again. */
const RELEASED: Readonly<Record<string, string>> = {
  '0001-tables.sql': '6fb6a9fd60d79bdfb776a1d297705f06b18685b21444a3e7149cfc0c23c70b38',
  '0002-histories.sql': 'e2e8ac78ba34248d67084061257002006b62b206616a116c2ddb97a54fe9e3e1',
  '0003-archive.sql': '0f568f464c5a4e294580b7eb065ecb650a32d6520b6220c251d0d6fcc3a0335a',
  '0004-watermarks.sql': '70014a33900d23aa7411d9e62474bd685b1862d575a1be258815f3e81a1f1250',
  '0005-renewals.sql': '35ab663b6582ea087ee200665f5b1cfd488985de6586f502a5f473ca25d50611',
  '0006-owned-since.sql': '8f6d8d0dd265252ebff82f3795af26c554fd6656f8dcb9912265408e319a96aa',
}

t.test('a released migration is never edited', async (t) => {
  const folder = projectFile('compose/migrations')
  const digests = await Promise.all(
    (await readdir(folder)).map(async (file) => [
      file,
      createHash('sha256')
        .update(await readFile(join(folder, file)))
        .digest('hex'),
    ]),
  )

  for (const [file, digest] of Object.entries(RELEASED)) {
    t.equal(Object.fromEntries(digests)[file], digest, file)
  }
})

t.test('instances that start at once apply each migration once', async (t) => {
  const url = await postgres.freshDatabase()
  const migrations = await migrationsOf(t, 5, { required: 5 })
  const applied: string[] = []
  const onMigration: Options['onMigration'] = (news) => {
    if (news.state === 'applied') applied.push(news.migration)
  }

  await Promise.all([1, 2, 3].map(() => open(t, url, { migrations, onMigration })))

  t.same(
    applied,
    (await recordsOf(url)).map(({ name }) => name),
  )
  t.equal(applied.length, 5)
  t.match(await recordsOf(url), [
    { applied_by: /^pit \d/ },
    { needs_code: 0 },
    {},
    {},
    { needs_code: 2 },
  ])
})

t.test(
  'the database of a Pit before there were migrations is adopted with all it has',
  async (t) => {
    const url = await postgres.freshDatabase()
    const script = await readFile(EARLIER, 'utf8')
    await runSql(url, script)
    const digest = createHash('sha256').update(script).digest('hex')
    await runSql(
      url,
      `CREATE TABLE applied_schema (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), digest text NOT NULL);
    INSERT INTO applied_schema (digest) VALUES ('${digest}')`,
    )
    await runSql(url, EARLIER_DATA)
    const before = await everythingIn(url)
    // Whatever locked the table against writers would wait for this.
    const writer = await openTransaction(t, url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
    const migrations = await migrationsOf(t, 1)

    const ledger = await open(t, url, { migrations, onWaiting: (reason) => t.fail(reason) })
    await writer.query('COMMIT')

    t.same(await everythingIn(url), before)
    t.match(await recordsOf(url), [{ name: '0001-tables', digest }])
    await runSql(url, NEEDED)
    await checkEarlierData(t, ledger)
    await ledger.close()
    await checkEarlierData(t, await open(t, url, { migrations: await migrationsOf(t, 4) }))
  },
)

t.test('tables of an earlier script than the last one get what they lack', async (t) => {
  const url = await postgres.freshDatabase()
  await runSql(url, await readFile(EARLIER, 'utf8'))
  await runSql(url, EARLIER_DATA)
  await runSql(url, 'ALTER TABLE payments DROP COLUMN parked_at')

  await checkEarlierData(t, await open(t, url))

  t.match(await runSql(url, 'SELECT parked_at FROM payments'), [{ parked_at: null }])
})

t.test('an old Pit runs on newer tables that it survives, and changes nothing there', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 4, { required: 4 }) })
  const before = await tablesOf(url)

  const old = await open(t, url, { migrations: await migrationsOf(t, 1) })

  t.same(await tablesOf(url), before)
  const mine = await lease(old)
  await acceptMany(old, { ...mine, count: 2 })
  await old.record([settled(1)], mine)
  t.equal((await old.summarize({}, [])).summary.default.payments, 1)
})

t.test('a Pit before there were migrations takes the tables for its own', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 4) })

  const [{ digest } = {}] = await runSql(url, 'SELECT digest FROM applied_schema')

  t.equal(digest, RELEASED['0001-tables.sql'], 'by which it knows that its script is applied')
})

t.test('a Pit that is too old for the tables says so at once', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 5) })

  await t.rejects(open(t, url, { migrations: await migrationsOf(t, 1) }), {
    code: 'ledger_unavailable',
    message:
      /too new .*: 0005-drop-parked-at \(by pit \S+\) needs one that knows migration 2, and this one knows 1: start a newer/,
  })
  await t.resolves(open(t, url, { migrations: await migrationsOf(t, 2) }))
})

t.test('a Pit that is too new for the tables names what they lack, at once', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 1) })
  await runSql(
    url,
    `CREATE ROLE weak LOGIN PASSWORD 'p'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak`,
  )
  const before = await tablesOf(url)

  const migrations = await migrationsOf(t, 4, { required: 3 })
  await t.rejects(open(t, url, { migrations, migrate: 'never' }), {
    message: /too old .* needs 0002-add-country, 0003-fill-country: run pit migrate --apply/,
  })
  await t.rejects(open(t, url.replace(/\/\/.*@/, '//weak:p@'), { migrations }), {
    message: /42501\), and these are not applied: 0002-add-country, 0003-fill-country; see/,
  })
  t.same(await tablesOf(url), before)
})

t.test('a migration that older code does not survive is left to a person', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 4, { required: 4 }) })
  const migrations = await migrationsOf(t, 5)
  const reasons: string[] = []

  await open(t, url, {
    migrations,
    onMigration: (news) => news.state === 'waits' && reasons.push(news.reason),
  })
  t.same(reasons, ['pit migrate --apply applies 0005-drop-parked-at'])
  t.equal((await recordsOf(url)).length, 4)
  await t.rejects(open(t, url, { migrations: { ...migrations, required: 5 } }), {
    message: /needs 0005-drop-parked-at: run pit migrate --apply/,
  })

  await applyByHand(url, { source: migrations, onWaiting: (reason) => t.fail(reason) })

  t.equal((await recordsOf(url)).length, 5)
  await t.resolves(open(t, url, { migrations: { ...migrations, required: 5 } }))
})

t.test('a migration whose file was altered after it was applied is refused', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 2) })
  const texts = { '0002-add-country.sql': 'ALTER TABLE payments ADD COLUMN country int;\n' }
  const migrations = await migrationsOf(t, 2, { texts })

  await t.rejects(open(t, url, { migrations, startTimeoutMs: NEVER_WAITED_FOR_MS }), {
    message:
      /^ledger: start failed: migration 0002-add-country is not the 0002-add-country that pit/,
  })
  await t.rejects(applyByHand(url, { source: migrations, onWaiting: () => undefined }), {
    code: 'schema_unfit',
  })
})

t.test('what takes long is applied by an instance that serves already', async (t) => {
  const url = await postgres.freshDatabase()
  await open(t, url, { migrations: await migrationsOf(t, 2) })
  await insertMany(url, 3_000)
  const row = `SELECT FROM payments WHERE correlation_id = '${uuid(2_000)}' FOR UPDATE`
  const holder = await openTransaction(t, url, row)
  const migrations = await migrationsOf(t, 4)

  const ledger = await open(t, url, { migrations })
  t.same(
    (await recordsOf(url)).filter(isDone).map(({ name }) => name),
    ['0001-tables', '0002-add-country'],
  )
  await acceptMany(ledger, { ...(await lease(ledger)), count: 1 })
  await holder.query('COMMIT')

  await waitUntil({ what: 'all migrations are applied' }, async () => {
    const records = await recordsOf(url)
    return records.length === 4 && records.every(isDone)
  })
  t.match(await recordsOf(url), [{}, {}, { changed_rows: /^300[01]$/ }, {}])
  await ledger.close()
})

/** Whether it was applied to its end. */
function isDone({ applied_at: appliedAt }: Readonly<Record<string, unknown>>): boolean {
  return appliedAt !== null
}

type Options = Partial<Parameters<typeof createPostgresLedger>[0]>

async function open(t: Test, connectionString: string, options: Options = {}): Promise<Ledger> {
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString, ...options })
  t.teardown(() => ledger.close())
  return ledger
}

/** What a Pit without migrations has written: one payment in each state, a total, leases, a purge. */
const EARLIER_DATA = `
  INSERT INTO leases (instance_id, expires_at) VALUES ('earlier', '2026-01-01T00:00:00Z');
  UPDATE purges SET count = 3;
  INSERT INTO payments (correlation_id, amount_cents, accepted_at, due_at, requested_at_ms,
    default_doubt_until_ms, owner, claim, rounds, state, processor, attempts) VALUES
    ('${uuid(1)}', 1990, '2026-01-01', NULL, 1000, NULL, 1, 1, 0, 1, 1, '[]'),
    ('${uuid(2)}', 500, '2026-01-01', NULL, NULL, NULL, 1, 1, 2, 2, NULL, '[]'),
    ('${uuid(3)}', 700, '2026-01-01', NULL, NULL, NULL, 1, 1, 0, 0, NULL, NULL),
    ('${uuid(4)}', 900, '2026-01-01', '2026-01-01', NULL, 5000, NULL, 2, 1, 0, NULL, '[]');
  INSERT INTO settled_totals (bucket_ms, payments, cents, level, processor, shard)
    SELECT 0, 1, 1990, level, 1, 1 FROM generate_series(0, 3) AS level;`

async function checkEarlierData(t: Test, ledger: Ledger): Promise<void> {
  const found = await Promise.all([1, 2, 3, 4].map((n) => ledger.find(uuid(n))))
  t.match(found, [
    { state: 'settled', amountCents: 1_990 },
    { state: 'rejected', amountCents: 500 },
    { state: 'pending', amountCents: 700 },
    { state: 'parked', amountCents: 900 },
  ])
  t.match((await ledger.summarize({}, [])).summary.default, { payments: 1, cents: 1_990n })
}

/** Each row of the tables that hold payments, as JSON. */
async function everythingIn(url: string): Promise<unknown> {
  const rows = await Promise.all(
    ['payments', 'settled_totals', 'leases', 'purges'].map((table) =>
      runSql(url, `SELECT to_jsonb(each) AS row FROM ${table} AS each ORDER BY each::text`),
    ),
  )
  return rows
}

/** Columns, indexes and records, with when they were made last. */
async function tablesOf(url: string): Promise<unknown> {
  const parts = await runSql(
    url,
    `SELECT c.relname, c.xmin::text, a.attname, a.atttypid::text, a.xmin::text AS changed
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 3`,
  )
  return [parts, await recordsOf(url)]
}

async function recordsOf(url: string): Promise<readonly Record<string, unknown>[]> {
  return await runSql(url, 'SELECT * FROM applied_migrations ORDER BY number')
}
