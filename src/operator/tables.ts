// A connection of an operator's tool to Pit's tables.

import { PostgresPool } from '../infra/postgres/pool.ts'

/** Bound on one statement, ms: an operator waits longer than a client. */
const TIMEOUT_MS = 30_000

/** Connects when it is first used; the schema is taken as it is. */
export function openTables(connectionString: string): PostgresPool {
  return new PostgresPool({
    connectionString,
    applicationName: 'pit operator',
    connectTimeoutMs: 5000,
    size: 1,
    timeoutMs: TIMEOUT_MS,
    statementTimeoutMs: TIMEOUT_MS,
  })
}
