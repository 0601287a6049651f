// What is sent to PostgreSQL to apply a migration of each kind: by Pit itself, or by psql.

import { readVersion } from '../process/project-file.ts'
import { concurrentIndexIn, statementsOf, type Migration } from './migrations.ts'

// Any constant will do, as long as nothing else in the database locks it.
export const LOCK_KEY = 7_052_028

/** Bound on a step that holds up nobody, or on the first one, ms: years of payments are indexed. */
export const MIGRATION_TIMEOUT_MS = 3_600_000
/** Bound on a statement that others wait for, its own wait for a lock included, ms. */
const HELD_MAX_MS = 400
/** Bound on waiting for a lock: whoever comes after it waits as long, ms. */
const LOCK_WAIT_MS = 300

/** Rows of the first batch. */
export const BATCH_ROWS = 500
/** Bounds on a batch, ms: on its wait for a lock, and on all of it. */
const BATCH_LOCK_WAIT_MS = 100
export const BATCH_MAX_MS = 250

/** In one message, which is one transaction. */
export function transactionSql(migration: Migration): string {
  const isFirst = migration.number === 1
  return `${bounds(LOCK_WAIT_MS, isFirst ? MIGRATION_TIMEOUT_MS : HELD_MAX_MS)}
    ${isFirst ? firstSql(migration) : `${migration.sql};`}
    ${recordOf(migration)}`
}

/** The digest is hex: nothing in it needs escaping. A Pit that counts none takes its script for applied. */
function firstSql({ sql, digest }: Migration): string {
  return `
    CREATE TABLE IF NOT EXISTS applied_schema (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      digest text NOT NULL
    );
    ${sql};
    INSERT INTO applied_schema (digest) VALUES ('${digest}')
      ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest;`
}

/** What waits for all transactions there are, and lets all of them write meanwhile, may take long. */
const HOLDS_UP_NOBODY = /\bCONCURRENTLY\b|\bVALIDATE CONSTRAINT\b/i

/** For what runs outside of a transaction. */
export function sessionBounds(statement: string): string {
  return HOLDS_UP_NOBODY.test(statement)
    ? bounds(0, MIGRATION_TIMEOUT_MS, 'SESSION')
    : bounds(LOCK_WAIT_MS, HELD_MAX_MS, 'SESSION')
}

/**
 * Gives one row: `rows` that were changed so far, and whether it is `done`. A crash that forgets the
 * last batches forgets how far they came, too: they need not be on disk.
 */
export function batchSql(migration: Migration, limit: number): string {
  return `${bounds(BATCH_LOCK_WAIT_MS, BATCH_MAX_MS)} SET LOCAL synchronous_commit = off;
    DO $pit_batch$ DECLARE step record; BEGIN ${batchStep(migration, limit)} END $pit_batch$;
    SELECT changed_rows AS rows, applied_at IS NOT NULL AS done
    FROM applied_migrations WHERE number = ${migration.number}`
}

/** In PL/pgSQL, with a record `step`. */
function batchStep(migration: Migration, limit: number): string {
  return `
    EXECUTE $pit_sql$ ${statementsOf(migration).join()} $pit_sql$ INTO STRICT step
      USING (SELECT progress FROM applied_migrations WHERE number = ${migration.number}), ${limit};
    UPDATE applied_migrations SET progress = coalesce(step.progress, progress),
      changed_rows = changed_rows + step.changed,
      applied_at = CASE WHEN step.progress IS NULL THEN now() END
    WHERE number = ${migration.number};`
}

/** One script for psql that applies them: what `applyMigrations` does, in the same bounds. */
export function scriptOf(pending: readonly Migration[]): string {
  const parts = pending.map((migration) => `\n-- ${migration.name}\n${scriptPart(migration)}\n`)
  return `-- Pit ${readVersion()}: apply with psql, and again from where it was broken off.
\\set ON_ERROR_STOP on
SELECT pg_advisory_lock(${LOCK_KEY});
${REGISTRY}${parts.join('')}
SELECT pg_advisory_unlock(${LOCK_KEY});
`
}

function scriptPart(migration: Migration): string {
  switch (migration.kind) {
    case 'transaction':
      return `BEGIN;\n${transactionSql(migration)}\nCOMMIT;`
    case 'statements':
      return [...statementsOf(migration).map(scriptStatement), recordOf(migration)].join('\n')
    case 'batches':
      return `${bounds(BATCH_LOCK_WAIT_MS, MIGRATION_TIMEOUT_MS, 'SESSION')}
${recordOf(migration, 'begun')}
DO $pit_batch$
DECLARE step record;
BEGIN LOOP ${batchStep(migration, BATCH_ROWS)}
  COMMIT; EXIT WHEN step.progress IS NULL;
END LOOP; END $pit_batch$;`
  }
}

function scriptStatement(statement: string): string {
  const index = concurrentIndexIn(statement)
  const drop =
    index === undefined
      ? ''
      : `SELECT 'DROP INDEX CONCURRENTLY ${index}' FROM pg_index
  WHERE indexrelid = to_regclass('${index}') AND NOT indisvalid \\gexec\n`
  return `${sessionBounds(statement)}\n${drop}${statement};`
}

function bounds(lockMs: number, statementMs: number, scope: 'LOCAL' | 'SESSION' = 'LOCAL'): string {
  return `SET ${scope} lock_timeout = ${lockMs}; SET ${scope} statement_timeout = ${statementMs};`
}

/** `begun` for batches that are under way. Names and digests have no character that would need escaping. */
export function recordOf(migration: Migration, state: 'begun' | 'applied' = 'applied'): string {
  const { number, name, digest, needsCode } = migration
  const appliedAt = state === 'applied' ? 'now()' : 'NULL'
  return `INSERT INTO applied_migrations (number, name, digest, needs_code, applied_by, applied_at)
    VALUES (${number}, '${name}', '${digest}', ${needsCode}, 'pit ${readVersion()}', ${appliedAt})
    ON CONFLICT (number) DO NOTHING;`
}

export const REGISTRY = `
CREATE TABLE IF NOT EXISTS applied_migrations (
  number int PRIMARY KEY,
  name text NOT NULL,
  digest text NOT NULL,
  -- Lowest number that code has to know to run; 0: any code runs.
  needs_code int NOT NULL,
  applied_by text NOT NULL,
  -- Null while its batches are under way, which stand at progress.
  applied_at timestamptz,
  progress text,
  changed_rows bigint NOT NULL DEFAULT 0
);
`
