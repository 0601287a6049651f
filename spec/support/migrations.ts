// Migrations that no Pit has: a column that is added, filled for payments that are there, indexed, and
// a column that is taken away, each in its own way.

import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import type { MigrationsSource } from '../../src/infra/postgres/migrations.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { makeEnterableFolder, runSql } from './postgres.ts'

const FIRST = '0001-tables.sql'

/** Tables that the code needs, which come with the second one. */
export const NEEDED = (
  await Promise.all(
    [
      '0002-histories',
      '0003-archive',
      '0005-renewals',
      '0008-lease-lengths',
      '0009-history-tables',
      '0010-history-rows',
    ].map((name) => readFile(projectFile(`compose/migrations/${name}.sql`), 'utf8')),
  )
).join('\n')

/** Those of `docs/DATABASE.md`. */
const TEST_MIGRATIONS: Readonly<Record<string, string>> = {
  '0002-add-country.sql': `-- Where a payment comes from; null: not known.
ALTER TABLE payments ADD COLUMN IF NOT EXISTS country text;
`,
  '0003-fill-country.sql': `-- in batches
WITH batch AS (
  SELECT correlation_id FROM payments
  WHERE correlation_id > coalesce($1, '00000000-0000-0000-0000-000000000000')::uuid
  ORDER BY correlation_id LIMIT $2
), changed AS (
  UPDATE payments p SET country = 'none' FROM batch b
  WHERE p.correlation_id = b.correlation_id AND p.country IS NULL
  RETURNING p.correlation_id
)
SELECT (SELECT max(correlation_id::text) FROM batch) AS progress,
  (SELECT count(*) FROM changed) AS changed;
`,
  '0004-index-country.sql': `-- outside a transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS payments_country ON payments (country);
`,
  '0005-drop-parked-at.sql': `-- needs code from 2
DROP VIEW IF EXISTS payments_readable;
ALTER TABLE payments DROP COLUMN IF EXISTS parked_at;
`,
}

/** Makes the folder, with Pit's first migration and as many of the others as make `count`. */
export async function writeMigrations(
  folder: string,
  count: number,
  texts: Readonly<Record<string, string>> = {},
): Promise<void> {
  await mkdir(folder)
  await copyFile(projectFile(`compose/migrations/${FIRST}`), join(folder, FIRST))
  const others = Object.entries({ ...TEST_MIGRATIONS, ...texts }).slice(0, count - 1)
  for (const [index, [file, text]] of others.entries()) {
    await writeFile(join(folder, file), index === 0 ? text + NEEDED : text)
  }
}

/** Makes the folder, with all of Pit's migrations and those of the specs that older code survives. */
export async function writeLaterMigrations(folder: string): Promise<void> {
  const released = projectFile('compose/migrations')
  await cp(released, folder, { recursive: true })
  const { length } = (await readdir(released)).filter((name) => name.endsWith('.sql'))
  const later = Object.entries(TEST_MIGRATIONS).filter(([, text]) => !text.startsWith('-- needs'))
  for (const [index, [file, text]] of later.entries()) {
    const number = String(length + 1 + index).padStart(4, '0')
    await writeFile(join(folder, file.replace(/^\d+/, number)), text)
  }
}

/**
 * A folder with Pit's first migration and as many of the others as make `count`, some of them with
 * another text; gone at the test's end.
 */
export async function migrationsOf(
  t: Test,
  count: number,
  {
    required = 1,
    texts = {},
  }: { readonly required?: number; readonly texts?: Readonly<Record<string, string>> } = {},
): Promise<MigrationsSource> {
  const parent = await makeEnterableFolder()
  t.teardown(() => rm(parent, { recursive: true, force: true }))
  const folder = join(parent, 'migrations')
  await writeMigrations(folder, count, texts)
  return { folder, required }
}

/** Payments 1 to `count`, parked for long. */
export async function insertMany(url: string, count: number): Promise<void> {
  await runSql(
    url,
    `INSERT INTO payments (correlation_id, amount_cents, due_at)
    SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1990, 'infinity'
    FROM generate_series(1, ${count}) AS n`,
  )
}

/** Open until the spec or the test ends it. */
export async function openTransaction(t: Test, url: string, sql: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  t.teardown(() => client.end())
  await client.connect()
  await client.query(`BEGIN; ${sql}`)
  return client
}
