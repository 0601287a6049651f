// `pit rejected`: the payments that a processor will never take, and another try for them.

import { createInterface } from 'node:readline/promises'
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
  const confirm = process.stdin.isTTY && process.stdout.isTTY ? askAtTerminal : undefined
  try {
    return await runRejected(options, { pool, write, confirm })
  } finally {
    await pool.close()
  }
}

/** Whether the answer is yes; the end of the input is a no. */
async function askAtTerminal(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const ended = new AbortController()
  lines.once('close', () => ended.abort())
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: ended.signal })
    return /^y(es)?$/i.test(answer.trim())
  } catch {
    return false
  } finally {
    lines.close()
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
