// A process that owns an embedded PostgreSQL, to be killed by a spec. Writes the connection string
// as a line once it runs, and a line for each SIGINT it gets, which it survives. A line that it is sent
// ends it by a bug.

import { startEmbeddedPostgres } from '../../src/infra/postgres-embedded/embedded-postgres.ts'

process.on('SIGINT', () => process.stdout.write('SIGINT\n'))
const { connectionString } = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '' })
process.stdout.write(`${connectionString}\n`)
// Keeps it alive, and ends it with the spec; any line is taken for a bug.
process.stdin.on('data', () => {
  throw new Error('a bug')
})
process.stdin.on('end', () => process.exit())
