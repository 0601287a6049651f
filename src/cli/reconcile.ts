// `pit reconcile`: whether Pit's books equal the processors', and if not, where and why.

import { ConfigError, readConfig } from '../config/config.ts'
import { EXIT_FINE, UsageError, exitCodeOf } from '../operator/failures.ts'
import {
  readReconcileOptions,
  RECONCILE_USAGE,
  runReconcile,
  type ReconcileOutput,
} from '../operator/reconcile-command.ts'
import { SIMULATOR_PORTS } from '../app/dev-stack.ts'

/** Between two lines of progress, ms. */
const ON_TERMINAL_MS = 500
const IN_LOG_MS = 10_000

process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))

async function main(): Promise<number> {
  const options = readReconcileOptions(process.argv.slice(2), Date.now())
  if (options === undefined) {
    process.stdout.write(RECONCILE_USAGE)
    return EXIT_FINE
  }
  const output = openOutput()
  try {
    return await runReconcile(options, places(), output)
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
    end: clear,
  }
}

function places(): Parameters<typeof runReconcile>[1] {
  try {
    const config = readConfig(process.env)
    const { databaseUrl, processorDefaultUrl, processorFallbackUrl } = config
    const local = (port: number): string => `http://127.0.0.1:${port}`
    return {
      databaseUrl,
      processors: {
        default: processorDefaultUrl ?? local(SIMULATOR_PORTS.default),
        fallback: processorFallbackUrl ?? local(SIMULATOR_PORTS.fallback),
      },
      token: config.processorToken,
    }
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
