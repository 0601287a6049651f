// `pit rejected`: the payments that a processor will never take, and another try for one.

import { ConfigError, readConfig } from '../config/config.ts'
import { EXIT_FINE, UsageError, exitCodeOf } from '../operator/failures.ts'
import { REJECTED_USAGE, readRejectedOptions, runRejected } from '../operator/rejected-command.ts'
import { openTables } from '../operator/pit-books.ts'

const write = (text: string): void => void process.stdout.write(text)

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readRejectedOptions(process.argv.slice(2))
  if (options.kind === 'help') {
    write(REJECTED_USAGE)
    return EXIT_FINE
  }
  const pool = openTables(databaseUrl())
  try {
    return await runRejected(options, { pool, write })
  } finally {
    await pool.close()
  }
}

function databaseUrl(): string {
  try {
    const url = readConfig(process.env).databaseUrl
    if (url === undefined)
      throw new UsageError('DATABASE_URL is not set; --help says what is needed')
    return url
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
