// What a start finds out about tables whose migrations are all recorded.

import { copyFile, mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { applyByHand } from '../../../src/infra/postgres/migrate-by-hand.ts'
import { partsOf } from '../../../src/infra/postgres/schema-parts.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { openTransaction } from '../../support/migrations.ts'
import { LEDGER, makeEnterableFolder, runSql, startPostgres } from '../../support/postgres.ts'

const postgres = await startPostgres(t)
const MIGRATIONS = projectFile('compose/migrations')

/** Far beyond what a start needs that does not wait. */
const NEVER_WAITED_FOR_MS = 600_000

t.test('a start on tables that lack what is recorded names it, and takes no money', async (t) => {
  const lacking: readonly (readonly [sql: string, named: RegExp])[] = [
    ['ALTER TABLE payments DROP COLUMN claimed_at', /there is no payments\.claimed_at; see/],
    [
      'ALTER TABLE settled_totals DROP COLUMN shard',
      /no settled_totals\.shard, settled_totals\(bucket_ms level processor shard\); see/,
    ],
    ['ALTER TABLE payments DROP CONSTRAINT payments_pkey', /no payments\(correlation_id\); see/],
    ['DROP FUNCTION archived_sums', /no archived_sums\(\); see/],
    ['DROP TABLE histories', /no histories\.generation, histories\./],
  ]
  for (const [sql, named] of lacking) {
    const url = await postgres.freshDatabase()
    await (await open(t, url)).close()
    await runSql(url, sql)

    const starting = open(t, url, { startTimeoutMs: NEVER_WAITED_FOR_MS })

    await t.rejects(starting, { message: named, cause: { code: '42704' } }, sql)
  }
})

t.test('a key under another name will do', async (t) => {
  const url = await postgres.freshDatabase()
  await (await open(t, url)).close()
  await runSql(
    url,
    `ALTER TABLE settled_totals DROP CONSTRAINT settled_totals_pkey;
    CREATE UNIQUE INDEX mine ON settled_totals (processor, level, shard, bucket_ms)`,
  )

  await t.resolves(open(t, url))
})

t.test('a start without an index, or with a broken one, says so and goes on', async (t) => {
  const url = await postgres.freshDatabase()
  await (await open(t, url)).close()
  await runSql(
    url,
    `DROP INDEX payments_settled;
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'payments_parked'::regclass`,
  )
  const told: (readonly string[])[] = []

  await open(t, url, { onUnindexed: (indexes) => told.push(indexes) })

  t.same(told, [['payments_parked', 'payments_settled']])
})

t.test('an index that a migration is replacing is not missed', async (t) => {
  const folder = join(await makeEnterableFolder(), 'migrations')
  t.teardown(() => rm(join(folder, '..'), { recursive: true, force: true }))
  await mkdir(folder)
  for (const file of (await readdir(MIGRATIONS)).filter((each) => each < '0006')) {
    await copyFile(join(MIGRATIONS, file), join(folder, file))
  }
  const url = await postgres.freshDatabase()
  await (await open(t, url, { migrations: { folder, required: 5 } })).close()
  const onUnindexed = (indexes: readonly string[]): void => void t.fail(String(indexes))

  const writer = await openTransaction(t, url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
  // A Pit that can do without the index does not wait for it.
  const unhurried = { folder: MIGRATIONS, required: 5 }
  await open(t, url, { migrations: unhurried })
  await waitUntil({ what: 'the index is being built' }, async () => {
    const building = `SELECT FROM pg_index WHERE indexrelid = to_regclass('payments_owned_since')`
    return (await runSql(url, building)).length > 0
  })
  const never = { migrate: 'never', migrations: unhurried, onUnindexed } as const
  await t.resolves(open(t, url, never))
  await writer.query('ROLLBACK')

  const between = await postgres.freshDatabase()
  await (await open(t, between, { migrations: { folder, required: 5 } })).close()
  await runSql(between, 'DROP INDEX payments_owned')
  await t.resolves(open(t, between, never))
})

t.test('every part of the schema is looked for, and every table is in the document', async (t) => {
  const files = (await readdir(MIGRATIONS)).toSorted()
  const texts = await Promise.all(files.map((file) => readFile(join(MIGRATIONS, file), 'utf8')))
  const parts = partsOf(texts.join('\n'))
  const url = await postgres.freshDatabase()
  await t.resolves(applyByHand(url, { onWaiting: (reason) => t.fail(reason) }))
  await t.resolves(open(t, url), 'as types are written there')
  const made = await runSql(url, PARTS)
  const document = await readFile(projectFile('docs/DATABASE.md'), 'utf8')

  t.same(parts.toSorted(), made.map(({ part }) => String(part)).toSorted())
  for (const part of parts.filter((each) => each.includes('.'))) {
    t.match(document, new RegExp(`\\b${part.split('.')[0]}\\b`))
  }
})

/** What the migrations have made, but for the records of them. */
const PARTS = `
  WITH made AS (
    SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace
      AND relname NOT LIKE 'applied%'
  )
  SELECT c.relname || '.' || a.attname AS part FROM made c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p')
  UNION ALL
  SELECT CASE WHEN i.indisunique THEN c.relname || '(' || (
    SELECT string_agg(a.attname::text, ' ' ORDER BY a.attname) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
  ) || ')' ELSE i.indexrelid::regclass::text END
  FROM made c JOIN pg_index i ON i.indrelid = c.oid
  UNION ALL
  SELECT proname || '()' FROM pg_proc WHERE pronamespace = 'public'::regnamespace`

type Options = Partial<Parameters<typeof createPostgresLedger>[0]>

async function open(t: Test, connectionString: string, options: Options = {}) {
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString, ...options })
  t.teardown(() => ledger.close())
  return ledger
}
