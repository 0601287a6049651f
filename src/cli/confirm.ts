// A question to whoever sits at the terminal.

import { createInterface } from 'node:readline/promises'

/** Undefined where nobody does. */
export const confirm = process.stdin.isTTY && process.stdout.isTTY ? askAtTerminal : undefined

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
