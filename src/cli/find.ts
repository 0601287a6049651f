// `pit find`: payments of the whole database that fit a filter.

import { openPaymentFinder } from '../infra/postgres/payment-finder.ts'
import { EXIT_FINE, exitCodeOf } from '../operator/failures.ts'
import { FIND_USAGE, readFindOptions, runFind } from '../operator/find-command.ts'
import { findDatabase } from './addresses.ts'

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const { stdout, stderr } = process
  const options = readFindOptions(process.argv.slice(2))
  if (options === undefined) {
    stdout.write(FIND_USAGE)
    return EXIT_FINE
  }
  const finder = openPaymentFinder({
    connectionString: await findDatabase(),
    applicationName: 'pit find',
  })
  /** A line of progress is wiped away by what comes next. */
  const wipe = (): void => void (stderr.isTTY && stderr.write('\r\u001B[K'))
  try {
    return await runFind(options, {
      finder,
      write: (text) => {
        wipe()
        stdout.write(text)
      },
      note: (line) => {
        wipe()
        stderr.write(`${line}\n`)
      },
      progress: (line) => {
        wipe()
        if (stderr.isTTY) stderr.write(line)
      },
    })
  } finally {
    await finder.close()
  }
}
