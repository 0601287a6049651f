// Applies compose/schema.sql at the start, one instance at a time.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { PostgresConnection, Query } from './connection.ts'
import { projectFile } from '../process/project-file.ts'

/**
 * Brings the tables to what `compose/schema.sql` says, in one transaction. Instances that start at
 * once wait for one another. An unchanged schema is not applied again: even a statement with
 * nothing to do would lock tables against the writers of other instances.
 */
export async function applySchema(connection: PostgresConnection): Promise<void> {
  const schema = await readFile(projectFile('compose/schema.sql'), 'utf8')
  const digest = createHash('sha256').update(schema).digest('hex')
  const [registry] = await connection.query<{ exists: boolean }>(FIND_REGISTRY, [])
  if (registry?.exists === true) {
    const [applied] = await connection.query<{ digest: string }>(READ_DIGEST, [])
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

function simple(text: string): Query {
  return { name: 'applySchema', effect: 'writes', protocol: 'simple', text }
}

const FIND_REGISTRY: Query = {
  name: 'findSchema',
  effect: 'reads',
  text: `SELECT to_regclass('applied_schema') IS NOT NULL AS exists`,
}

const READ_DIGEST: Query = {
  name: 'readSchema',
  effect: 'reads',
  text: 'SELECT digest FROM applied_schema',
}
