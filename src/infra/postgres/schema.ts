// Applies compose/schema.sql at the start, one instance at a time.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { PostgresConnection } from './connection.ts'
import { BOOLEAN, TEXT, readOnlyRow, readRows } from './rows.ts'
import type { Query, Statement } from './rows.ts'
import { projectFile } from '../process/project-file.ts'

/**
 * Brings the tables to what `compose/schema.sql` says, in one transaction. Instances that start at
 * once wait for one another. An unchanged schema is not applied again: even a statement with
 * nothing to do would lock tables against the writers of other instances.
 */
export async function applySchema(connection: PostgresConnection): Promise<void> {
  const schema = await readFile(projectFile('compose/schema.sql'), 'utf8')
  const digest = createHash('sha256').update(schema).digest('hex')
  const { exists } = readOnlyRow(FIND_REGISTRY, await connection.query(FIND_REGISTRY, []))
  if (exists) {
    const [applied] = readRows(READ_DIGEST, await connection.query(READ_DIGEST, []))
    if (applied?.digest === digest) return
  }
  await connection.query(simple(migration(schema, digest)), [])
}

// Any constant will do, as long as nothing else in the database locks it.
const LOCK_KEY = 7_052_028

// The digest is hex: nothing in it needs escaping.
function migration(schema: string, digest: string): string {
  return `
    SET LOCAL statement_timeout = '60s';
    SELECT pg_advisory_xact_lock(${LOCK_KEY});
    CREATE TABLE IF NOT EXISTS applied_schema (
      only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      digest text NOT NULL
    );
    ${schema}
    INSERT INTO applied_schema (digest) VALUES ('${digest}')
      ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest;`
}

function simple(text: string): Statement {
  return { name: 'applySchema', effect: 'writes', protocol: 'simple', text }
}

const FIND_REGISTRY = {
  name: 'findSchema',
  effect: 'reads',
  columns: { exists: BOOLEAN },
  text: `SELECT to_regclass('applied_schema') IS NOT NULL AS exists`,
} satisfies Query

const READ_DIGEST = {
  name: 'readSchema',
  effect: 'reads',
  columns: { digest: TEXT },
  text: 'SELECT digest FROM applied_schema',
} satisfies Query
