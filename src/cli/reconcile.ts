// `pit reconcile`: whether Pit's books equal the processors', and if not, where and why.

import { EXIT_FINE, exitCodeOf } from '../operator/failures.ts'
import {
  readReconcileOptions,
  RECONCILE_USAGE,
  runReconcile,
  type ReconcileOutput,
} from '../operator/reconcile-command.ts'
import { findBooks } from './addresses.ts'
import { confirm } from './confirm.ts'

/** Between two lines of progress, ms. */
const ON_TERMINAL_MS = 500
const IN_LOG_MS = 10_000

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readReconcileOptions(process.argv.slice(2))
  if (options === undefined) {
    process.stdout.write(RECONCILE_USAGE)
    return EXIT_FINE
  }
  const output = openOutput()
  try {
    return await runReconcile(options, await findBooks(options.pitUrl), output)
  } finally {
    output.end()
  }
}

/** Progress goes to stderr: on a terminal one line that is drawn anew. */
function openOutput(): ReconcileOutput & { end(): void } {
  const { stderr, stdout } = process
  const periodMs = stderr.isTTY ? ON_TERMINAL_MS : IN_LOG_MS
  let nextAt = performance.now() + periodMs
  let isDrawn = false
  const clear = (): void => {
    if (isDrawn) stderr.write('\r\u001B[K')
    isDrawn = false
  }
  return {
    write: (text) => {
      clear()
      stdout.write(text)
    },
    progress: (line) => {
      if (performance.now() < nextAt) return
      nextAt = performance.now() + periodMs
      clear()
      stderr.write(stderr.isTTY ? line : `${line}\n`)
      isDrawn = stderr.isTTY
    },
    confirm,
    end: clear,
  }
}
