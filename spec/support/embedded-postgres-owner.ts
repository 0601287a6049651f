// A process that owns an embedded PostgreSQL, to be killed by a spec. Writes the connection string
// as a line once it runs, and a line for each SIGINT it gets, which it survives.

import { startEmbeddedPostgres } from '../../src/infra/postgres-embedded/embedded-postgres.ts'

process.on('SIGINT', () => process.stdout.write('SIGINT\n'))
const { connectionString } = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '' })
process.stdout.write(`${connectionString}\n`)
process.stdin.resume() // keeps it alive, and ends it with the spec
process.stdin.on('end', () => process.exit())
