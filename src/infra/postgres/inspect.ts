// What a start would meet at a database: asked, and nothing changed.

import { readMigrations } from './migrations.ts'
import { PostgresReconnector } from './reconnector.ts'
import { BOOLEAN, INTEGER, TEXT, readOnlyRow, type Query } from './rows.ts'
import { inspectSchema, type SchemaFindings } from './schema.ts'

export interface DatabaseFindings extends SchemaFindings {
  /** As the server says it: `17.5`. */
  readonly version: string
  /** `170005`. */
  readonly versionNumber: number
  readonly takesWrites: boolean
  /** Whether a commit that is answered outlives a crash of the server. */
  readonly isDurable: boolean
  /** How far PostgreSQL's clock is ahead of this machine's, ms, and by how much that may be wrong. */
  readonly aheadMs: number
  readonly uncertainMs: number
}

/** Bounds on connecting and on each statement, ms. */
const CONNECT_TIMEOUT_MS = 3_000
const STATEMENT_TIMEOUT_MS = 3_000

/** Rejects with the cause where it cannot be reached or refuses the login. */
export async function inspectDatabase(connectionString: string): Promise<DatabaseFindings> {
  const reconnector = new PostgresReconnector({
    connectionString,
    applicationName: 'pit doctor',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  const timer = setTimeout(() => reconnector.destroy(), CONNECT_TIMEOUT_MS + STATEMENT_TIMEOUT_MS)
  try {
    const connection = await reconnector.connect()
    const [before, askedAt] = [Date.now(), performance.now()]
    const row = readOnlyRow(READ_SERVER, await connection.query(READ_SERVER, []))
    const halfMs = (performance.now() - askedAt) / 2
    return {
      ...(await inspectSchema(connection, await readMigrations())),
      version: row.version,
      versionNumber: row.version_number,
      takesWrites: row.takes_writes,
      isDurable: row.is_durable,
      aheadMs: row.now - (before + halfMs),
      uncertainMs: halfMs,
    }
  } finally {
    clearTimeout(timer)
    await reconnector.end()
  }
}

const READ_SERVER = {
  name: 'readServer',
  effect: 'reads',
  columns: {
    version: TEXT,
    version_number: INTEGER,
    takes_writes: BOOLEAN,
    is_durable: BOOLEAN,
    now: INTEGER,
  },
  text: `
  SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
    current_setting('server_version_num')::int AS version_number,
    current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery() AS takes_writes,
    current_setting('synchronous_commit') <> 'off' AND current_setting('fsync') = 'on'
      AS is_durable,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`,
} satisfies Query
