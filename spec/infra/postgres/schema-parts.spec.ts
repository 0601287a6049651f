// What is read from the text of migrations.

import t from 'tap'
import type { AppliedMigration } from '../../../src/infra/postgres/migrating.ts'
import type { Migration } from '../../../src/infra/postgres/migrations.ts'
import {
  isIndex,
  partsOf,
  partsRecorded,
  typedColumnsOf,
} from '../../../src/infra/postgres/schema-parts.ts'

const TABLES = `
CREATE TABLE IF NOT EXISTS payments (
  correlation_id uuid PRIMARY KEY,
  amount_cents bigint NOT NULL,
  -- no column:  nobody counts it, and  neither is it the PRIMARY KEY
  CHECK (amount_cents > 0)
);
CREATE TABLE IF NOT EXISTS totals (
  processor smallint,
  bucket_ms bigint,
  -- not by  PRIMARY KEY (bucket_ms)
  PRIMARY KEY (processor, bucket_ms)
);`

const TABLE_PARTS = [
  'payments(correlation_id)',
  'payments.amount_cents',
  'payments.correlation_id',
  'totals(bucket_ms processor)',
  'totals.bucket_ms',
  'totals.processor',
]

function parts(sql: string): readonly string[] {
  return partsOf(sql).toSorted()
}

t.test('tables have their columns, and keys of one column and of many', async (t) => {
  t.same(parts(TABLES), TABLE_PARTS)
})

t.test('columns are added and dropped in turn', async (t) => {
  const added = `ALTER TABLE payments ADD COLUMN IF NOT EXISTS rounds int, DROP COLUMN amount_cents;
    ALTER TABLE totals DROP COLUMN IF EXISTS processor;
    ALTER TABLE totals ADD COLUMN IF NOT EXISTS processor int;`

  const gone = 'payments.amount_cents'
  const expected = [...TABLE_PARTS.filter((part) => part !== gone), 'payments.rounds']
  t.same(parts(`${TABLES}\n${added}`), expected.toSorted())
})

t.test('indexes are made, dropped and renamed in turn, and functions made', async (t) => {
  const made = `CREATE INDEX IF NOT EXISTS one ON payments (amount_cents);
    DROP INDEX IF EXISTS one;
    CREATE INDEX CONCURRENTLY IF NOT EXISTS two ON payments (amount_cents);
    DROP INDEX CONCURRENTLY IF EXISTS two;
    CREATE INDEX IF NOT EXISTS two ON payments (correlation_id);
    CREATE INDEX IF NOT EXISTS three_new ON payments (amount_cents);
    ALTER INDEX IF EXISTS three_new RENAME TO three;
    CREATE OR REPLACE FUNCTION sums(day bigint) RETURNS bigint`

  t.same(parts(made), ['sums()', 'three', 'two'])
  t.same(['payments.processor', 'payments(processor)', 'sums()', 'payments_owned'].map(isIndex), [
    false,
    false,
    false,
    true,
  ])
})

t.test('columns have the types that they were made or added with, each once', async (t) => {
  const added = 'ALTER TABLE payments ADD COLUMN IF NOT EXISTS rounds int;'

  t.same(typedColumnsOf(`${TABLES}\n${added}\n${added}`), [
    'payments.correlation_id:uuid',
    'payments.amount_cents:bigint',
    'totals.processor:smallint',
    'totals.bucket_ms:bigint',
    'payments.rounds:int',
  ])
})

t.test('what a migration works on is not missed before it is at its end', async (t) => {
  const all = [
    migration(1, `${TABLES}\nCREATE INDEX IF NOT EXISTS old ON payments (amount_cents);`),
    migration(
      2,
      'CREATE INDEX IF NOT EXISTS new ON payments (amount_cents);DROP INDEX IF EXISTS old',
    ),
    migration(3, 'CREATE INDEX IF NOT EXISTS last ON totals (bucket_ms);'),
  ]
  const records = all.map(({ number }) => applied(number))
  const recorded = (pending: readonly Migration[], more: readonly number[] = []) =>
    partsRecorded(
      { all, required: 1 },
      { records: [...records, ...more.map(applied)], pending },
    ).toSorted()

  t.same(recorded([]), ['last', 'new', ...TABLE_PARTS])
  t.same(recorded(all.slice(1, 2)), ['last', ...TABLE_PARTS])
  t.same(recorded(all.slice(1)), TABLE_PARTS)
  t.same(recorded([], [4]), [], 'a newer Pit may have taken anything away')
})

function migration(number: number, sql: string): Migration {
  return { number, name: `000${number}-spec`, sql, digest: '', kind: 'transaction', needsCode: 0 }
}

function applied(number: number): AppliedMigration {
  const by = { appliedBy: 'pit 0.1.0', appliedAt: '2026-01-01T00:00:00.000Z', rows: 0 }
  return { number, name: `000${number}-spec`, digest: '', needsCode: 0, ...by }
}
