// `pit rejected`: the payments that a processor will never take, and another try for them.

import { createInterface } from 'node:readline/promises'
import { EXIT_FINE, exitCodeOf } from '../operator/failures.ts'
import { REJECTED_USAGE, readRejectedOptions, runRejected } from '../operator/rejected-command.ts'
import { openTables } from '../operator/pit-books.ts'
import { findDatabase } from './addresses.ts'

const write = (text: string): void => void process.stdout.write(text)

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readRejectedOptions(process.argv.slice(2))
  if (options.kind === 'help') {
    write(REJECTED_USAGE)
    return EXIT_FINE
  }
  const pool = openTables(await findDatabase())
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
