// `pit rejected`: the payments that a processor will never take, and another try for them.

import { EXIT_FINE, exitCodeOf } from '../operator/failures.ts'
import { REJECTED_USAGE, readRejectedOptions, runRejected } from '../operator/rejected-command.ts'
import { openTables } from '../operator/pit-books.ts'
import { findDatabase } from './addresses.ts'
import { confirm } from './confirm.ts'
import { escapedLines } from '../operator/free-text.ts'

const write = (text: string): void => void process.stdout.write(escapedLines(text))

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readRejectedOptions(process.argv.slice(2))
  if (options.kind === 'help') {
    write(REJECTED_USAGE)
    return EXIT_FINE
  }
  const pool = openTables(await findDatabase())
  try {
    return await runRejected(options, { pool, write, confirm })
  } finally {
    await pool.close()
  }
}
