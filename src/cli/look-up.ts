// `pit look-up`: payments in doubt are asked for now.

import { exitCodeOf, EXIT_FINE } from '../operator/failures.ts'
import { LOOK_UP_USAGE, readLookUpOptions, runLookUp } from '../operator/look-up-command.ts'
import { openTables } from '../operator/pit-books.ts'
import { findDatabase } from './addresses.ts'
import { confirm } from './confirm.ts'
import { escapedLines } from '../operator/free-text.ts'

const write = (text: string): void => void process.stdout.write(escapedLines(text))

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readLookUpOptions(process.argv.slice(2))
  if (options === undefined) {
    write(LOOK_UP_USAGE)
    return EXIT_FINE
  }
  const pool = openTables(await findDatabase())
  try {
    return await runLookUp(options, { pool, write, confirm })
  } finally {
    await pool.close()
  }
}
